/** Every adapter by the name of its agent. */
import type { BuiltInAgent } from "../core/agents.ts";
import { openAcp } from "./acp/open.ts";
import type { OpenAgent } from "./adapter/types.ts";
import { openClaude } from "./claude/open.ts";
import { openCodex } from "./codex/open.ts";
import { openGemini } from "./gemini/open.ts";
import { openOpencode } from "./opencode/open.ts";

const builtIn: Record<BuiltInAgent, OpenAgent> = {
  claude: openClaude,
  codex: openCodex,
  opencode: openOpencode,
  gemini: openGemini,
};

/** The adapter of a built-in agent, or of one that speaks the Agent Client Protocol. */
export function adapterOf(name: string): OpenAgent {
  const open = Object.entries(builtIn).find(([known]) => known === name)?.[1];
  return open ?? ((run) => openAcp(run));
}
