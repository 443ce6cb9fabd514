import { defined } from "../../core/defined.ts";
import type { AgentctlError } from "../../core/errors.ts";
import { type Answers, canContinue } from "../../engine/index.ts";
import type { Result } from "../../protocol/methods.ts";
import { surroundings } from "../views/surroundings.ts";
import { taskJson } from "../views/task-json.ts";
import type { Daemon } from "./context.ts";

/** Returns the outcome for each of many tasks, as the socket shows it. */
export async function manyJson(
  { engine }: Daemon,
  { results, left }: Answers,
): Promise<Extract<Result<"tasks/pause">, { results: unknown }>> {
  const context = await surroundings(engine);
  return {
    results: results.map((result) => {
      if ("error" in result) {
        const { code, message, data } = (result.error as AgentctlError).toWire();
        return { id: result.id, ok: false, changed: false, error: { code, message, data } };
      }
      const { id, task, changed, memoryBytes, processes } = result;
      return {
        id,
        ok: true,
        changed,
        task: { ...taskJson(task, context), result: null },
        ...defined({ memoryBytes, processes }),
        ...(task.state === "suspended" ? { continues: task.frozen || canContinue(task) } : {}),
      };
    }),
    left: left.map(({ task, reason }) => ({ id: task.id, state: task.state, reason })),
  };
}
