/**
 * Module hosts that are started ahead and wait, SDK and loader loaded, so that a start or a resume does not pay for
 * Node's. A waiting host bears from its start the token that becomes the attempt's; the assignment, with the
 * host's pid, is durable before `attempt/hello` is answered with it. As many wait as modules ran at the same time lately,
 * up to the setting; none before the first module has been run, and none when nothing has run for a while. They bear what
 * the last module had of variables that a process reads at its start, and its umask, nice value and limits, because a task
 * that has others cannot use them.
 */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { defaultInherited, type Inherited } from "../../core/inherited.ts";
import { TOKEN_VARIABLE, TREE_VARIABLE, treeMarker } from "../../home/tree-marker.ts";
import type { ProcessId, Running } from "../../runner/index.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { Ports } from "../ports.ts";
import { newToken } from "../token.ts";
import { kindOf, mayWait, readAtStart, readLater } from "./read-at-start.ts";

/** A host that waits for a task. */
export interface WaitingHost<A> {
  /** Which tasks it can take; see {@link kindOf}. */
  kind: string;
  token: string;
  runKey: string;
  /** Receives its output until a task's log is made of it. */
  logFile: string;
  running: Running;
  program: ProcessId | null;
  /** It said hello: all that takes time is behind it. */
  isReady: boolean;
  /** A task is about to be given to it. */
  isTaken: boolean;
  assigned: Deferred<A>;
}

/**
 * What a host has beside the environment of its task, which takes its place before the module is loaded: tsx would keep
 * what it compiles in a shared temporary folder, which another user can make first, and read.
 */
export const HOST_ENVIRONMENT = { TSX_DISABLE_CACHE: "1" };

/** For a host that waits: the next module is probably TypeScript, as the last one was. */
const NEXT_IS_TYPESCRIPT = { AGENTCTL_NEXT_MODULE: "typescript" };

/** Where the output of a host goes while it waits. */
export function hostLog({ run }: Ports["places"], runKey: string): string {
  return join(run, `${runKey}.log`);
}

/** The run keys of hosts that waited begin so. */
export const HOST_KEY = "host.";

/** Nothing has run for so long: the waiting hosts give their memory back. */
const IDLE_MS = 60_000;

/** While tasks begin, one host is started after so long, and so long after it the next; each end makes room for one at once. */
const NEXT_MS = 1000;

/** The first one follows so soon: what has just begun has the machine for itself until then. */
const FIRST_MS = 250;

/** What the pool reads of the engine, beside what comes from outside; `A` is its active attempt. */
interface HostUser<A> extends Pick<Ports, "runner" | "settings" | "places" | "baseEnv"> {
  readonly active: ReadonlyMap<number, A>;
  readonly isHolding: boolean;
  readonly isStopping: boolean;
  readonly isRecovering: boolean;
}

export class Hosts<A extends { isModule: boolean; frozen: boolean }> {
  readonly #engine: HostUser<A>;
  readonly #waiting = new Map<string, WaitingHost<A>>();
  #idle: NodeJS.Timeout | null = null;
  #next: NodeJS.Timeout | null = null;
  /** The most modules that ran at the same time since all was idle, or for one to two minutes. */
  #peak = 1;
  #isStopped = false;
  /** What the module that was begun last had of variables that are read at the start of a process, as the next may have. */
  #readAtStart: Record<string, string>;
  #inherited = defaultInherited;
  #isTypeScript = false;

  constructor(engine: HostUser<A>) {
    this.#engine = engine;
    this.#readAtStart = readAtStart(engine.baseEnv);
  }

  /** A ready host for a task that has this, and runs the module at `path`; undefined where one must be started for it. */
  take(env: Record<string, string>, inherited: Inherited, path = ""): WaitingHost<A> | undefined {
    const wanted = readAtStart(env);
    this.#isTypeScript = /\.[cm]?tsx?$/.test(path);
    if (mayWait(wanted)) {
      this.#readAtStart = wanted;
      this.#inherited = inherited;
    }
    const kind = kindOf(wanted, inherited);
    for (const host of this.#waiting.values()) {
      if (host.kind !== kind || !host.isReady || host.isTaken || !host.program) continue;
      if (this.#engine.runner.isGone(host.running)) continue;
      host.isTaken = true;
      return host;
    }
    return undefined;
  }

  /** The task for which a host was taken did not begin. */
  giveBack(host: WaitingHost<A>): void {
    host.isTaken = false;
  }

  /** Ends one that is of no use: its token is of an attempt that is over, or nothing is expected for it. */
  async drop(host: WaitingHost<A>): Promise<void> {
    this.#waiting.delete(host.token);
    await this.#end(host);
  }

  /** Tells a host that was taken what it is to run; from here on it is that attempt's process. */
  assign(host: WaitingHost<A>, active: A): void {
    this.#waiting.delete(host.token);
    host.assigned.resolve(active);
  }

  /** The attempt that the host with this token is assigned to, as soon as it is; undefined for any other token. */
  assignmentOf(token: string): Promise<A> | undefined {
    const host = this.#waiting.get(token);
    if (!host) return undefined;
    host.isReady = true;
    return host.assigned.promise;
  }

  /** A module has begun, or ended just now: keeps hosts waiting for a while. */
  refill(hasEnded = false): void {
    const { isHolding, isStopping, isRecovering } = this.#engine;
    if (this.#isStopped || isHolding || isStopping || isRecovering) return;
    this.#peak = Math.max(this.#peak, this.#atWork());
    if (hasEnded && this.#isMissing) this.#startOne();
    this.#startNext(this.#waiting.size === 0 && this.#atWork() === 1 ? FIRST_MS : NEXT_MS);
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#whenIdle(), IDLE_MS);
    this.#idle.unref();
  }

  /** Starts one where one is missing, and then the next; none after one that did not live to see it. */
  #startNext(inMs: number): void {
    if (this.#next || !this.#isMissing) return;
    const started = inMs === 0 ? this.#startOne() : undefined;
    this.#next = setTimeout(
      () => {
        this.#next = null;
        if (this.#isStopped || this.#engine.isStopping) return;
        if (!started || started.isTaken || this.#waiting.has(started.token)) this.#startNext(0);
      },
      started ? NEXT_MS : inMs,
    );
    this.#next.unref();
  }

  get #isMissing(): boolean {
    const kind = kindOf(this.#readAtStart, this.#inherited);
    return [...this.#waiting.values()].filter((host) => host.kind === kind).length < this.#most;
  }

  get #most(): number {
    return Math.min(this.#peak, this.#engine.settings.hosts);
  }

  #atWork(): number {
    return [...this.#engine.active.values()].filter((active) => active.isModule && !active.frozen).length;
  }

  /** Ends all waiting hosts. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#endAllBut(0);
  }

  #whenIdle(): void {
    const atWork = this.#atWork();
    this.#peak = Math.max(1, atWork);
    void this.#endAllBut(atWork);
    if (atWork > 0) this.refill();
  }

  /** As many as `kept` go on waiting. */
  async #endAllBut(kept: number): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    if (this.#next) clearTimeout(this.#next);
    this.#next = null;
    const hosts = [...this.#waiting.values()].filter((host) => !host.isTaken).slice(kept);
    await Promise.all(hosts.map((host) => this.drop(host)));
  }

  /** One that waits for tasks of another kind than the last one makes room for one of that kind. */
  #makeRoom(wanted: string): void {
    if (this.#waiting.size < this.#most) return;
    const other = [...this.#waiting.values()].find(({ kind, isTaken }) => kind !== wanted && !isTaken);
    if (other) void this.drop(other);
  }

  async #end({ running, runKey, logFile }: WaitingHost<A>): Promise<void> {
    await this.#engine.runner.terminate(running, { graceMs: 0 }).catch(() => {});
    this.#engine.runner.forget(runKey);
    rmSync(logFile, { force: true });
  }

  #startOne(): WaitingHost<A> {
    const { places, baseEnv, runner } = this.#engine;
    const kind = kindOf(this.#readAtStart, this.#inherited);
    this.#makeRoom(kind);
    const token = newToken();
    const runKey = `${HOST_KEY}${randomBytes(6).toString("hex")}`;
    const logFile = hostLog(places, runKey);
    const running = runner.launch({
      key: runKey,
      token,
      argv: [places.node, places.host],
      cwd: places.home,
      env: {
        ...readLater(baseEnv),
        ...this.#readAtStart,
        AGENTCTL_HOME: places.home,
        AGENTCTL_SOCKET: places.socket,
        AGENTCTL_NODE: places.node,
        [TOKEN_VARIABLE]: token,
        [TREE_VARIABLE]: treeMarker(token),
        ...HOST_ENVIRONMENT,
        ...(this.#isTypeScript && NEXT_IS_TYPESCRIPT),
      },
      logFile,
      inherited: this.#inherited,
    });
    const host: WaitingHost<A> = {
      kind,
      token,
      runKey,
      logFile,
      running,
      program: null,
      isReady: false,
      isTaken: false,
      assigned: deferred(),
    };
    this.#waiting.set(token, host);
    running.started.then(
      (program) => {
        host.program = program;
      },
      () => {},
    );
    void running.ended.then(() => {
      if (this.#waiting.delete(token)) void this.#end(host);
    });
    return host;
  }
}
