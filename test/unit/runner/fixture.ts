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

/** A runner on a directory of its own, and what tests do with it. */
export class Room {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), "agentctl-runner-")));
  readonly runner: Runner = this.another();
  #count = 0;

  /** A second runner on the same directory, as after a restart of the daemon. */
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

  /** Runs to the end; gives how it ended and what it wrote. */
  async run(argv: string[], env: Record<string, string> = {}): Promise<{ ended: Ended; output: string }> {
    const spec = this.spec(argv, env);
    const ended = await this.runner.launch(spec).ended;
    return { ended, output: readFileSync(spec.logFile, "utf8") };
  }

  /** A shell script that says when it is ready, by creating the file `ready`. */
  async ready(script: string): Promise<Running> {
    const running = this.launch(["sh", "-c", script]);
    await this.appears("ready");
    // When it began is looked up by whoever asks first, and can be told while its guard lives.
    void (await running.started).startTime;
    return running;
  }

  async appears(name: string): Promise<string> {
    await until(() => existsSync(this.path(name)), { message: `the file ${name}` });
    return readFileSync(this.path(name), "utf8");
  }

  /** The commands of live processes that were started in this room, guards not among them. */
  commands(): string[] {
    return processes(this.dir)
      .filter(({ command }) => !command.includes("agentctl-guard"))
      .map(({ command }) => command);
  }

  /** The states of these. */
  states(): string[] {
    const own = processes(this.dir).filter(({ command }) => !command.includes("agentctl-guard"));
    return [...new Set(own.map(({ state }) => state))];
  }

  /** Ends and names what is left. What ends by itself in a moment is not left. */
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

/** `test` with a room that must be empty when the test is over. */
export const it = test.extend<{ room: Room }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from a pattern
  room: async ({}, use) => {
    const room = new Room();
    await use(room);
    const left = await room.close();
    if (left.length > 0) throw new Error(left.join("\n"));
  },
});
