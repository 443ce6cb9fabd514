/** Finds the adapter of an agent. */
import type { AgentFacts, BuiltInAgent } from "../core/agents.ts";
import { openAcp } from "./acp/open.ts";
import type { OpenAgent } from "./adapter/types.ts";
import { openClaude } from "./claude/open.ts";
import { openCodex } from "./codex/open.ts";
import { openGemini } from "./gemini/open.ts";
import { openOpencode } from "./opencode/open.ts";
import { openOwn } from "./own/open.ts";

const builtIn: Record<BuiltInAgent, OpenAgent> = {
  claude: openClaude,
  codex: openCodex,
  opencode: openOpencode,
  gemini: openGemini,
};

/** Returns the adapter for a built-in agent, for a user's own agent with commands, or for one that speaks ACP. */
export function adapterOf({ name, commands }: AgentFacts): OpenAgent {
  if (commands) return (run) => openOwn(run, commands);
  const open = Object.entries(builtIn).find(([builtInName]) => builtInName === name)?.[1];
  return open ?? ((run) => openAcp(run));
}
