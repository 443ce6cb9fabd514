import { spawnSync } from "node:child_process";
import { beforeEach, describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, needsLinux } from "../harness/index.ts";

/** Runs the command with a stdout that can be opened, but not written. */
function intoFull(home: Home, ...args: string[]) {
  const script = 'exec "$@" > /dev/full';
  const words = ["-c", script, "sh", process.execPath, launcher, ...args];
  const { status, stderr } = spawnSync("sh", words, { env: home.env, cwd: home.work, encoding: "utf8" });
  return { code: status, stderr };
}

const told = "agentctl: stdout cannot be written: no space left on device (ENOSPC)\n";

describe("an output that cannot be written", () => {
  beforeEach(({ skip }) => needsLinux(skip));

  const commands = ["list --all", "list --json", "show 1", "events", "events -f", "help", "list --help"];
  it.for([...commands.map((line) => [line, 1] as const), ["show 99 --json", 3] as const])(
    "is reported in one line by %s, which exits with %i",
    async ([line, code], { home }) => {
      await home.run("--hold", "true");
      expect(intoFull(home, ...line.split(" "))).toEqual({ code, stderr: told });
    },
  );

  it("is reported by logs and by run -f", async ({ home }) => {
    const id = await home.run("sh", "-c", "seq 100000");
    await home.reaches(id, "completed");
    expect(intoFull(home, "logs", `${id}`)).toEqual({ code: 1, stderr: `── attempt 1 ──\n${told}` });
    const { code, stderr } = intoFull(home, "run", "-f", "sh", "-c", "echo heard; exec sleep 60");
    expect([code, stderr]).toEqual([125, `task 2\n${told}`]);
  });

  it("does not change the exit code if it is stderr", async ({ home }) => {
    const script = 'exec "$@" 2> /dev/full';
    const words = ["-c", script, "sh", process.execPath, launcher, "list", "--nonsense"];
    expect(spawnSync("sh", words, { env: home.env, cwd: home.work }).status).toBe(2);
  });
});
