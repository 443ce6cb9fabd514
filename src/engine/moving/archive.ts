/** Packs a folder into one file with the system's tar, and unpacks it. */
import { spawn } from "node:child_process";
import { lstat, mkdir, open, readdir, readlink } from "node:fs/promises";
import { isAbsolute, join, normalize, relative } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { below } from "../files/tree-files.ts";
import { bundleRefusal } from "./bundle-file.ts";

const BLOCK_BYTES = 512;

/** Writes the content of the folder to an archive file. */
export async function pack(folder: string, to: string): Promise<void> {
  const file = await open(to, "w", 0o600);
  try {
    await tar(["-C", folder, "-cf", "-", "."], file.fd);
  } finally {
    await file.close();
  }
}

/** Unpacks an archive into a new folder. Throws `BundleRefused` if an entry would be outside the folder. */
export async function unpack(archive: string, folder: string): Promise<void> {
  await requireInside(archive);
  await mkdir(folder, { mode: 0o700 });
  await tar(["-xpof", archive, "-C", folder], "ignore");
}

async function tar(args: string[], stdout: number | "ignore"): Promise<void> {
  const child = spawn("tar", args, { stdio: ["ignore", stdout, "pipe"] });
  let errorText = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errorText = `${errorText}${text}`.slice(-2000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0)
    throw new AgentctlError("StoreUnavailable", { reason: `tar ended with ${code}: ${errorText.trim()}` });
}

/** Returns the first symlink below the folder that points out of it: it would mean something else in another home. */
export async function findOutsideLink(folder: string): Promise<{ path: string; target: string } | undefined> {
  const folders: Buffer[] = [Buffer.from(folder)];
  for (let current = folders.pop(); current !== undefined; current = folders.pop()) {
    for (const name of await readdir(current, { encoding: "buffer" })) {
      const path = below(current, name);
      const stat = await lstat(path);
      if (stat.isDirectory()) folders.push(path);
      if (!stat.isSymbolicLink()) continue;
      const target = await readlink(path);
      if (pointsOutside(relative(folder, `${current}`), target))
        return { path: relative(folder, `${path}`), target };
    }
  }
  return undefined;
}

/** Returns whether a link points out of the root. A `..` after a name counts too, because the name may be a link. */
function pointsOutside(folder: string, target: string): boolean {
  const steps = target.split("/").filter((step) => step !== "" && step !== ".");
  const names = steps.findIndex((step) => step !== "..");
  const isWinding = names >= 0 && steps.slice(names).includes("..");
  return isAbsolute(target) || isWinding || /^\.\.(\/|$)/.test(normalize(join(folder, target)));
}

/** One entry of an archive. */
interface Entry {
  type: string;
  name: string;
  link: string;
}

async function requireInside(archive: string): Promise<void> {
  const links = new Set<string>();
  for await (const { type, name, link } of entriesOf(archive)) {
    const folder = join(name, "..");
    const parents = parentsOf(name);
    if (pointsOutside(".", name) || parents.some((path) => links.has(path)))
      throw bundleRefusal(`it has a file outside of the task's folder: ${name}`);
    const isOutside = type === "2" ? pointsOutside(folder, link) : type === "1" && pointsOutside(".", link);
    if (isOutside) throw bundleRefusal(`its link ${name} leads out of the task's folder, to ${link}`);
    if (type === "2") links.add(normalize(name));
    if (!"012567\0".includes(type)) throw bundleRefusal(`${name} is not a file, folder or link`);
  }
}

/** Returns the parents of a path: `a` and `a/b` for `a/b/c`. */
function parentsOf(name: string): string[] {
  const steps = normalize(name).split("/");
  return steps.slice(1).map((_, index) => steps.slice(0, index + 1).join("/"));
}

/** Yields the entries by their headers (POSIX ustar and pax, and GNU long names). */
async function* entriesOf(archive: string): AsyncGenerator<Entry> {
  const file = await open(archive);
  try {
    const { size } = await file.stat();
    let next: { name?: string; link?: string } = {};
    for (let offset = 0; offset + BLOCK_BYTES <= size; ) {
      const { buffer: header } = await file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, offset);
      offset += BLOCK_BYTES;
      if (header.every((byte) => byte === 0)) continue;
      const length = parseSize(header);
      const type = header.toString("latin1", 156, 157);
      const read = async () => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
      if (type === "x") next = { ...next, ...parsePax(await read()) };
      else if (type === "L") next.name = text(await read());
      else if (type === "K") next.link = text(await read());
      else if (type === "g") parsePax(await read());
      else {
        yield {
          type,
          name: next.name ?? parseName(header),
          link: next.link ?? text(header.subarray(157, 257)),
        };
        next = {};
      }
      offset += Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
    }
  } finally {
    await file.close();
  }
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? undefined : end);
}

function parseName(header: Buffer): string {
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? text(header.subarray(345, 500)) : "";
  const name = text(header.subarray(0, 100));
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Parses a size: octal digits, or a base-256 number if the first bit is set. */
function parseSize(header: Buffer): number {
  const field = header.subarray(124, 136);
  const size =
    (field[0] ?? 0) & 0x80 ? Number(field.readBigUInt64BE(4)) : Number.parseInt(text(field).trim() || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0) throw bundleRefusal("its archive cannot be read");
  return size;
}

/** Parses pax records, `<length> <key>=<value>\n`. Refuses a size record, which would shift all that follows. */
function parsePax(bytes: Buffer): { name?: string; link?: string } {
  const fields: { name?: string; link?: string } = {};
  for (let offset = 0; offset < bytes.length; ) {
    const space = bytes.indexOf(32, offset);
    const length = Number(bytes.toString("latin1", offset, space));
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0)
      throw bundleRefusal("its archive cannot be read");
    const [, key, value = ""] =
      /^([^=]*)=([\s\S]*)\n$/.exec(bytes.toString("utf8", space + 1, offset + length)) ?? [];
    if (key === "path") fields.name = value;
    if (key === "linkpath") fields.link = value;
    if (key === "size" || key?.startsWith("GNU.sparse"))
      throw bundleRefusal("its archive has a form that is not known here");
    offset += length;
  }
  return fields;
}
