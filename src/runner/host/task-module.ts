import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { asDefinition, type TaskDefinition } from "../../sdk/define-task.ts";
import { withPlace } from "./syntax.ts";

/** The module does not export a task. */
class NoTask extends Error {}

/** Whether loading failed because of the code as written, and so would fail again, and not because of what it did. */
export function isCodeError(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const { code } = thrown as NodeJS.ErrnoException;
  return (
    thrown instanceof NoTask ||
    thrown instanceof SyntaxError ||
    thrown.name === "TransformError" ||
    /^ERR_(?:MODULE|PACKAGE|UNKNOWN_FILE|UNSUPPORTED_DIR)/.test(String(code))
  );
}

/** Loads the module and returns the task that it exports. Throws if it exports none, or if loading it throws. */
export async function loadTask(path: string): Promise<TaskDefinition> {
  const loaded = await importModule(path);
  // CommonJS, and code compiled to it, has its exports one level deeper.
  const inner = (loaded.default as { default?: unknown } | null | undefined)?.default;
  const definition = asDefinition(loaded.default) ?? asDefinition(inner);
  if (definition) return definition;
  const isProgram = isEmpty(loaded) || isEmpty(loaded.default);
  throw new NoTask(
    `${path} does not export a task: export default defineTask(async (task, input) => …)${isProgram ? "; to run it as a program, call agentctl run node <file>" : ""}`,
  );
}

async function importModule(path: string): Promise<{ default?: unknown }> {
  try {
    // If it were imported as the first file, its `require` would find no ES module, and so not agentctl.
    if (path.endsWith(".cts")) return { default: createRequire(path)(path) };
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw withPlace(error, path);
  }
}

function isEmpty(exports: unknown): boolean {
  return typeof exports === "object" && exports !== null && Object.keys(exports).length === 0;
}
