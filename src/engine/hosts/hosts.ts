/**
 * A pool of module hosts that are started in advance, with SDK and loader loaded, so that a start or a resume need not
 * wait for Node. A waiting host has its token from its start; it becomes the attempt's token. The assignment, with the
 * host's pid, is durable before `attempt/hello` gets its response. The pool has as many hosts as modules ran at the
 * same time lately, up to the setting. It is empty before the first module, and when no module has run for a while. The
 * hosts have the last module's variables that a process reads at its start, and its umask, nice value and limits,
 * because a task with other values cannot use them.
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
import { hostCommand, missingFiles } from "./host-command.ts";
import { canWait, kindOf, readAtStart, readLater } from "./read-at-start.ts";

/** A host that waits for a task. */
export interface WaitingHost<A> {
  /** The tasks that it can take; see {@link kindOf}. */
  kind: string;
  token: string;
  runKey: string;
  /** Receives its output until the file becomes a task's log. */
  logFile: string;
  running: Running;
  program: ProcessId | null;
  /** Whether it said hello: its slow start-up is over. */
  isReady: boolean;
  /** Whether a task is about to be given to it. */
  isTaken: boolean;
  assigned: Deferred<A>;
}

/**
 * The variables of a host before it takes on its task's environment, which it does before it loads the module. Without
 * this one, tsx would cache compiled code in a shared temporary folder, which another user can create first, and read.
 */
export const HOST_ENVIRONMENT = { TSX_DISABLE_CACHE: "1" };

/** Tells a waiting host that the next module is probably TypeScript, because the last one was. */
const NEXT_IS_TYPESCRIPT = { AGENTCTL_NEXT_MODULE: "typescript" };

/** Returns the file for the output of a host while it waits. */
export function hostLog({ run }: Ports["places"], runKey: string): string {
  return join(run, `${runKey}.log`);
}

/** The prefix of the run keys of hosts that waited. */
export const HOST_KEY_PREFIX = "host.";

/** After this long, in ms, without a module's start or end, the pool shrinks to the number of running modules. */
const IDLE_TIMEOUT_MS = 60_000;

/** A host starts this long, in ms, after a module does, and the next after it. A module's end starts one at once. */
const NEXT_DELAY_MS = 1000;

/** How soon, in ms, the first host is started. Until then the module that has just begun has the machine for itself. */
const FIRST_DELAY_MS = 250;

/** The part of the engine that the pool uses; `A` is the engine's active attempt. */
interface HostUser<A> extends Pick<Ports, "runner" | "settings" | "places" | "baseEnv"> {
  readonly active: ReadonlyMap<number, A>;
  readonly isHolding: boolean;
  readonly isStopping: boolean;
  readonly isRecovering: boolean;
}

export class Hosts<A extends { isModule: boolean; frozen: boolean }> {
  readonly #engine: HostUser<A>;
  readonly #waiting = new Map<string, WaitingHost<A>>();
  #idleTimer: NodeJS.Timeout | null = null;
  #nextTimer: NodeJS.Timeout | null = null;
  /** The most modules that ran at the same time since the pool last shrank. */
  #peak = 1;
  #isStopped = false;
  /** The variables, read at the start of a process, of the last module; the next module may have the same. */
  #readAtStart: Record<string, string>;
  #inherited = defaultInherited;
  #isTypeScript = false;

  constructor(engine: HostUser<A>) {
    this.#engine = engine;
    this.#readAtStart = readAtStart(engine.baseEnv);
  }

  /** Takes a ready host for a task with this environment and module at `path`; undefined if there is none. */
  take(env: Record<string, string>, inherited: Inherited, path = ""): WaitingHost<A> | undefined {
    const variables = readAtStart(env);
    this.#isTypeScript = /\.[cm]?tsx?$/.test(path);
    if (canWait(variables)) {
      this.#readAtStart = variables;
      this.#inherited = inherited;
    }
    const kind = kindOf(variables, inherited);
    for (const host of this.#waiting.values()) {
      if (host.kind !== kind || !host.isReady || host.isTaken || !host.program) continue;
      if (this.#engine.runner.isGone(host.running)) continue;
      host.isTaken = true;
      return host;
    }
    return undefined;
  }

  /** Returns a host to the pool because its task did not begin. */
  giveBack(host: WaitingHost<A>): void {
    host.isTaken = false;
  }

  /** Ends a host that is no longer needed: the attempt with its token is over, or no task is expected for it. */
  async drop(host: WaitingHost<A>): Promise<void> {
    this.#waiting.delete(host.token);
    await this.#end(host);
  }

  /** Gives a taken host its attempt. From then on the host is that attempt's process. */
  assign(host: WaitingHost<A>, active: A): void {
    this.#waiting.delete(host.token);
    host.assigned.resolve(active);
  }

  /** Returns a promise of the attempt that the host with this token gets; undefined for any other token. */
  assignmentOf(token: string): Promise<A> | undefined {
    const host = this.#waiting.get(token);
    if (!host) return undefined;
    host.isReady = true;
    return host.assigned.promise;
  }

  /** Fills the pool after a module has begun, or ended, and restarts the idle timer. */
  refill(hasEnded = false): void {
    const { isHolding, isStopping, isRecovering } = this.#engine;
    if (this.#isStopped || isHolding || isStopping || isRecovering) return;
    this.#peak = Math.max(this.#peak, this.#countWorking());
    if (hasEnded && this.#hasTooFew) this.#startHost();
    this.#startNext(this.#waiting.size === 0 && this.#countWorking() === 1 ? FIRST_DELAY_MS : NEXT_DELAY_MS);
    if (this.#idleTimer) clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#shrink(), IDLE_TIMEOUT_MS);
    this.#idleTimer.unref();
  }

  /** Starts a missing host after `inMs`, then one every `NEXT_DELAY_MS`. Stops if a host died while it waited. */
  #startNext(inMs: number): void {
    if (this.#nextTimer || !this.#hasTooFew) return;
    const started = inMs === 0 ? this.#startHost() : undefined;
    if (inMs === 0 && !started) return;
    this.#nextTimer = setTimeout(
      () => {
        this.#nextTimer = null;
        if (this.#isStopped || this.#engine.isStopping) return;
        if (!started || started.isTaken || this.#waiting.has(started.token)) this.#startNext(0);
      },
      started ? NEXT_DELAY_MS : inMs,
    );
    this.#nextTimer.unref();
  }

  get #hasTooFew(): boolean {
    const kind = kindOf(this.#readAtStart, this.#inherited);
    return [...this.#waiting.values()].filter((host) => host.kind === kind).length < this.#maxSize;
  }

  get #maxSize(): number {
    return Math.min(this.#peak, this.#engine.settings.hosts);
  }

  #countWorking(): number {
    return [...this.#engine.active.values()].filter((active) => active.isModule && !active.frozen).length;
  }

  /** Ends all waiting hosts. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#endAllBut(0);
  }

  #shrink(): void {
    const working = this.#countWorking();
    this.#peak = Math.max(1, working);
    void this.#endAllBut(working);
    if (working > 0) this.refill();
  }

  /** Ends the waiting hosts, except for `keepCount` of them. */
  async #endAllBut(keepCount: number): Promise<void> {
    if (this.#idleTimer) clearTimeout(this.#idleTimer);
    if (this.#nextTimer) clearTimeout(this.#nextTimer);
    this.#nextTimer = null;
    const hosts = [...this.#waiting.values()].filter((host) => !host.isTaken).slice(keepCount);
    await Promise.all(hosts.map((host) => this.drop(host)));
  }

  /** Ends a host of another kind than `neededKind`, if the pool is full. */
  #makeRoom(neededKind: string): void {
    if (this.#waiting.size < this.#maxSize) return;
    const other = [...this.#waiting.values()].find(({ kind, isTaken }) => kind !== neededKind && !isTaken);
    if (other) void this.drop(other);
  }

  async #end({ running, runKey, logFile }: WaitingHost<A>): Promise<void> {
    await this.#engine.runner.terminate(running, { graceMs: 0 }).catch(() => {});
    this.#engine.runner.forget(runKey);
    rmSync(logFile, { force: true });
  }

  /** Returns undefined if the files of the host are gone; a task that needs a host then reports it. */
  #startHost(): WaitingHost<A> | undefined {
    const { places, baseEnv, runner } = this.#engine;
    if (missingFiles(places)) return undefined;
    const kind = kindOf(this.#readAtStart, this.#inherited);
    this.#makeRoom(kind);
    const token = newToken();
    const runKey = `${HOST_KEY_PREFIX}${randomBytes(6).toString("hex")}`;
    const logFile = hostLog(places, runKey);
    const running = runner.launch({
      key: runKey,
      token,
      argv: hostCommand(places),
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
