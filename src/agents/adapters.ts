/** Every adapter by the name of its agent. */
import type { OpenAgent } from "./adapter/types.ts";
import { openClaude } from "./claude/open.ts";
import { openCodex } from "./codex/open.ts";
import { openGemini } from "./gemini/open.ts";
import { openOpencode } from "./opencode/open.ts";

/** The adapter of an agent; undefined where there is none. */
export function adapterOf(name: string): OpenAgent | undefined {
  return { claude: openClaude, codex: openCodex, gemini: openGemini, opencode: openOpencode }[name];
}
