import { existsSync, readFileSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import { defaultSettings, type Settings } from "../engine/index.ts";

/** The settings of `config.json` over the defaults; a value that is no natural number is refused by name. */
export function readSettings(file: string): Settings {
  if (!existsSync(file)) return { ...defaultSettings };
  const given = parse(file);
  const settings = { ...defaultSettings };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultSettings, name))
      throw refused(file, `there is no setting ${JSON.stringify(name)}`);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw refused(file, `${name} must be a whole number, not ${JSON.stringify(value)}`);
    }
    settings[name as keyof Settings] = value;
  }
  return settings;
}

function parse(file: string): Record<string, unknown> {
  try {
    const given: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof given === "object" && given !== null && !Array.isArray(given))
      return given as Record<string, unknown>;
  } catch (error) {
    throw refused(file, (error as Error).message);
  }
  throw refused(file, "it must hold an object");
}

function refused(file: string, reason: string): AgentctlError {
  return new AgentctlError("DaemonUnreachable", {
    reason: `${file}: ${reason}`,
    file,
    hint: `mend or remove ${file}`,
  });
}
