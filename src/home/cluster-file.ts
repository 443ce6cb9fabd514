/** The cluster of a home: `cluster.json`, readable only by its owner, because the address may hold a password. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import { writeDurably } from "./durable.ts";
import type { Paths } from "./paths.ts";

type ClusterPaths = Pick<Paths, "cluster" | "clusterKey">;

export interface ClusterFile {
  /** The address of the database. */
  url: string;
  /** This machine's name. */
  name: string;
  /** The key that encrypts variables; the database never gets it. */
  key: Buffer;
}

const KEY_BYTES = 32;

/** Returns whether the home is a machine of a cluster. */
export function isMachine({ cluster }: Pick<ClusterPaths, "cluster">): boolean {
  return existsSync(cluster);
}

/** Returns the error for a home with open tasks that is to become a machine: its tasks would no longer be visible. */
export function ownTasksError(count: number): AgentctlError {
  const reason = `this home has ${count} open task${count === 1 ? "" : "s"} of its own`;
  return new AgentctlError("UnsupportedOperation", { reason, hint: "agentctl list" });
}

/** Returns null if the home is not in a cluster. Throws `StoreUnavailable` if the file cannot be read or parsed. */
export function readClusterFile(paths: ClusterPaths): ClusterFile | null {
  let text: string;
  try {
    text = readFileSync(paths.cluster, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unreadable(paths.cluster, error);
  }
  try {
    const { url, name } = JSON.parse(text) as { url: string; name: string };
    return { url, name, key: readKey(paths.clusterKey) };
  } catch (error) {
    throw unreadable(paths.cluster, error);
  }
}

/** Reads the key from a file. Throws `StoreUnavailable` if the file holds no key. */
export function readKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, "utf8").trim(), "base64");
  if (key.length !== KEY_BYTES) throw unreadable(file, new Error("it holds no key of a cluster"));
  return key;
}

/** Returns the key of this home's cluster, made if there is none: it is on disk before the database knows of it. */
export function ensureKey(paths: ClusterPaths, makeKey: () => Buffer): Buffer {
  if (!existsSync(paths.clusterKey)) writeDurably(paths.clusterKey, `${makeKey().toString("base64")}\n`);
  return readKey(paths.clusterKey);
}

/** Writes the key before `cluster.json`, because a home that has `cluster.json` is a machine. */
export function writeClusterFile(paths: ClusterPaths, { url, name, key }: ClusterFile): void {
  writeDurably(paths.clusterKey, `${key.toString("base64")}\n`);
  writeDurably(paths.cluster, `${JSON.stringify({ url, name })}\n`);
}

/** Removes the files, so that the home is not in a cluster any more. */
export function removeClusterFile(paths: ClusterPaths): void {
  rmSync(paths.cluster, { force: true });
  rmSync(paths.clusterKey, { force: true });
}

function unreadable(file: string, cause: unknown): AgentctlError {
  const reason = `${file} cannot be used: ${(cause as Error).message}`;
  return new AgentctlError("StoreUnavailable", { reason, hint: "agentctl cluster leave" }, { cause });
}
