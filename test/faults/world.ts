/**
 * A home whose daemons die. We repeat every request of a scenario until it succeeds, as a person would repeat a failed
 * command, and start the next daemon after one has died. We keep what was acknowledged, for the checker.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal } from "../../src/core/machine.ts";
import type { Home } from "../harness/home.ts";
import { sqlite } from "../harness/sqlite.ts";
import { PATIENCE_MS, until } from "../harness/until.ts";
import { RpcError, Wire } from "../harness/wire.ts";
import { check } from "./checker.ts";
import { notesIn } from "./facts.ts";

const daemonFile = join(import.meta.dirname, "../../dist/daemon.cjs");

// biome-ignore lint/suspicious/noExplicitAny: a task as the wire carries it
type Task = any;

/** Reads a daemon's report of its start until the daemon closes the pipe or dies. */
async function wordOf(report: NodeJS.ReadableStream): Promise<string> {
  let said = "";
  for await (const chunk of report) said += chunk;
  return said;
}

/** Whether the error is that of a daemon whose disk is gone, just before the daemon dies. */
const isOfDisk = ({ message }: RpcError) => /EIO|i\/o error|disk I\/O/i.test(message);

export interface WorldOptions {
  /** AGENTCTL_FAULT of the first daemon, the second, …. Later daemons have none. */
  faults?: (string | undefined)[];
  settings?: Record<string, unknown>;
}

export class World {
  readonly home: Home;
  readonly ids = new Set<number>();
  readonly ended = new Map<number, string>();
  readonly deleted = new Set<number>();
  /** How many daemons were started. */
  daemons = 0;
  /** The last request, for the message when something hangs. */
  doing = "nothing";
  readonly #faults: (string | undefined)[];
  #daemon: ChildProcess | null = null;
  #starting: Promise<void> | null = null;
  #outage: Promise<void> | undefined;
  /** How many outages have begun. */
  #outages = 0;
  #wire: Wire | null = null;

  constructor(home: Home, { faults = [], settings = {} }: WorldOptions = {}) {
    this.home = home;
    this.#faults = faults;
    mkdirSync(home.dir, { mode: 0o700, recursive: true });
    mkdirSync(home.file("witness"), { recursive: true });
    // This file marks the folder as a home. The daemon refuses a folder with files but without it.
    writeFileSync(join(home.dir, "daemon.lock"), "", { mode: 0o600 });
    writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hosts: 0, ...settings }), { mode: 0o600 });
  }

  /** The pid of the current daemon; -1 before the first. */
  get pid(): number {
    return this.#daemon?.pid ?? -1;
  }

  /** Makes sure that a daemon runs, even if several die while they start. */
  async up(): Promise<void> {
    this.#starting ??= this.#up().finally(() => {
      this.#starting = null;
    });
    await this.#starting;
  }

  async #up(): Promise<void> {
    // Some daemons die while they start, from a fault or a kill.
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
      await this.#outage;
      if (this.#isRunning()) return;
      const isReady = await this.#start().catch((error) => {
        if (this.#outage !== undefined) return false;
        throw error;
      });
      if (isReady) return;
    }
    throw new Error(`no daemon comes up:\n${this.log().slice(-2000)}`);
  }

  #isRunning(): boolean {
    return this.#daemon !== null && this.#daemon.exitCode === null && this.#daemon.signalCode === null;
  }

  async #start(): Promise<boolean> {
    const fault = this.#faults[this.daemons++];
    const env = { ...this.home.env, ...(fault ? { AGENTCTL_FAULT: fault } : {}) };
    const log = openSync(join(this.home.dir, "daemon.log"), "a", 0o600);
    const daemon = spawn(process.execPath, [daemonFile], {
      cwd: this.home.dir,
      detached: true,
      env,
      stdio: ["ignore", log, log, "pipe"],
    });
    closeSync(log);
    this.#daemon = daemon;
    this.#wire = null;
    const late = sleep(PATIENCE_MS, "late" as const, { ref: false });
    const said = await Promise.race([wordOf(daemon.stdio[3] as NodeJS.ReadableStream), late]);
    if (said === "late") {
      throw new Error(`daemon ${daemon.pid} says nothing for ${PATIENCE_MS} ms:\n${this.log().slice(-2000)}`);
    }
    const isReady = said.includes('"ready":true');
    if (!isReady) await until(() => !this.#isRunning(), { message: `the end of daemon ${daemon.pid}` });
    return isReady;
  }

  /** Kills the daemon with SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon || !this.#isRunning()) return;
    daemon.kill("SIGKILL");
    const isGone = () => daemon.exitCode !== null || daemon.signalCode !== null;
    await until(isGone, { everyMs: 2, message: `the end of daemon ${daemon.pid}` });
  }

  /** Runs `happens`, during which every daemon dies. Starts no daemon until it is over. */
  async outage(happens: () => Promise<void>): Promise<void> {
    this.#outages++;
    this.#outage = happens().finally(() => {
      this.#outage = undefined;
    });
    await this.#outage;
  }

  /** Calls `daemon/stop`, and waits until the daemon is gone, whatever ended it. */
  async stop(params: { keep?: boolean; graceMs?: number }): Promise<void> {
    await this.up();
    const daemon = this.#daemon as ChildProcess;
    await this.call("daemon/stop", params);
    const hasEnded = () => daemon.exitCode !== null || daemon.signalCode !== null;
    await until(hasEnded, { message: `the end of daemon ${daemon.pid}` });
  }

  log(): string {
    const path = join(this.home.dir, "daemon.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Whether a daemon died at this point. */
  hasDiedAt(point: string): boolean {
    return this.log().split("\n").includes(`fault ${point}`);
  }

  /** Sends one request, and starts a daemon if needed. Undefined if the daemon died before it responded. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  async call(method: string, params: object = {}): Promise<any> {
    await this.up();
    const daemon = this.#daemon;
    const outages = this.#outages;
    this.doing = `${method} to daemon ${daemon?.pid}`;
    try {
      this.#wire ??= await this.#dial();
      return await this.#wire.request(method, params, PATIENCE_MS);
    } catch (error) {
      // A response from an outage may be read after the outage.
      const isOfOutage = this.#outage !== undefined || this.#outages > outages;
      if (error instanceof RpcError && !(isOfOutage && isOfDisk(error))) throw error;
      // If the connection breaks, the daemon must be dying.
      const isGone = () => this.#daemon !== daemon || !this.#isRunning();
      await until(isGone, {
        deadlineMs: PATIENCE_MS,
        message: `the end of a daemon that broke off at ${method} (${error})`,
      });
      return undefined;
    }
  }

  async #dial(): Promise<Wire> {
    const daemon = this.#daemon;
    const wire = await Wire.open(this.home.socket);
    wire.socket.on("close", () => {
      if (this.#wire === wire) this.#wire = null;
    });
    if (this.#daemon !== daemon) wire.close();
    return wire;
  }

  /** Like `call`, but repeats the request until there is a response. Only for requests that may be sent twice. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  async ask(method: string, params: object = {}): Promise<any> {
    for (;;) {
      const answer = await this.call(method, params);
      if (answer !== undefined) return answer;
    }
  }

  /** Submits a task exactly once, however often the daemon dies. Returns its id. */
  async submit(task: object): Promise<number> {
    const key = randomUUID();
    const answer = await this.ask("tasks/create", { cwd: this.home.work, env: this.home.env, key, ...task });
    this.ids.add(answer.task.id);
    return answer.task.id;
  }

  async task(id: number): Promise<Task> {
    const { task } = await this.ask("tasks/get", { id });
    this.#see(task);
    return task;
  }

  #see({ id, state }: Task): void {
    if (!isTerminal(state)) return;
    const before = this.ended.get(id);
    if (before && before !== state) throw new Error(`task ${id} had ended as ${before} and is ${state}`);
    this.ended.set(id, state);
  }

  /**
   * Waits until `isThere` is true for the task. With `verb`, repeats that request until then. The daemon may refuse it,
   * because it has already taken effect or because the task is not yet ready for it.
   */
  async reach(
    id: number,
    isThere: string | ((task: Task) => unknown),
    verb?: { method: string; params?: object },
    deadlineMs = PATIENCE_MS,
  ): Promise<Task> {
    const holds = typeof isThere === "string" ? (task: Task) => task.state === isThere : isThere;
    const deadline = performance.now() + deadlineMs;
    let task: Task;
    while (performance.now() < deadline) {
      task = await this.task(id);
      if (holds(task)) return task;
      if (verb) await this.try(verb.method, { id, ...verb.params });
      else await sleep(15);
    }
    throw new Error(
      `task ${id} never came to ${isThere}: ${JSON.stringify(task)}\n${this.log().slice(-1500)}`,
    );
  }

  /** Sends one request that the daemon may also refuse. Returns whether it succeeded. */
  async try(method: string, params: object): Promise<boolean> {
    try {
      return (await this.call(method, params)) !== undefined;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      await sleep(15);
      return false;
    }
  }

  /** Waits until the task has written a note. Starts another daemon if the current one dies meanwhile. */
  async noted(id: number, line: string): Promise<void> {
    const file = this.witness(id);
    const has = () => existsSync(file) && readFileSync(file, "utf8").includes(line);
    const look = async () => {
      if (has()) return true;
      await this.up();
      return has();
    };
    await until(look, { deadlineMs: PATIENCE_MS, message: `note ${line} of task ${id}` });
  }

  /** Waits until the task's process has begun. */
  began(id: number): Promise<void> {
    return this.noted(id, "began ");
  }

  /** Returns how many such notes the task wrote, in all attempts. */
  count(id: number, what: string, text?: string): number {
    const notes = notesIn(this.witness(id));
    return notes.filter((note) => note.what === what && (text === undefined || note.text === text)).length;
  }

  /** Returns the ids of the tasks whose attempts have these tokens. */
  idsOf(tokens: ReadonlySet<string>): number[] {
    const rows: { token: string; task_id: number }[] = sqlite(
      this.home,
      "select token, task_id from attempts",
    );
    return rows.filter(({ token }) => tokens.has(token)).map(({ task_id }) => task_id);
  }

  witness(id: number): string {
    return join(this.home.file("witness"), String(id));
  }

  /** Opens the gate for which tasks of this home wait. */
  open(name = "gate"): void {
    appendFileSync(this.home.file(name), "");
  }

  /** Checks everything that must hold, including that the final states seen before have not changed. */
  async check(): Promise<void> {
    await this.up();
    await check(this.home, this);
  }

  close(): void {
    this.#wire?.close();
    this.#daemon?.unref();
  }
}
