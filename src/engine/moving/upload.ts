/** Bundles cross the socket in pieces. Until they are imported or read, they are in the home, for its owner only. */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { bundlePath, noBundle } from "../files/bundle-path.ts";
import type { Ports } from "../ports.ts";

/** The largest size of a piece. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Factor for what a bundle has in addition to what `move.maxBytes` counts: the headers of its archive and journal. */
const SIZE_FACTOR = 2;
/** A bundle that was not read or imported within this time is deleted. */
const MAX_AGE_MS = 24 * 3_600_000;

/** Returns a piece of a bundle and the offset of the next. With the last piece it is null and the bundle is deleted. */
export async function readPiece(
  engine: Engine,
  { bundle, offset, length }: { bundle: string; offset: number; length: number },
): Promise<{ data: Buffer; next: number | null }> {
  const path = bundlePath(engine, bundle);
  if (!existsSync(path)) throw noBundle(bundle);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const maxBytes = Math.max(0, Math.min(length, PIECE_BYTES, size - offset));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, offset);
    const next = offset + bytesRead;
    if (next >= size) rmSync(path, { force: true });
    return { data: buffer.subarray(0, bytesRead), next: next >= size ? null : next };
  } finally {
    await file.close();
  }
}

/** Appends a piece to a bundle; without a name, to a new bundle. */
export async function writePiece(
  engine: Engine,
  { bundle = randomUUID(), offset, data }: { bundle?: string | undefined; offset: number; data: Buffer },
): Promise<string> {
  const path = bundlePath(engine, bundle);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (offset !== size) {
    const reason = `the bundle has ${size} bytes, and this piece begins at ${offset}`;
    throw new AgentctlError("InvalidParams", { field: "offset", reason });
  }
  const limit = engine.settings.moveMaxBytes * SIZE_FACTOR;
  if (size + data.length > limit) {
    rmSync(path, { force: true });
    const reason = `the bundle has more than ${limit} bytes, and move.maxBytes is ${engine.settings.moveMaxBytes} here`;
    const hint = "agentctl config set move.maxBytes <n>, in this home";
    throw new AgentctlError("BundleRefused", { reason, hint });
  }
  const file = await open(path, "a", 0o600);
  try {
    await file.writeFile(data);
  } catch (error) {
    // If the disk is full, the incomplete bundle must not use up space.
    rmSync(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return bundle;
}

/** How many bytes of a bundle are searched for the id of its move. */
const SEARCH_BYTES = 1024;

/** Deletes the bundles that interrupted calls left of a finished move. */
export async function dropBundlesOf({ places }: Pick<Ports, "places">, move: string): Promise<void> {
  const marker = `"move":${JSON.stringify(move)}`;
  for (const name of readdirSync(places.bundles)) {
    if (!name.endsWith(".bundle")) continue;
    const path = join(places.bundles, name);
    if ((await readStart(path)).includes(marker)) rmSync(path, { force: true });
  }
}

async function readStart(path: string): Promise<Buffer> {
  const file = await open(path).catch(() => undefined);
  if (!file) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SEARCH_BYTES), 0, SEARCH_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Deletes bundles that were abandoned. */
export function dropOldBundles({ places, clock }: Pick<Ports, "places" | "clock">): void {
  for (const name of readdirSync(places.bundles)) {
    const path = join(places.bundles, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() && stat.mtimeMs < clock.now() - MAX_AGE_MS) rmSync(path, { force: true });
  }
}
