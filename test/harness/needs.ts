/**
 * Things that a machine may lack. A test that needs one is skipped, and the summary at the end gives the reason.
 *
 *     it("draws the table", async ({ home, skip }) => {
 *       needs(skip, "tmux");
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "vitest";

type Skip = TestContext["skip"];

/** Skips the test if one of these programs is not on the PATH. */
export function needs(skip: Skip, ...programs: string[]): void {
  const missing = programs.filter((name) => !isOnPath(name));
  skip(missing.length > 0, `needs ${missing.join(", ")}`);
}

/** Skips the test on systems other than Linux. */
export function needsLinux(skip: Skip): void {
  skip(process.platform !== "linux", "needs Linux");
}

/** Skips the test unless it runs as root. */
export function needsRoot(skip: Skip): void {
  skip(process.getuid?.() !== 0, "needs root");
}

/** Whether this user may mount a file system. Root may, but often not in a container. */
export function canMount(): boolean {
  const args = ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"];
  return process.platform === "linux" && process.getuid?.() === 0 && spawnSync("unshare", args).status === 0;
}

/** Skips the test if this user may not mount a file system. */
export function needsMounts(skip: Skip): void {
  skip(!canMount(), "needs the right to mount a file system");
}

/** Skips the test if this command fails, for example because the machine forbids it. */
export function needsSuccessOf(skip: Skip, ...[program, ...args]: [string, ...string[]]): void {
  needs(skip, program);
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  skip(status !== 0, `needs ${[program, ...args].join(" ")}, which fails: ${stderr.trim()}`);
}

/** Whether the program is on the PATH. */
export function isOnPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
