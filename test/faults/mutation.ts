/** Spoils a message for the fuzz of the protocol: its values if it is JSON, and its bytes. */
import type { Chance } from "./chance.ts";

/** Values that have broken parsers, schemas, terminals and kernels before. */
const NASTY: readonly unknown[] = [
  null,
  true,
  "",
  "\u0000",
  "..",
  "../../../etc/passwd",
  "/",
  "a\nb",
  "\u001b[2J",
  "\u202e",
  "\ud800",
  "x".repeat(70_000),
  "9".repeat(400),
  "1 or 1=1",
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  -(2 ** 63),
  [],
  {},
  [[[[[[]]]]]],
  ["true"],
  { __proto__: null, constructor: 1, toString: 2, length: -1 },
  "2999-12-31T23:59:59Z",
  "0000-00-00T00:00:00Z",
  "default",
  "constructor",
];

/** Returns a message with wrong values. It is always a line of JSON, so that the daemon also reads the next one. */
export function spoiledValues(frame: Buffer, chance: Chance): Buffer {
  const message = asJson(frame);
  if (message === undefined) return Buffer.from("{}");
  for (let n = chance.within(0, 3); n > 0; n--) spoilValue(message, chance);
  return Buffer.from(JSON.stringify(message));
}

function asJson(frame: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(frame.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces a value, removes one, adds one, or copies one to another place. */
function spoilValue(message: object, chance: Chance): void {
  const places = placesIn(message).filter(([, key]) => key !== "jsonrpc" && key !== "method");
  const [holder, key] = chance.oneOf(places) ?? [];
  const [otherHolder, otherKey] = chance.oneOf(places) ?? [];
  if (holder === undefined || key === undefined) return;
  const kind = chance.within(0, 9);
  if (kind === 0) delete holder[key];
  else if (kind === 1)
    holder[`${chance.oneOf(["extra", "__proto__", "token", ""])}`] = structuredClone(chance.oneOf(NASTY));
  else if (kind === 2 && otherHolder && otherKey) holder[key] = structuredClone(otherHolder[otherKey]);
  else holder[key] = structuredClone(chance.oneOf(NASTY));
}

type Holder = Record<string, unknown>;

function placesIn(value: unknown): [Holder, string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): [Holder, string][] => [
    [value as Holder, key],
    ...placesIn(inner),
  ]);
}

/** Returns a message with wrong bytes, which is usually not JSON any more. */
export function spoiledBytes(frame: Buffer, chance: Chance): Buffer {
  let bytes: Buffer = Buffer.from(frame);
  for (let n = chance.within(1, 4); n > 0; n--) bytes = spoiledOnce(bytes, chance);
  return bytes;
}

function spoiledOnce(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.within(0, bytes.length);
  const to = Math.min(bytes.length, at + chance.within(0, 20));
  const noise = Buffer.from(Array.from({ length: chance.within(1, 8) }, () => chance.within(0, 255)));
  switch (chance.within(0, 4)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from("\n"), bytes.subarray(at)]);
    default:
      return Buffer.concat([
        bytes.subarray(0, at),
        noise,
        bytes.subarray(Math.min(bytes.length, at + noise.length)),
      ]);
  }
}
