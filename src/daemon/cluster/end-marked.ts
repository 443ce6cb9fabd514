import type { Engine } from "../../engine/index.ts";

/** Ends every process of a task of this home: others have taken these tasks. */
export async function endMarked({ runner, places }: Engine): Promise<void> {
  for (const { pid } of runner.marked(places.home)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
