/** Encrypts the variables of tasks for the database. The database never holds the key of the cluster. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { AgentctlError } from "../../core/errors.ts";

const NONCE = 12;
const TAG = 16;

/** Encrypts with AES-256-GCM. */
export function seal(key: Buffer, bytes: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

/** Decrypts what `seal` returned. Throws `StoreUnavailable` if the key is a different one. */
export function unseal(key: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE));
  decipher.setAuthTag(sealed.subarray(NONCE, NONCE + TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]);
  } catch (cause) {
    throw wrongKey(cause);
  }
}

/** Returns the value that the database holds instead of the key, to tell the right key from a wrong one. */
export function keyCheck(key: Buffer): string {
  return createHmac("sha256", key).update("agentctl cluster").digest("hex");
}

/** Returns the error for a key that is not the cluster's. */
export function wrongKey(cause?: unknown, reason = "the key is not that of this cluster"): AgentctlError {
  const hint = "cluster.key is in the home of the machine that made the cluster";
  return new AgentctlError("StoreUnavailable", { reason, hint }, { cause });
}
