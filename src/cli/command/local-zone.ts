import { Refusal } from "./define.ts";

/**
 * Refuses a time without a zone where the local zone of the system's other programs is not the one that Node computes
 * with: of the values that POSIX allows for TZ, Node knows the names of zones and some fixed offsets, and takes the
 * rest for UTC without a word.
 */
export function refuseUnknownZone(text: string, zone: string | undefined): void {
  if (!zone || isKnown(zone.replace(/^:/, ""))) return;
  throw new Refusal(
    `the zone of ${JSON.stringify(text)} is not known: TZ=${zone} is none that agentctl can compute with; ` +
      "write the time with its zone (2031-01-15T12:00-05:00), or set TZ to a zone's name (TZ=America/New_York)",
  );
}

function isKnown(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return isFixedAsComputed(zone);
  }
}

/** `JST-9`: hours west of Greenwich. */
function isFixedAsComputed(zone: string): boolean {
  const [, sign, hours, minutes = "0"] =
    /^(?:[A-Za-z]{3,}|<[\w+-]{3,}>)([+-]?)(\d{1,2})(?::(\d{2}))?$/.exec(zone) ?? [];
  if (hours === undefined) return false;
  const west = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  return new Date(0).getTimezoneOffset() === west && new Date(15_552_000_000).getTimezoneOffset() === west;
}
