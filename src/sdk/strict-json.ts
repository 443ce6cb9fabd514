/**
 * JSON that loses nothing silently. `JSON.stringify` drops functions, turns NaN into null and a Map into `{}`. A task
 * would find that out days later, after a resume. The known rules of JSON remain: undefined properties are left out,
 * instances become their fields, and `toJSON` is called.
 */

/**
 * Returns the JSON text of `value`, or undefined for undefined. Throws a TypeError that names the first part that JSON
 * would lose, such as `value.items[2].run is a function`. `label` is the name of the whole, here `value`.
 */
export function toJson(value: unknown, label: string): string | undefined {
  if (value === undefined) return undefined;
  check(value, label, new Map());
  return JSON.stringify(value);
}

/** Parses a text that {@link toJson} has returned. Returns undefined for undefined. */
export function fromJson(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

/** The nesting that a message may have (see protocol/framing.ts), less some levels for the message around the value. */
const MAX_DEPTH = 1000;

type Ancestors = Map<object, string>;

function check(value: unknown, path: string, ancestors: Ancestors): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) refuse(path, String(value));
      return;
    case "object":
      if (value !== null) checkObject(value, path, ancestors);
      return;
    case "undefined":
      refuse(path, "undefined");
      return;
    default:
      refuse(path, `a ${typeof value}`);
  }
}

function checkObject(value: object, path: string, ancestors: Ancestors): void {
  const cycle = ancestors.get(value);
  if (cycle) throw new TypeError(`${path} leads back to ${cycle}, which JSON cannot hold`);
  if (ancestors.size >= MAX_DEPTH)
    throw new TypeError(`${path.slice(0, 200)}… is nested deeper than ${MAX_DEPTH}`);
  ancestors.set(value, path);
  if (hasToJson(value)) checkConverted(value, path, ancestors);
  else if (Array.isArray(value)) checkArray(value, path, ancestors);
  else checkFields(value, path, ancestors);
  ancestors.delete(value);
}

function hasToJson(value: object): value is { toJSON: (key: string) => unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

function checkConverted(
  value: { toJSON: (key: string) => unknown },
  path: string,
  ancestors: Ancestors,
): void {
  if (value instanceof Date && Number.isNaN(value.getTime())) refuse(path, "an invalid Date");
  const converted = value.toJSON("");
  if (converted !== value) check(converted, path, ancestors);
}

function checkArray(value: unknown[], path: string, ancestors: Ancestors): void {
  for (let index = 0; index < value.length; index++) check(value[index], `${path}[${index}]`, ancestors);
}

function checkFields(value: object, path: string, ancestors: Ancestors): void {
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  if (!isPlain(value) && (ArrayBuffer.isView(value) || Object.keys(value).length === 0))
    refuse(path, `a ${value.constructor?.name || "class instance"}`);
  for (const [key, field] of fields) check(field, path + accessor(key), ancestors);
}

/** Whether `value` is a plain object, also if it comes from another realm, such as that of `node:vm`. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function accessor(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function refuse(path: string, kind: string): never {
  throw new TypeError(`${path} is ${kind}, which JSON cannot hold`);
}
