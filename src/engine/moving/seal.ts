/** Encrypts variables with a passphrase (scrypt and AES-256-GCM), for a file that others may get. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { refused } from "./bundle-file.ts";

/** scrypt with 128 MiB, as OWASP recommends (N = 2^17, r = 8, p = 1). */
const COST = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const SALT = 16;
const NONCE = 12;
const TAG = 16;

const keyFrom = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt as never);

/** Returns the bytes encrypted, so that only the passphrase can decrypt them. */
export async function seal(bytes: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, nonce] = [randomBytes(SALT), randomBytes(NONCE)];
  const cipher = createCipheriv("aes-256-gcm", await keyFrom(passphrase, salt, 32, COST), nonce);
  const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), text]);
}

/** Returns the decrypted bytes; throws `BundleRefused` if the passphrase is wrong or a bit has changed. */
export async function unseal(sealed: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, rest] = [sealed.subarray(0, SALT), sealed.subarray(SALT)];
  const key = await keyFrom(passphrase, salt, 32, COST);
  const decipher = createDecipheriv("aes-256-gcm", key, rest.subarray(0, NONCE));
  decipher.setAuthTag(rest.subarray(NONCE, NONCE + TAG));
  try {
    return Buffer.concat([decipher.update(rest.subarray(NONCE + TAG)), decipher.final()]);
  } catch {
    throw refused(
      "the passphrase does not open its variables",
      "give the passphrase that it was exported with",
    );
  }
}
