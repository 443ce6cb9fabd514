/**
 * A home whose daemons die. Everything that a scenario asks for is asked again until it holds, as a person would who
 * sees a command fail and types it again; the daemon that died meanwhile is followed by the next one. What was
 * acknowledged is remembered for the checker.
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

/** What a daemon says of itself until it closes its end, by its word or by its death. */
async function wordOf(report: NodeJS.ReadableStream): Promise<string> {
  let said = "";
  for await (const chunk of report) said += chunk;
  return said;
}

/** What a daemon says whose disk has gone, before it goes too. */
const isOfDisk = ({ message }: RpcError) => /EIO|i\/o error|disk I\/O/i.test(message);

export interface WorldOptions {
  /** AGENTCTL_FAULT of the first daemon, the second, …; none for those after. */
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
  /** The last request, for whoever wonders what hangs. */
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
    // The mark of a home, without which one that holds a file is refused.
    writeFileSync(join(home.dir, "daemon.lock"), "", { mode: 0o600 });
    writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hosts: 0, ...settings }), { mode: 0o600 });
  }

  /** The pid of the daemon that runs now. */
  get pid(): number {
    return this.#daemon?.pid ?? -1;
  }

  /** A daemon is there when this returns; how many died on their way up does not matter. */
  async up(): Promise<void> {
    this.#starting ??= this.#up().finally(() => {
      this.#starting = null;
    });
    await this.#starting;
  }

  async #up(): Promise<void> {
    // Some die on their way up, of a fault or of a kill from outside.
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

  /** SIGKILL; gone when this returns. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon || !this.#isRunning()) return;
    daemon.kill("SIGKILL");
    const isGone = () => daemon.exitCode !== null || daemon.signalCode !== null;
    await until(isGone, { everyMs: 2, message: `the end of daemon ${daemon.pid}` });
  }

  /** Meanwhile every daemon dies, and none is started until it is over. */
  async outage(happens: () => Promise<void>): Promise<void> {
    this.#outages++;
    this.#outage = happens().finally(() => {
      this.#outage = undefined;
    });
    await this.#outage;
  }

  /** `daemon/stop`; the daemon is gone when this returns, whatever it died of. */
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

  /** One request to a daemon that is started if need be; undefined when it died before it answered. */
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
      // What was answered in an outage can be read after it.
      const isOfOutage = this.#outage !== undefined || this.#outages > outages;
      if (error instanceof RpcError && !(isOfOutage && isOfDisk(error))) throw error;
      // A connection that breaks is that of a daemon that is dying.
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

  /** As `call`, made again until it is answered; for what may be asked twice. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the wire carries
  async ask(method: string, params: object = {}): Promise<any> {
    for (;;) {
      const answer = await this.call(method, params);
      if (answer !== undefined) return answer;
    }
  }

  /** Submits a task, exactly once however often the daemon dies; gives its id. */
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
   * Waits until `isThere` holds of the task. With `verb` the request is made as often as it takes: it may be refused
   * because it was done already, or because the task is not there yet.
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

  /** One request whose refusal is as good as its success. */
  async try(method: string, params: object): Promise<boolean> {
    try {
      return (await this.call(method, params)) !== undefined;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      await sleep(15);
      return false;
    }
  }

  /** Waits until the task has written a note; the daemon whose work is waited for may be the one that dies. */
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

  /** How often the task wrote notes that begin so, whatever the attempt. */
  count(id: number, what: string, text?: string): number {
    const notes = notesIn(this.witness(id));
    return notes.filter((note) => note.what === what && (text === undefined || note.text === text)).length;
  }

  /** The tasks whose attempts bear these tokens. */
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

  /** Opens the gate at which tasks of this home wait. */
  open(name = "gate"): void {
    appendFileSync(this.home.file(name), "");
  }

  /** Everything that must hold; the ends that were seen are those that are seen now. */
  async check(): Promise<void> {
    await this.up();
    await check(this.home, this);
  }

  close(): void {
    this.#wire?.close();
    this.#daemon?.unref();
  }
}
