import { chmodSync, mkdirSync, statfsSync } from "node:fs";
import { homeRefused, makeHome } from "../home/own-home.ts";
import type { Paths } from "../home/paths.ts";

/**
 * File systems on which SQLite's locks and WAL cannot be trusted, by the `f_type` of statfs(2) on Linux: NFS, SMB,
 * CIFS, SMB2, Coda, AFS, Ceph, 9p.
 */
const NETWORK = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x73757245, 0x5346414f, 0x00c36400, 0x01021997,
]);

/**
 * Makes the home and its folders, or refuses it: no home of agentctl, owned by someone else, writable by others, or on a
 * network file system. What is there keeps to 0700. Throws `HomeRefused`.
 */
export function prepareHome(paths: Paths): void {
  const { home } = paths;
  makeHome(paths);
  if (process.platform === "linux" && NETWORK.has(statfsSync(home).type)) {
    throw homeRefused(home, "it is on a network file system, where locks and commits cannot be trusted");
  }
  chmodSync(home, 0o700);
  for (const folder of [paths.logs, paths.tasks, paths.backups, paths.env, paths.run]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }
}
