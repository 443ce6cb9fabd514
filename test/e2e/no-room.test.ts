/** A machine that temporarily has no more processes or file descriptors. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect } from "vitest";
import { type Home, it, needs, needsLinux, until } from "../harness/index.ts";

/** Limits the daemon to `free` more descriptors; null removes the limit. */
function leaveDescriptors(pid: number, free: number | null): void {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let limit = 0;
  for (let left = free ?? 0; left > 0 || open.has(limit); limit++) if (!open.has(limit)) left--;
  execFileSync("prlimit", ["--pid", `${pid}`, `--nofile=${free === null ? 1024 : limit}:`]);
}

const wasTried = (home: Home, id: number) =>
  readFileSync(join(home.dir, "daemon.log"), "utf8").includes(`"task":${id},`);

describe("a daemon short of file descriptors", () => {
  beforeEach(({ skip }) => {
    needsLinux(skip);
    needs(skip, "prlimit");
  });

  it.for([0, 1, 5])("keeps a task queued and starts it later, with %s free", async (free, { home }) => {
    await home.run("--hold", "true");
    const pid = (await home.daemonPid()) as number;
    const wire = await home.connect();
    const { task } = await wire.request("tasks/create", { argv: ["echo", "ran"], held: true });
    leaveDescriptors(pid, free);
    await wire.request("tasks/release", { id: task.id });
    await until(async () => {
      const now = (await wire.request("tasks/get", { id: task.id })).task;
      return now.error !== null || now.endedAt !== null || wasTried(home, task.id);
    });
    leaveDescriptors(pid, null);
    expect(await home.reaches(task.id, "completed", 15_000)).toMatchObject({ exitCode: 0, error: null });
    expect((await home.cli("logs", `${task.id}`)).stdout).toBe("ran\n");
  });
});
