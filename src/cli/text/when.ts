import { formatDuration } from "../../core/time.ts";

/** Returns a local time for people: the time of day if it is within 12 hours, else also the date. */
export function whenText(iso: string, now: number): string {
  const date = new Date(iso);
  const pad = (number: number) => String(number).padStart(2, "0");
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  if (Math.abs(date.getTime() - now) < 43_200_000) return clock;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
}

/** Returns how long it is until `iso`, or `now` if it is due. */
export function untilText(iso: string, now: number): string {
  const remaining = Date.parse(iso) - now;
  return remaining <= 0
    ? "now"
    : `in ${formatDuration(remaining < 10_000 ? Math.ceil(remaining / 1000) * 1000 : remaining)}`;
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
