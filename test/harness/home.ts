import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { transformSync } from "esbuild";
import {
  type CommandArgs,
  type CommandResult,
  launcher,
  type RunningCommand,
  runCommand,
  splitArgs,
  startCommand,
} from "./command.ts";
import { isAlive, processes, signalTo } from "./processes.ts";
import { PATIENCE_MS, until } from "./until.ts";
import { Wire } from "./wire.ts";

/**
 * One user with their own home. `root` holds `home` (AGENTCTL_HOME) and `work` (the directory in which commands run,
 * and HOME). Every process of this home has the root's path in its environment, by which the harness finds it.
 */
export class Home {
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), "ac-")));
  /** AGENTCTL_HOME. The daemon creates it. */
  readonly dir: string = join(this.root, "home");
  readonly work: string = join(this.root, "work");
  readonly socket: string = join(this.dir, "agentctl.sock");
  /** The environment of every command of this home. A test may change it. */
  readonly env: Record<string, string> = cleanEnvironment(this.dir, this.work);
  /** Lines of daemon.log that a test causes on purpose. */
  readonly allowedInLog: RegExp[] = [];
  /** Ends the test of this home as skipped, because the home cannot do what the test needs. */
  skip: (reason: string) => void = (reason) => {
    throw new Error(reason);
  };
  readonly #commands: RunningCommand[] = [];
  readonly #wires: Wire[] = [];

  constructor() {
    mkdirSync(this.work);
  }

  /** Runs the shipped command line to its end. */
  cli(...given: CommandArgs): Promise<CommandResult> {
    const [args, options] = splitArgs(given);
    return runCommand(process.execPath, ["--", launcher, ...args], this.#placed(options), (command) =>
      this.#commands.push(command),
    );
  }

  /** Runs lines of shell to their end. In them, `agentctl` is the shipped command line. */
  sh(lines: string, options: Exclude<CommandArgs[number], string> = {}): Promise<CommandResult> {
    const prelude = `agentctl() { "${process.execPath}" -- "${launcher}" "$@"; }\n`;
    return runCommand("/bin/sh", ["-c", `${prelude}${lines}`], this.#placed(options), (command) =>
      this.#commands.push(command),
    );
  }

  /** Returns what the command prints with `--json`, even if it is an error. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the command prints
  async json(...given: CommandArgs): Promise<any> {
    const [args, options] = splitArgs(given);
    const at = args[0] === "run" ? 1 : args.indexOf("--");
    const result = await this.cli(...args.toSpliced(at < 0 ? args.length : at, 0, "--json"), options);
    try {
      return JSON.parse(result.stdout);
    } catch (cause) {
      throw new Error(
        `${args.join(" ")} --json: code ${result.code}, stdout: ${result.stdout}\nstderr: ${result.stderr}`,
        { cause },
      );
    }
  }

  /** Submits a task with `run` and returns its id. Throws if it is refused. */
  async run(...given: CommandArgs): Promise<number> {
    const [args, options] = splitArgs(given);
    const { code, stdout, stderr } = await this.cli("run", ...args, options);
    if (code !== 0 || !/^\d+\n$/.test(stdout)) throw new Error(`run: code ${code}, ${stdout}${stderr}`);
    return Number(stdout);
  }

  /** Starts the shipped command line and leaves it running with an open stdin. It is killed when the test ends. */
  spawn(...given: CommandArgs): RunningCommand {
    return this.start(process.execPath, "--", launcher, ...given);
  }

  /** Starts any program and leaves it running. It is killed when the test ends. */
  start(program: string, ...given: CommandArgs): RunningCommand {
    const [args, options] = splitArgs(given);
    const command = startCommand(program, args, this.#placed(options));
    this.#commands.push(command);
    return command;
  }

  /** Opens a raw connection to the daemon, which must be running. It is closed when the test ends. */
  async connect(): Promise<Wire> {
    const wire = await Wire.open(this.socket);
    this.#wires.push(wire);
    return wire;
  }

  /** Sends one request on a new connection, and returns the result. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  async rpc(method: string, params: object = {}, deadlineMs = PATIENCE_MS): Promise<any> {
    const wire = await Wire.open(this.socket);
    try {
      return await wire.request(method, params, deadlineMs);
    } finally {
      wire.close();
    }
  }

  /** Returns the task from the daemon. */
  // biome-ignore lint/suspicious/noExplicitAny: as in `rpc`
  async task(id: number | string): Promise<any> {
    return (await this.rpc("tasks/get", { id })).task;
  }

  /** Waits until the task is in the state, and returns the task. */
  // biome-ignore lint/suspicious/noExplicitAny: as in `rpc`
  reaches(id: number | string, state: string, deadlineMs = PATIENCE_MS): Promise<any> {
    let last: { state?: string; error?: unknown } = {};
    const arrived = async () => {
      last = await this.task(id);
      return last.state === state && last;
    };
    return until(arrived, { deadlineMs, message: `task ${id} in state ${state}` });
  }

  /** Returns the daemon's pid; null if none runs. Finds a daemon that does not respond among the processes. */
  async daemonPid(): Promise<number | null> {
    const answer = await this.rpc("daemon/status", {}, 2_000).catch(() => null);
    if (answer) return answer.pid;
    const daemon = processes(this.dir).find(({ command }) => /\bdaemon\.cjs\b/.test(command));
    return daemon?.pid ?? null;
  }

  /** Kills the daemon with SIGKILL, waits until it is gone, and returns its pid. */
  async killDaemon(): Promise<number> {
    const pid = await this.daemonPid();
    if (pid === null) throw new Error("no daemon to kill");
    signalTo(pid, "SIGKILL");
    await until(() => !isAlive(pid), { message: `the end of daemon ${pid}` });
    return pid;
  }

  /** Returns a path in the scratch directory. */
  file(name: string): string {
    return join(this.work, name);
  }

  /**
   * Writes a task module outside of any package, and returns its path. Removes its types if its name ends with `.mjs`:
   * the host of such a module starts in half the time.
   */
  module(source: string, name = "task.mjs"): string {
    const path = this.file(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, name.endsWith(".mjs") ? withoutTypes(source) : source);
    return path;
  }

  /** Writes an executable and returns its path. Without a `#!` line it is a shell script. */
  script(source: string, name = "script"): string {
    const path = this.file(name);
    writeFileSync(path, source.startsWith("#!") ? source : `#!/bin/sh\n${source}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** Ends what the test itself started. The daemon and its tasks stay. */
  async disconnect(): Promise<void> {
    for (const wire of this.#wires) wire.close();
    for (const command of this.#commands) command.abandon();
    await Promise.all(this.#commands.map(({ ended }) => ended));
  }

  remove(): void {
    if (existsSync(this.root)) rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #placed({ cwd = this.work, env, ...options }: Exclude<CommandArgs[number], string>) {
    return { ...options, cwd, env: { ...this.env, ...env } };
  }
}

/** Returns a TypeScript module as JavaScript. */
export function withoutTypes(source: string): string {
  return transformSync(source, { loader: "ts" }).code;
}

/** Returns only a login shell's environment, so that nothing from the caller's environment leaks into the tests. */
function cleanEnvironment(home: string, work: string): Record<string, string> {
  const path = (process.env.PATH ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  return {
    AGENTCTL_HOME: home,
    HOME: work,
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    PATH: [dirname(process.execPath), ...path].join(delimiter),
    SHELL: "/bin/sh",
    USER: userInfo().username,
  };
}
