/**
 * The fixtures of every end-to-end test: the shipped command line, a real daemon, a temporary home.
 *
 *     it("pauses a program", async ({ home }) => {
 *       const id = await home.run("sleep", "60");
 *       await home.reaches(id, "working");
 *       expect((await home.cli("pause", `${id}`)).code).toBe(0);
 *     });
 *
 * After each test we cancel the open tasks and stop the daemon. The test fails if anything is left over.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { Home } from "./home.ts";
import { closeHome } from "./leaks.ts";
import { joinSharedStore } from "./shared-store.ts";

export type { CommandResult, RunningCommand } from "./command.ts";
export { Home } from "./home.ts";
export { closeHome } from "./leaks.ts";
export { canMount, isOnPath, needs, needsLinux, needsMounts, needsRoot, needsSuccessOf } from "./needs.ts";
export { OtherUser } from "./other-user.ts";
export {
  isAlive,
  isAnyBetween,
  type LiveProcess,
  processes,
  residentBytes,
  signalTo,
} from "./processes.ts";
export { isShared, needsOwnStore } from "./shared-store.ts";
export { isLocked, sqlite } from "./sqlite.ts";
export { installed, sshdFor } from "./sshd.ts";
export { until } from "./until.ts";
export { type Message, RpcError, Wire } from "./wire.ts";

/** `test` with a fresh `home` for each test that asks for one. */
export const it = test.extend<{ home: Home }>({
  home: async ({ task, skip }, use) => {
    const home = new Home();
    home.skip = skip;
    const dropStore = await joinSharedStore(home);
    await use(home);
    if (task.result?.state === "fail") process.stderr.write(tailOfLog(home, task.name));
    const problems = await closeHome(home);
    await dropStore();
    if (problems.length > 0) throw new Error(`left over after the test:\n  ${problems.join("\n  ")}`);
  },
});

function tailOfLog(home: Home, name: string): string {
  const path = join(home.dir, "daemon.log");
  if (!existsSync(path)) return `${name}: no daemon.log\n`;
  return `${name}: the end of daemon.log\n${readFileSync(path, "utf8").split("\n").slice(-30).join("\n")}\n`;
}
