/**
 * The format of a bundle: one line of JSON; the sections that it lists, one after the other; the SHA-256 of all bytes
 * before it, in hexadecimal, and a newline. The JSON lists each section with its length and its SHA-256.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { AgentctlError } from "../../core/errors.ts";

/** The format and its version; other formats are refused. */
const FORMAT = "agentctl-bundle-1";
const SEAL_BYTES = 65;
const MAX_HEADER_BYTES = 32 * 1024 * 1024;

/** The content of a section. */
export interface Source {
  name: string;
  from: Buffer | { file: string };
}

interface Section {
  name: string;
  length: number;
  sha256: string;
}

interface Header<T> {
  format: string;
  facts: T;
  sections: Section[];
}

/** A bundle whose checksums have been verified. */
export interface Bundle<T> {
  facts: T;
  /** Returns whether there is such a section. */
  has(name: string): boolean;
  names: string[];
  bytes(name: string): Promise<Buffer>;
  /** Copies a section to a new file with mode 0600. */
  copy(name: string, to: string): Promise<void>;
}

/** Writes a bundle; it gets its name when it is complete and on disk. Returns its size and SHA-256, seal included. */
export async function writeBundle(
  path: string,
  manifest: object,
  sources: readonly Source[],
): Promise<{ size: number; sha256: string }> {
  const sections: Section[] = [];
  for (const { name, from } of sources) sections.push({ name, ...(await measure(from)) });
  const header: Header<object> = { format: FORMAT, facts: manifest, sections };
  const draft = `${path}.part`;
  const file = await open(draft, "w", 0o600);
  try {
    const seal = createHash("sha256");
    const fileHash = createHash("sha256");
    let size = 0;
    const write = async (bytes: Buffer, isSeal = false) => {
      if (!isSeal) seal.update(bytes);
      fileHash.update(bytes);
      size += bytes.length;
      await file.writeFile(bytes);
    };
    await write(Buffer.from(`${JSON.stringify(header)}\n`));
    for (const { from } of sources) for await (const chunk of chunksOf(from)) await write(chunk);
    await write(Buffer.from(`${seal.digest("hex")}\n`), true);
    await file.sync();
    await rename(draft, path);
    return { size, sha256: fileHash.digest("hex") };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function measure(from: Source["from"]): Promise<{ length: number; sha256: string }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of chunksOf(from)) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, sha256: hash.digest("hex") };
}

async function* chunksOf(from: Source["from"]): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(from)) yield from;
  else for await (const chunk of createReadStream(from.file)) yield chunk as Buffer;
}

/** Reads a whole bundle and verifies its checksums. Throws `BundleRefused`. */
export async function readBundle<T>(path: string): Promise<Bundle<T>> {
  const { size } = await stat(path).catch(() => {
    throw bundleRefusal("it is not there any more");
  });
  const file = await open(path);
  try {
    const { header, start } = await readHeader<T>(file);
    const positions = new Map<string, { offset: number; length: number }>();
    let offset = start;
    for (const { name, length } of header.sections) {
      positions.set(name, { offset, length });
      offset += length;
    }
    if (offset + SEAL_BYTES !== size)
      throw bundleRefusal(`it has ${size} bytes and should have ${offset + SEAL_BYTES}: it was cut`);
    await requireIntact(file, header.sections, { start, end: offset });
    return bundleOf(path, header.facts, positions);
  } finally {
    await file.close();
  }
}

async function readHeader<T>(file: FileHandle): Promise<{ header: Header<T>; start: number }> {
  let bytes = Buffer.alloc(0);
  for (let lineEnd = -1; lineEnd < 0; lineEnd = bytes.indexOf(10)) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, bytes.length);
    bytes = Buffer.concat([bytes, buffer.subarray(0, bytesRead)]);
    if (bytesRead === 0 || bytes.length > MAX_HEADER_BYTES)
      throw bundleRefusal("it is not a bundle, or it was cut");
  }
  const start = bytes.indexOf(10) + 1;
  const header = parseHeader<T>(bytes.subarray(0, start - 1).toString("utf8"));
  if (header.format !== FORMAT)
    throw bundleRefusal(`its form is ${JSON.stringify(header.format)}, and ${FORMAT} is known here`);
  return { header, start };
}

function parseHeader<T>(text: string): Header<T> {
  try {
    const header = JSON.parse(text) as Header<T>;
    const isSection = ({ name, length }: Section) =>
      typeof name === "string" && Number.isSafeInteger(length) && length >= 0;
    if (header.facts && Array.isArray(header.sections) && header.sections.every(isSection)) return header;
  } catch {
    // Refused below.
  }
  throw bundleRefusal("it is not a bundle, or it was changed");
}

async function requireIntact(
  file: FileHandle,
  sections: readonly Section[],
  { start, end }: { start: number; end: number },
): Promise<void> {
  const seal = createHash("sha256");
  await hashRange(file, 0, start, [seal]);
  let offset = start;
  for (const { name, length, sha256 } of sections) {
    const sectionHash = createHash("sha256");
    await hashRange(file, offset, length, [seal, sectionHash]);
    offset += length;
    if (sectionHash.digest("hex") !== sha256) throw bundleRefusal(`its part ${name} was changed`);
  }
  const { buffer } = await file.read(Buffer.alloc(SEAL_BYTES), 0, SEAL_BYTES, end);
  if (buffer.toString("latin1") !== `${seal.digest("hex")}\n`) throw bundleRefusal("it was changed");
}

async function hashRange(file: FileHandle, from: number, length: number, hashes: Hash[]): Promise<void> {
  const piece = Buffer.alloc(256 * 1024);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, length - done), from + done);
    if (bytesRead === 0) throw bundleRefusal("it was cut");
    for (const hash of hashes) hash.update(piece.subarray(0, bytesRead));
    done += bytesRead;
  }
}

function bundleOf<T>(
  path: string,
  manifest: T,
  positions: Map<string, { offset: number; length: number }>,
): Bundle<T> {
  const chunks = async function* (name: string): AsyncGenerator<Buffer> {
    const { offset, length } = positions.get(name) ?? { offset: 0, length: 0 };
    if (length === 0) return;
    for await (const chunk of createReadStream(path, { start: offset, end: offset + length - 1 }))
      yield chunk as Buffer;
  };
  return {
    facts: manifest,
    names: [...positions.keys()],
    has: (name) => positions.has(name),
    bytes: async (name) => {
      const parts: Buffer[] = [];
      for await (const chunk of chunks(name)) parts.push(chunk);
      return Buffer.concat(parts);
    },
    copy: async (name, to) => {
      const file = await open(to, "wx", 0o600);
      try {
        for await (const chunk of chunks(name)) await file.writeFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
    },
  };
}

/** Returns the error for a bundle that is refused. */
export function bundleRefusal(reason: string, hint?: string): AgentctlError {
  return new AgentctlError("BundleRefused", hint === undefined ? { reason } : { reason, hint });
}
