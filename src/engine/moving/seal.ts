/** Encrypts variables with a passphrase (scrypt and AES-256-GCM), for a file that others may get. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { bundleRefusal } from "./bundle-file.ts";

/** scrypt with 128 MiB, as OWASP recommends (N = 2^17, r = 8, p = 1). */
const COST = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const deriveKey = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt as never);

/** Returns the bytes encrypted, so that only the passphrase can decrypt them. */
export async function seal(bytes: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const cipher = createCipheriv("aes-256-gcm", await deriveKey(passphrase, salt, 32, COST), nonce);
  const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), text]);
}

/** Returns the decrypted bytes; throws `BundleRefused` if the passphrase is wrong or a bit has changed. */
export async function unseal(sealed: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, rest] = [sealed.subarray(0, SALT_BYTES), sealed.subarray(SALT_BYTES)];
  const key = await deriveKey(passphrase, salt, 32, COST);
  const decipher = createDecipheriv("aes-256-gcm", key, rest.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(rest.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(rest.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    throw bundleRefusal(
      "the passphrase does not open its variables",
      "give the passphrase that it was exported with",
    );
  }
}
