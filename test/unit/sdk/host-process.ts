import { type ChildProcess, spawn } from "node:child_process";
import { test } from "vitest";
import { isAlive } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";
import { BuiltHost } from "./built-host.ts";
import { PeerDaemon } from "./peer-daemon.ts";

/** The first line of a JavaScript module. */
export const esm = 'import { defineTask } from "agentctl";\n';

/** The shipped host, which runs a module in its own directory. */
class Host {
  readonly daemon = new PeerDaemon();
  process: ChildProcess | undefined;
  log = "";
  code: number | null = null;
  readonly #built: BuiltHost;

  constructor(built: BuiltHost) {
    this.#built = built;
  }

  start(
    path: string,
    { input = null, env = {} }: { input?: unknown; env?: Record<string, string> } = {},
  ): void {
    this.daemon.module = { path, input, env: { ...env, AGENTCTL_TOKEN: "birth" } };
    const { PATH = "" } = process.env;
    const child = spawn(process.execPath, [this.#built.path], {
      env: { PATH, AGENTCTL_SOCKET: this.daemon.socket, AGENTCTL_TOKEN: "birth", LEAKED: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (this.log += text));
    child.on("close", (code) => {
      this.code = code;
    });
  }

  /** Runs a module with this source to its end. Returns its result and the host's exit code. */
  async run(name: string, source: string, options: Parameters<Host["start"]>[1] = {}) {
    this.start(this.daemon.file(name, source), options);
    await until(() => this.code !== null, { deadlineMs: 15_000, message: "the end of the host" });
    return { result: this.daemon.result, code: this.code };
  }

  async remove(): Promise<void> {
    this.process?.kill("SIGKILL");
    await until(() => !this.process?.pid || !isAlive(this.process.pid));
    await this.daemon.remove();
  }
}

/** `test` with a host. Each test has its own host; the tests of a file share the built files. */
export const it = test.extend<{ $file: { built: BuiltHost }; $test: { run: Host } }>({
  built: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest wants the pattern
    async ({}, use) => {
      const built = new BuiltHost();
      await built.build();
      await use(built);
      built.remove();
    },
    { scope: "file" },
  ],
  run: async ({ built }, use) => {
    const each = new Host(built);
    await each.daemon.start();
    await use(each);
    await each.remove();
  },
});
