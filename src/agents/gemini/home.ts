import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { asObject, member, objectOf } from "../adapter/json.ts";
import type { Json } from "../adapter/types.ts";

const SETTINGS = "settings.json";
const HOOK_TIMEOUT_MS = 86_400_000;

type Environment = Record<string, string | undefined>;

/**
 * Makes a home for Gemini CLI in a folder of the task: the user's settings plus those that agentctl needs, and links to
 * the user's other files, so that sessions stay in the user's list. Only root could use its system settings instead.
 */
export function geminiHome(dir: string, env: Environment, hook: string | null): string {
  const userFolder = userFolderOf(env);
  const home = join(dir, "gemini-home");
  const ownFolder = join(home, ".gemini");
  mkdirSync(userFolder, { recursive: true, mode: 0o700 });
  mkdirSync(ownFolder, { recursive: true, mode: 0o700 });
  for (const name of new Set([...readdirSync(userFolder), "tmp", "history"])) {
    if (name === SETTINGS) continue;
    if (["tmp", "history"].includes(name))
      mkdirSync(join(userFolder, name), { recursive: true, mode: 0o700 });
    rmSync(join(ownFolder, name), { force: true });
    symlinkSync(join(userFolder, name), join(ownFolder, name));
  }
  writeFileSync(join(ownFolder, SETTINGS), JSON.stringify(withOverrides(settingsIn(userFolder), hook)), {
    mode: 0o600,
  });
  return home;
}

/**
 * Removes what loading a session leaves behind: a second file of the session, without messages. When Gemini CLI starts
 * and finds such a file, it deletes all files of that session.
 */
export function dropEmptyFiles(env: Environment, session: string): void {
  const projects = join(userFolderOf(env), "tmp");
  const end = `-${session.slice(0, 8)}.jsonl`;
  for (const project of namesIn(projects)) {
    const chats = join(projects, project, "chats");
    const files = namesIn(chats).filter((name) => name.startsWith("session-") && name.endsWith(end));
    const empty = files.map((name) => join(chats, name)).filter((file) => isEmpty(file, session));
    if (empty.length < files.length) for (const file of empty) rmSync(file, { force: true });
  }
}

function isEmpty(file: string, session: string): boolean {
  const lines = readFileSync(file, "utf8").split("\n").map(objectOf);
  return lines[0]?.sessionId === session && lines.every((line) => line?.type === undefined);
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function userFolderOf({ HOME, GEMINI_CLI_HOME }: Environment): string {
  return join(GEMINI_CLI_HOME ?? HOME ?? "/", ".gemini");
}

function settingsIn(folder: string): Json {
  const file = join(folder, SETTINGS);
  return existsSync(file) ? (objectOf(readFileSync(file, "utf8")) ?? {}) : {};
}

/** Adds the hook, and turns off updates during a task and the deletion of sessions that another process just began. */
function withOverrides(settings: Json, hook: string | null): Json {
  const quiet = { enableAutoUpdate: false, sessionRetention: { enabled: false } };
  const merged = { ...settings, general: { ...member(settings, "general"), ...quiet } };
  return hook === null ? merged : withHook(merged, hook);
}

function withHook(settings: Json, command: string): Json {
  const hooks = asObject(settings.hooks) ?? {};
  const existing = Array.isArray(hooks.BeforeTool) ? hooks.BeforeTool : [];
  const entry = {
    matcher: ".*",
    hooks: [{ name: "agentctl", type: "command", command, timeout: HOOK_TIMEOUT_MS }],
  };
  return { ...settings, hooks: { ...hooks, BeforeTool: [...existing, entry] } };
}
