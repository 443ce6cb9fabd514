import { randomBytes } from "node:crypto";

const BYTES = 24;
/** To ask the system for bytes costs as much for many as for few. */
const AT_ONCE = 64;

let pool = Buffer.alloc(0);

/** A secret of 192 random bits that nothing else bears, safe in an environment. */
export function newToken(): string {
  if (pool.length === 0) pool = randomBytes(BYTES * AT_ONCE);
  const token = pool.toString("base64url", 0, BYTES);
  pool = pool.subarray(BYTES);
  return token;
}
