/** A home with its own daemon for one measurement. `close` removes all of it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskJson } from "../src/protocol/methods.ts";
import { RpcClient } from "../src/protocol/rpc-client.ts";

const root = join(import.meta.dirname, "..");
/** The shipped command line, as a shell runs it. */
export const program = join(root, "bin/agentctl.js");

export class Home {
  readonly path = mkdtempSync(join(tmpdir(), "agentctl-bench-"));
  readonly env = { ...plainEnvironment(), AGENTCTL_HOME: this.path };
  #peers: RpcClient[] = [];

  /** Opens a home with a running daemon and this many slots in its default queue. */
  static async open({ slots = 2 } = {}): Promise<Home> {
    const home = new Home();
    home.run("daemon", "start");
    home.run("queue", "set", "default", "--slots", String(slots));
    return home;
  }

  /** Runs a command to its end and returns its output. Throws if it fails. */
  run(...words: string[]): string {
    const { status, stdout, stderr } = spawnSync(program, words, {
      env: this.env,
      cwd: this.path,
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    if (status !== 0) throw new Error(`agentctl ${words.join(" ")} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Runs a command and waits only for its end. */
  spawn(...words: string[]): Promise<void> {
    return ended(spawn(program, words, { env: this.env, cwd: this.path, stdio: "ignore" }));
  }

  async connect(onNotification?: () => void): Promise<RpcClient> {
    const socket = connect(join(this.path, "agentctl.sock"));
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const rpc = new RpcClient(socket, onNotification);
    this.#peers.push(rpc);
    return rpc;
  }

  get pid(): number {
    return (JSON.parse(this.run("daemon", "status", "--json")) as { pid: number }).pid;
  }

  async close(): Promise<void> {
    for (const rpc of this.#peers) rpc.close();
    spawnSync(program, ["cancel", "--all", "--grace", "0s"], {
      env: this.env,
      stdio: "ignore",
    });
    spawnSync(program, ["daemon", "stop"], { env: this.env, stdio: "ignore" });
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Runs `work` in a new home, and closes the home afterwards. */
export async function withHome<T>(
  work: (home: Home) => Promise<T>,
  options: { slots?: number } = {},
): Promise<T> {
  const home = await Home.open(options);
  try {
    return await work(home);
  } finally {
    await home.close();
  }
}

export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${child.spawnargs.join(" ").slice(0, 200)} ended with ${code ?? signal}`));
    });
  });
}

/** Runs Node with nothing to do: no process of agentctl can take less time. */
export function emptyNode(): Promise<void> {
  return ended(spawn(process.execPath, ["-e", "0"], { env: plainEnvironment(), stdio: "ignore" }));
}

/**
 * Returns an environment without the bench's own runtime, such as its loader, and without extra certificates, which
 * some sandboxes set. An empty Node takes 30 ms to read them; agentctl's commands do not, which would flatter agentctl.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const {
    NODE_OPTIONS: _options,
    NODE_V8_COVERAGE: _coverage,
    NODE_EXTRA_CA_CERTS: _certificates,
    ...env
  } = process.env;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("AGENTCTL_")));
}

/** Waits until the task is in one of these states. Throws if it ends up in another one. */
export async function until(rpc: RpcClient, id: number, states: TaskJson["state"][]): Promise<TaskJson> {
  const { task } = await rpc.call("tasks/wait", { id, until: states });
  if (!states.includes(task.state))
    throw new Error(`task ${id} is ${task.state}: ${JSON.stringify(task.error)}`);
  return task;
}

/** Returns the resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Returns the CPU time that a process has used, in s. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Returns the time of the wall clock, in ms. */
export const now = () => performance.timeOrigin + performance.now();

/** Waits for the first line of an attempt of `bench/tasks/endless.mjs`. Returns its time by the wall clock, in ms. */
export async function beganAt(home: Home, id: number, attempt: number): Promise<number> {
  for (;;) {
    try {
      const text = readFileSync(join(home.path, "tasks", String(id), `began-${attempt}`), "utf8");
      if (text !== "") return Number(text);
    } catch {
      // Not there yet.
    }
    await sleep(2);
  }
}
