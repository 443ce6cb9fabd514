import { join } from "node:path";
import { DEFAULT_PATH, WHOLE_VARIABLE } from "../../core/inherited.ts";
import type { Task } from "../../core/task.ts";
import { TOKEN_VARIABLE, TREE_VARIABLE, treeMarker } from "../../home/tree-marker.ts";
import type { Places, Ports } from "../ports.ts";
import { EnvFileRefused, readEnvFile } from "./env-file.ts";

/** Returns the id of the task that a folder belongs to, its own or `<id>.kept`; undefined for every other name. */
export function taskOfFolder(name: string): number | undefined {
  const id = /^(\d+)(?:\.kept)?$/.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Returns the folders of one task. */
export function foldersOf(ports: Pick<Ports, "places">, id: number) {
  return foldersIn(ports.places, id);
}

function foldersIn(places: Places, id: number) {
  const folder = join(places.tasks, String(id));
  // Not inside the task's own folder: the task may empty that, or need an empty one.
  const kept = `${folder}.kept`;
  return {
    /** AGENTCTL_TASK_DIR: the task's own folder, kept through pauses. */
    folder,
    kept,
    artifacts: join(kept, "artifacts"),
    checkpoint: join(kept, "checkpoint"),
    /** The stored input or the FIFO for the task's stdin. A write to `stdinEnd` ends the holder of that FIFO. */
    stdin: join(kept, "stdin"),
    stdinEnd: join(kept, "stdin-end"),
    logs: join(places.logs, String(id)),
  };
}

/** Returns the file with the lines that a coding agent wrote in an attempt. */
export function rawLogFile(ports: Pick<Ports, "places">, id: number, attempt: number): string {
  return join(ports.places.tasks, String(id), "agent", `${attempt}.jsonl`);
}

/** Returns the log file of one attempt. */
export function logFile(ports: Pick<Ports, "places">, id: number, attempt: number): string {
  return join(ports.places.logs, String(id), `${attempt}.log`);
}

/**
 * Returns a task's environment without agentctl's own variables: the environment of the shell that submitted it, or
 * else five basic variables and the given ones. The variables in its file, as it is now, are added. Throws if a file
 * cannot be read.
 */
export function taskEnvironment(
  ports: Pick<Ports, "environments" | "baseEnv">,
  { envHash, envFile }: EnvironmentFields,
): TaskEnvironment {
  const stored = ports.environments.get(envHash);
  const base = stored[WHOLE_VARIABLE] === undefined ? ports.baseEnv : {};
  if (envFile) return withoutOwnVariables({ ...base, ...stored, ...variablesOf(envFile) });
  const cached = envCache.get(stored);
  if (cached) return cached;
  const env = withoutOwnVariables({ ...base, ...stored });
  envCache.set(stored, env);
  return env;
}

/** The fields of a task that decide which variables it gets. */
type EnvironmentFields = Pick<Task, "envHash" | "envFile">;

function variablesOf(file: string): Record<string, string> {
  try {
    return readEnvFile(file);
  } catch (error) {
    if (!(error instanceof EnvFileRefused)) throw error;
    throw new Error(`its environment file cannot be used: ${error.message}`, { cause: error });
  }
}

export type TaskEnvironment = Readonly<Record<string, string>>;

/** A cache by kept environment: a thousand tasks from one shell share one entry. */
const envCache = new WeakMap<TaskEnvironment, TaskEnvironment>();

function withoutOwnVariables(env: Record<string, string>): TaskEnvironment {
  for (const name of Object.keys(env)) if (name.startsWith("AGENTCTL_")) delete env[name];
  return env;
}

/** Returns the whole environment of an attempt. */
export function environmentOf(
  { places }: Pick<Ports, "places">,
  task: Task,
  attempt: { n: number; token: string },
  env: TaskEnvironment,
): Record<string, string> {
  const folders = foldersIn(places, task.id);
  return {
    PYTHONUNBUFFERED: "1",
    ...env,
    PATH: `${places.path}:${env.PATH ?? DEFAULT_PATH}`,
    AGENTCTL_HOME: places.home,
    AGENTCTL_SOCKET: places.socket,
    AGENTCTL_NODE: places.node,
    AGENTCTL_TASK_ID: String(task.id),
    AGENTCTL_ATTEMPT: String(attempt.n),
    [TOKEN_VARIABLE]: attempt.token,
    [TREE_VARIABLE]: treeMarker(attempt.token),
    AGENTCTL_TASK_DIR: folders.folder,
    ...(task.slotNumbers ? { AGENTCTL_SLOT: task.slotNumbers.join(",") } : {}),
    ...(task.checkpoint ? { AGENTCTL_CHECKPOINT: folders.checkpoint } : {}),
  };
}
