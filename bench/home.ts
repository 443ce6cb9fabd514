/** A home of its own with its daemon, for one measurement; everything of it goes with `close`. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskJson } from "../src/protocol/methods.ts";
import { RpcClient } from "../src/protocol/rpc-client.ts";

const root = join(import.meta.dirname, "..");
/** The command line as it is shipped, and as a shell runs it. */
export const program = join(root, "bin/agentctl.js");

export class Home {
  readonly path = mkdtempSync(join(tmpdir(), "agentctl-bench-"));
  readonly env = { ...plainEnvironment(), AGENTCTL_HOME: this.path };
  #peers: RpcClient[] = [];

  /** A home whose daemon runs, with so many slots in its default queue. */
  static async open({ slots = 2 } = {}): Promise<Home> {
    const home = new Home();
    home.run("daemon", "start");
    home.run("queue", "set", "default", "--slots", String(slots));
    return home;
  }

  /** Runs a command to its end and gives its output; throws unless it succeeded. */
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

  /** Runs a command and waits for nothing but its end. */
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

/** Does `work` in a home of its own. */
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

/** The floor of everything that is a process: Node with nothing to do. */
export function emptyNode(): Promise<void> {
  return ended(spawn(process.execPath, ["-e", "0"], { env: plainEnvironment(), stdio: "ignore" }));
}

/**
 * Nothing of the bench's own runtime (its loader above all) reaches what is measured. Nor do certificates, which some
 * sandboxes name: an empty Node reads them for 30 ms, and agentctl's commands do not, which would flatter them.
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

/** Until the task is in one of these states. */
export async function until(rpc: RpcClient, id: number, states: TaskJson["state"][]): Promise<TaskJson> {
  const { task } = await rpc.call("tasks/wait", { id, until: states });
  if (!states.includes(task.state))
    throw new Error(`task ${id} is ${task.state}: ${JSON.stringify(task.error)}`);
  return task;
}

/** Resident memory of a process in MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** On the wall clock, in ms. */
export const now = () => performance.timeOrigin + performance.now();

/** When an attempt of `bench/tasks/endless.mjs` ran its first line in that home, on the wall clock in ms. */
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
