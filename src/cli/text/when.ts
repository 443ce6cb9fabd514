import { formatDuration } from "../../core/time.ts";

/** Returns a local time for people: the time of day if it is within 12 hours, else also the date. */
export function whenText(iso: string, now: number): string {
  const at = new Date(iso);
  const two = (number: number) => String(number).padStart(2, "0");
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (Math.abs(at.getTime() - now) < 43_200_000) return clock;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`;
}

/** Returns how long it is until `iso`, or `now` if it is due. */
export function untilText(iso: string, now: number): string {
  const rest = Date.parse(iso) - now;
  return rest <= 0 ? "now" : `in ${formatDuration(rest < 10_000 ? Math.ceil(rest / 1000) * 1000 : rest)}`;
}

/** Returns an age in one unit: `12s`, `5m`, `3h`, `2d`. */
export function ageText(iso: string, now: number): string {
  const age = Math.max(0, now - Date.parse(iso));
  return age < 1000 ? "0s" : formatDuration(age - (age % 1000), 1);
}

/** Returns a size in bytes as text for people. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
