/**
 * The local time zone, as other programs of the system read it from TZ. POSIX allows more values than Node supports:
 * Node knows zone names and some fixed offsets, and silently treats every other value as UTC.
 */
import { realpathSync } from "node:fs";

/** The hint for an unknown zone. */
export const ZONE_HINT = "set TZ to a zone's name (TZ=America/New_York)";

/** Returns the name of the zone that `TZ` means; undefined if agentctl cannot compute with it. */
export function localZone(TZ: string | undefined): string | undefined {
  const text = (TZ ?? "").replace(/^:/, "");
  if (text === "") return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  if (text.startsWith("/")) return zoneOfFile(text);
  return canonicalZone(text) ?? fixedOffsetZone(text);
}

/**
 * Runs `compute` in the local zone that `env.TZ` means; `env` holds the variables of this process. Returns undefined if
 * agentctl cannot compute with that zone.
 */
export function inLocalZone<T>(env: Record<string, string | undefined>, compute: () => T): T | undefined {
  const { TZ } = env;
  const text = (TZ ?? "").replace(/^:/, "");
  if (text === "" || canonicalZone(text) || isFixedAsComputed(text)) return compute();
  const zone = localZone(TZ);
  if (zone === undefined) return undefined;
  env.TZ = zone;
  try {
    return compute();
  } finally {
    env.TZ = TZ;
  }
}

function canonicalZone(zone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Returns the zone of a path such as `/etc/localtime`, a link to a zone file. */
function zoneOfFile(path: string): string | undefined {
  try {
    const [, zone = ""] = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(realpathSync(path)) ?? [];
    return canonicalZone(zone);
  } catch {
    return undefined;
  }
}

const FIXED_OFFSET = /^(?:[A-Za-z]{3,}|<[\w+-]{3,}>)([+-]?)(\d{1,2})(?::(\d{2}))?$/;

/** Parses `JST-9`: the number counts hours west of Greenwich, as in the names of `Etc/GMT` zones. */
function fixedOffsetZone(zone: string): string | undefined {
  const [, sign, hours, minutes = "0"] = FIXED_OFFSET.exec(zone) ?? [];
  if (hours === undefined || Number(minutes) !== 0) return undefined;
  return canonicalZone(`Etc/GMT${Number(hours) === 0 ? "" : `${sign || "+"}${Number(hours)}`}`);
}

function isFixedAsComputed(zone: string): boolean {
  const [, sign, hours, minutes = "0"] = FIXED_OFFSET.exec(zone) ?? [];
  if (hours === undefined) return false;
  const minutesWest = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  return (
    new Date(0).getTimezoneOffset() === minutesWest &&
    new Date(15_552_000_000).getTimezoneOffset() === minutesWest
  );
}
