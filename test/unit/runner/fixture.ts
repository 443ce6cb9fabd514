import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { treeMarker } from "../../../src/home/tree-marker.ts";
import {
  createRunner,
  type Ended,
  type LaunchSpec,
  type Runner,
  type Running,
} from "../../../src/runner/index.ts";
import { processes, signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";

const clock = { now: () => Date.now() };

/** A runner with its own directory, and functions for tests of it. */
export class Room {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), "agentctl-runner-")));
  readonly runner: Runner = this.another();
  #count = 0;

  /** Returns another runner on the same directory, as after a restart of the daemon. */
  another(shell = "/bin/sh"): Runner {
    return createRunner({ runDir: this.dir, clock, shell });
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  spec(argv: string[], env: Record<string, string> = {}): LaunchSpec {
    const key = `task-${++this.#count}`;
    const token = `secret-${this.dir.slice(-6)}-${this.#count}`;
    const path = process.env.PATH ?? "";
    const inherited = { umask: process.umask(), nice: 0, limits: {} };
    const complete = {
      PATH: path,
      ROOM: this.dir,
      AGENTCTL_TOKEN: token,
      AGENTCTL_TREE: treeMarker(token),
      ...env,
    };
    return { key, token, argv, cwd: this.dir, env: complete, logFile: this.path(`${key}.log`), inherited };
  }

  launch(argv: string[], env: Record<string, string> = {}): Running {
    return this.runner.launch(this.spec(argv, env));
  }

  /** Runs a program to its end. Returns how it ended and what it wrote. */
  async run(argv: string[], env: Record<string, string> = {}): Promise<{ ended: Ended; output: string }> {
    const spec = this.spec(argv, env);
    const ended = await this.runner.launch(spec).ended;
    return { ended, output: readFileSync(spec.logFile, "utf8") };
  }

  /** Starts a shell script, and waits until it has created the file `ready`. */
  async ready(script: string): Promise<Running> {
    const running = this.launch(["sh", "-c", script]);
    await this.appears("ready");
    // The first reader of the start time looks it up. This works only while the guard lives.
    void (await running.started).startTime;
    return running;
  }

  async appears(name: string): Promise<string> {
    await until(() => existsSync(this.path(name)), { message: `the file ${name}` });
    return readFileSync(this.path(name), "utf8");
  }

  /** Returns the commands of the live processes of this room, without guards. */
  commands(): string[] {
    return processes(this.dir)
      .filter(({ command }) => !command.includes("agentctl-guard"))
      .map(({ command }) => command);
  }

  /** Returns the states of the same processes. */
  states(): string[] {
    const own = processes(this.dir).filter(({ command }) => !command.includes("agentctl-guard"));
    return [...new Set(own.map(({ state }) => state))];
  }

  /** Kills the processes that are still there after 1 s. Returns a message for each of them. */
  async close(): Promise<string[]> {
    const none = () => processes(this.dir).length === 0;
    await until(none, { deadlineMs: 1_000 }).catch(() => undefined);
    const left = processes(this.dir);
    for (const { pid } of left) signalTo(pid, "SIGKILL");
    await until(none, { message: "the end of what was left" });
    rmSync(this.dir, { recursive: true, force: true });
    return left.map(({ pid, state, command }) => `process ${pid} (${state}) is left: ${command}`);
  }
}

/** `test` with a room in which no process may be left at the end of the test. */
export const it = test.extend<{ room: Room }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from a pattern
  room: async ({}, use) => {
    const room = new Room();
    await use(room);
    const left = await room.close();
    if (left.length > 0) throw new Error(left.join("\n"));
  },
});
