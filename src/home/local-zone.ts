/**
 * The local zone, as the system's other programs have it by TZ. Of the values that POSIX allows there, Node knows the names
 * of zones and some fixed offsets, and takes the rest for UTC without a word.
 */
import { realpathSync } from "node:fs";

/** What to do where the zone is not known. */
export const ZONE_HINT = "set TZ to a zone's name (TZ=America/New_York)";

/** The name of the zone that `TZ` says, where it has one; undefined where agentctl cannot compute with it. */
export function localZone(TZ: string | undefined): string | undefined {
  const text = (TZ ?? "").replace(/^:/, "");
  if (text === "") return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  if (text.startsWith("/")) return zoneOfFile(text);
  return named(text) ?? fixed(text);
}

/**
 * Runs `compute` with the local zone that `env.TZ` says, `env` being the variables of this process; undefined where Node
 * has another one.
 */
export function inLocalZone<T>(env: Record<string, string | undefined>, compute: () => T): T | undefined {
  const { TZ } = env;
  const text = (TZ ?? "").replace(/^:/, "");
  if (text === "" || named(text) || isFixedAsComputed(text)) return compute();
  const zone = localZone(TZ);
  if (zone === undefined) return undefined;
  env.TZ = zone;
  try {
    return compute();
  } finally {
    env.TZ = TZ;
  }
}

function named(zone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** `/etc/localtime`, which leads to the file of a zone. */
function zoneOfFile(path: string): string | undefined {
  try {
    const [, zone = ""] = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(realpathSync(path)) ?? [];
    return named(zone);
  } catch {
    return undefined;
  }
}

const FIXED = /^(?:[A-Za-z]{3,}|<[\w+-]{3,}>)([+-]?)(\d{1,2})(?::(\d{2}))?$/;

/** `JST-9`: hours west of Greenwich, as in the names of the zones without a place. */
function fixed(zone: string): string | undefined {
  const [, sign, hours, minutes = "0"] = FIXED.exec(zone) ?? [];
  if (hours === undefined || Number(minutes) !== 0) return undefined;
  return named(`Etc/GMT${Number(hours) === 0 ? "" : `${sign || "+"}${Number(hours)}`}`);
}

function isFixedAsComputed(zone: string): boolean {
  const [, sign, hours, minutes = "0"] = FIXED.exec(zone) ?? [];
  if (hours === undefined) return false;
  const west = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  return new Date(0).getTimezoneOffset() === west && new Date(15_552_000_000).getTimezoneOffset() === west;
}
