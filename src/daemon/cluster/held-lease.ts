import { type ActiveAttempt, type Engine, endAll, loseElsewhere, stopOrEnd } from "../../engine/index.ts";
import {
  dropEnvironments,
  type Lease,
  MACHINE_CHANNEL,
  type Machine,
  type PostgresStore,
} from "../../store/postgres/index.ts";
import type { DaemonLog } from "../log.ts";
import { LeaseFile, uptime } from "./lease-file.ts";

/** How many times a lease is renewed, and how many times we check the database for silence, while the lease lasts. */
const RENEWALS = 6;
const SILENCE_CHECKS = 30;
/**
 * If the database does not respond for this part of the lease, the process trees are stopped. After the second part the
 * fuse kills them, which may take half a second. A lease lasts at least 3 s.
 */
const STOP_FRACTION = 0.45;
const FUSE_FRACTION = 0.7;
/** How long a response may take, in ms. After that it may never come, so we reconnect. */
const RESPONSE_TIMEOUT_MS = 1000;
/** How long the fuse waits if nobody takes over the tasks, in s. */
const NEVER_DELAY_S = 100 * 365 * 86_400;
/** How long after an outage we still attribute the end of a task by a signal to the fuse, in s. */
const FUSE_BLAME_S = 5;

interface Options {
  store: PostgresStore;
  machine: Machine;
  home: string;
  leaseMs: number;
  log: DaemonLog;
  /** Called with each new lease. */
  onLease: (lease: Lease) => void;
}

/**
 * The lease of this machine, renewed while the database responds. While it does not, the tasks here are stopped. If
 * others have taken them, they are killed. Each renewal also cleans up after machines that are lost.
 */
export class HeldLease {
  readonly #store: PostgresStore;
  readonly #machine: Machine;
  readonly #log: DaemonLog;
  readonly #onLease: (lease: Lease) => void;
  readonly #file: LeaseFile;
  readonly #leaseS: number;
  #timer: NodeJS.Timeout | null = null;
  #renewing: Promise<void> | null = null;
  /** A change was notified during a renewal, which may have read the state from before the change. */
  #shouldRenewAgain = false;
  /** In s since boot: the last renewal sent, the last one that succeeded, and since when none was missed. */
  #sentAt = 0;
  #renewedAt = 0;
  #heldSince = 0;
  #fusedUntil = 0;
  /** Whether others have taken the tasks of this machine, so that the rest of them here is being ended. */
  #isLosing = false;
  /** Whether others take over its tasks when the lease expires. If not, nothing here needs to stop. */
  #isTakenOver = true;
  /** The trees stopped because the database does not respond. Null while it responds. */
  #stopped: Set<ActiveAttempt> | null = null;
  #stopping: Promise<unknown> = Promise.resolve();

  constructor({ store, machine, home, leaseMs, log, onLease }: Options) {
    this.#store = store;
    this.#machine = machine;
    this.#log = log;
    this.#onLease = onLease;
    this.#file = new LeaseFile(home);
    this.#leaseS = leaseMs / 1000;
  }

  /** Begins the lease of this daemon. First kills the tasks that others may already have taken over. */
  async register(): Promise<void> {
    const lease = await this.#requestLease(false);
    if (!lease) await this.#file.burn();
    this.#applyLease(lease ?? ((await this.#requestLease(true)) as Lease));
    this.#heldSince = this.#renewedAt;
    this.#file.light();
  }

  async #requestLease(isEmpty: boolean): Promise<Lease | null> {
    for (;;) {
      this.#sentAt = uptime();
      const lease = await this.#machine.register(__VERSION__, { isEmpty });
      if (lease) this.#store.setEpoch(this.#machine.epoch);
      if (lease?.takeover !== "auto" || !this.#isLate()) return lease;
    }
  }

  /** Whether the response took so long that the fuse would act on the new lease. Then we request another one. */
  #isLate(): boolean {
    return uptime() - this.#sentAt > this.#leaseS * STOP_FRACTION;
  }

  /** Whether the fuse, or this daemon before others take over, may have ended the tasks here. */
  get mayHaveEnded(): boolean {
    const now = uptime();
    const isFused = this.#isTakenOver && now - this.#renewedAt > this.#leaseS * FUSE_FRACTION;
    return this.#isLosing || isFused || now < this.#fusedUntil;
  }

  /** Renews the lease from now on, and at once when this machine is notified of a change. */
  startRenewing(engine: Engine): void {
    const onChange = (name: string) => name === this.#machine.name && this.#renewSoon(engine);
    this.#logFailure(this.#store.listener.listen(MACHINE_CHANNEL, onChange));
    this.#timer = setInterval(() => this.#checkLease(engine), (this.#leaseS * 1000) / SILENCE_CHECKS);
  }

  /** Whether the database has been silent for so long that the tasks here are stopped. */
  get isSilent(): boolean {
    return uptime() - this.#renewedAt > this.#leaseS * STOP_FRACTION;
  }

  /** Stops renewing the lease. */
  async stopRenewing(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    const reconnect = setInterval(
      () => this.#logFailure(this.#store.listener.breakOff(RESPONSE_TIMEOUT_MS)),
      RESPONSE_TIMEOUT_MS,
    );
    await this.#renewing;
    clearInterval(reconnect);
  }

  /** Gives the lease back. Stopped trees stay stopped. */
  async leave(isFrozen: boolean): Promise<void> {
    await this.#machine.leave();
    if (isFrozen) this.#file.markStopped();
    else this.#file.remove();
  }

  #applyLease(lease: Lease): void {
    this.#renewedAt = this.#sentAt;
    this.#isTakenOver = lease.takeover === "auto";
    this.#file.renew(this.#renewedAt + (this.#isTakenOver ? this.#leaseS * FUSE_FRACTION : NEVER_DELAY_S));
    this.#onLease(lease);
  }

  #checkLease(engine: Engine): void {
    const now = uptime();
    const isSilent = () =>
      this.#isTakenOver && !this.#isLosing && now - this.#renewedAt > this.#leaseS * STOP_FRACTION;
    // If this process was delayed, the response may have arrived and not been read yet.
    if (isSilent()) setImmediate(() => isSilent() && this.#logFailure(this.#stopTasks(engine)));
    const interval = this.#leaseS / RENEWALS;
    if (this.#renewing !== null) {
      if (now - this.#sentAt > Math.max(interval, RESPONSE_TIMEOUT_MS / 1000))
        this.#logFailure(this.#store.listener.breakOff(RESPONSE_TIMEOUT_MS));
    } else if (now - this.#sentAt >= interval) this.#renewSoon(engine);
  }

  /** Renews at once, or after the renewal in progress. Does nothing after `stopRenewing`. */
  #renewSoon(engine: Engine): void {
    if (this.#timer === null) return;
    if (this.#renewing !== null) {
      this.#shouldRenewAgain = true;
      return;
    }
    this.#shouldRenewAgain = false;
    this.#renewing = this.#renew(engine)
      .catch((error) =>
        this.#log.warn({ error: String(error) }, "the lease of this machine could not be renewed"),
      )
      .finally(() => {
        this.#renewing = null;
        if (this.#shouldRenewAgain) this.#renewSoon(engine);
      });
  }

  async #renew(engine: Engine): Promise<void> {
    this.#sentAt = uptime();
    const lease = await this.#machine.renew();
    if (lease === null) return await this.#lose(engine);
    if (this.#isTakenOver && this.#isLate()) {
      this.#shouldRenewAgain = true;
      return;
    }
    const silentS = uptime() - this.#renewedAt;
    if (silentS > this.#leaseS * STOP_FRACTION) this.#heldSince = this.#sentAt;
    if (this.#isTakenOver && silentS > this.#leaseS * FUSE_FRACTION)
      this.#fusedUntil = uptime() + FUSE_BLAME_S;
    this.#applyLease(lease);
    if (this.#stopped) await this.#continueTasks(engine, this.#stopped);
    // After an outage every lease has expired. No machine takes tasks before the others had time to renew.
    const canTake = this.#sentAt - this.#heldSince >= this.#leaseS;
    const lost = await this.#machine.findLostTasks(this.#leaseS * 1000, canTake);
    if (!canTake) return;
    for (const id of lost) this.#logFailure(loseElsewhere(engine, id));
    await dropEnvironments(this.#store.listener);
  }

  /** Stops the tasks here, because others may take over soon. A task that just starts is stopped at the next check. */
  async #stopTasks(engine: Engine): Promise<void> {
    if (!this.#stopped) this.#log.warn({}, "the database does not answer: the tasks here stand still");
    this.#stopped ??= new Set();
    const stopped = this.#stopped;
    const candidates = [...engine.active.values()].filter(
      (active) => active.running && !active.frozen && !active.isEnding && !stopped.has(active),
    );
    for (const active of candidates) stopped.add(active);
    const stops = Promise.all([this.#stopping, ...candidates.map((active) => stopOrEnd(engine, active))]);
    this.#stopping = stops;
    await stops;
    if (this.#stopped === stopped) this.#file.markStopped();
  }

  async #continueTasks(engine: Engine, stopped: Set<ActiveAttempt>): Promise<void> {
    this.#stopped = null;
    // Otherwise a tree that is being stopped right now would stay stopped.
    await this.#stopping;
    for (const { running, frozen } of stopped) if (running && !frozen) engine.runner.thaw(running);
    this.#log.info({ tasks: stopped.size }, "the database answers: the tasks here go on");
    await this.#store.revive();
  }

  /** Ends everything here, then begins the next lease. Until then, writes of this machine wait. */
  async #lose(engine: Engine): Promise<void> {
    this.#log.error({}, "others have taken the tasks of this machine: what is left of them here is ended");
    this.#isLosing = true;
    this.#stopped = null;
    await this.#store.revive();
    await endAll(engine);
    await this.#file.burn();
    this.#applyLease((await this.#requestLease(true)) as Lease);
    this.#heldSince = this.#renewedAt;
    this.#fusedUntil = uptime() + FUSE_BLAME_S;
    this.#isLosing = false;
    engine.wake();
  }

  #logFailure(work: Promise<unknown>): void {
    work.catch((error) => this.#log.warn({ error: String(error) }, "a cluster operation failed"));
  }
}
