import { pathToFileURL } from "node:url";
import { asDefinition, type TaskDefinition } from "../../sdk/define-task.ts";

/** Loads the module and gives the task that it exports; throws what its loading throws. */
export async function loadTask(path: string): Promise<TaskDefinition> {
  const loaded: { default?: unknown } = await import(pathToFileURL(path).href);
  // CommonJS, and what was compiled to it, has its exports one level down.
  const inner = (loaded.default as { default?: unknown } | null | undefined)?.default;
  const definition = asDefinition(loaded.default) ?? asDefinition(inner);
  if (definition) return definition;
  throw new Error(`${path} does not export a task: export default defineTask(async (task, input) => …)`);
}
