import { randomBytes } from "node:crypto";

const TOKEN_BYTES = 24;
/** How many tokens to draw at once: asking the system for many random bytes costs as much as asking for few. */
const POOL_SIZE = 64;

let pool = Buffer.alloc(0);

/** Returns a unique secret of 192 random bits, safe in an environment variable. */
export function newToken(): string {
  if (pool.length === 0) pool = randomBytes(TOKEN_BYTES * POOL_SIZE);
  const token = pool.toString("base64url", 0, TOKEN_BYTES);
  pool = pool.subarray(TOKEN_BYTES);
  return token;
}
