/** Every adapter by the name of its agent. */
import type { OpenAgent } from "./adapter/types.ts";
import { openClaude } from "./claude/open.ts";
import { openCodex } from "./codex/open.ts";

/** The adapter of an agent; undefined where there is none. */
export function adapterOf(name: string): OpenAgent | undefined {
  return { claude: openClaude, codex: openCodex }[name];
}
