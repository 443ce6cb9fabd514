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
const HOOK_MS = 86_400_000;

/**
 * A home for Gemini CLI in a folder of the task: the user's settings with one more hook, and links to everything else of
 * the user's, so that sessions stay in the user's list. Its system settings would serve only root.
 */
export function geminiHome(
  dir: string,
  { HOME, GEMINI_CLI_HOME }: Record<string, string | undefined>,
  hook: string,
): string {
  const users = join(GEMINI_CLI_HOME ?? HOME ?? "/", ".gemini");
  const home = join(dir, "gemini-home");
  const own = join(home, ".gemini");
  mkdirSync(users, { recursive: true, mode: 0o700 });
  mkdirSync(own, { recursive: true, mode: 0o700 });
  for (const name of new Set([...readdirSync(users), "tmp", "history"])) {
    if (name === SETTINGS) continue;
    if (["tmp", "history"].includes(name)) mkdirSync(join(users, name), { recursive: true, mode: 0o700 });
    rmSync(join(own, name), { force: true });
    symlinkSync(join(users, name), join(own, name));
  }
  writeFileSync(join(own, SETTINGS), JSON.stringify(withHook(settingsIn(users), hook)), { mode: 0o600 });
  return home;
}

function settingsIn(folder: string): Json {
  const file = join(folder, SETTINGS);
  return existsSync(file) ? (objectOf(readFileSync(file, "utf8")) ?? {}) : {};
}

function withHook(settings: Json, command: string): Json {
  const hooks = asObject(settings.hooks) ?? {};
  const before = Array.isArray(hooks.BeforeTool) ? hooks.BeforeTool : [];
  const ours = { matcher: ".*", hooks: [{ name: "agentctl", type: "command", command, timeout: HOOK_MS }] };
  const general = { ...member(settings, "general"), enableAutoUpdate: false };
  return { ...settings, general, hooks: { ...hooks, BeforeTool: [...before, ours] } };
}
