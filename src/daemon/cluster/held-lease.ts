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

/** A lease is renewed so many times while it lasts; its silence is looked at more often. */
const RENEWALS = 6;
const LOOKS = 30;
/**
 * Without an answer for this part of the lease the trees are stopped; after the second part the fuse ends them, which may
 * take it half a second: a lease lasts 3 s at least.
 */
const STILL_AT = 0.45;
const FUSE_AT = 0.7;
/** An answer that takes longer may never come: the connection is made again. */
const SILENT_MS = 1000;
/** Where nobody takes over, the fuse has so much time. */
const NEVER_S = 100 * 365 * 86_400;
/** So long after an outage an end by a signal may still be one by the fuse, in s. */
const FUSED_S = 5;

interface Options {
  store: PostgresStore;
  machine: Machine;
  home: string;
  leaseMs: number;
  log: DaemonLog;
  /** Called with each renewal. */
  onLease: (lease: Lease) => void;
}

/**
 * The lease of this machine: renewed while the database answers. While it does not, the tasks here stand still, and where
 * others have taken them they are ended. It reaps what machines have left that are lost.
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
  /** What is being renewed may have been read before a change that this machine was told of. */
  #renewsAgain = false;
  /** In s since boot: when a renewal was sent last, when the one that succeeded last, and since when none was missing. */
  #sentAt = 0;
  #renewedAt = 0;
  #heldSince = 0;
  #fusedUntil = 0;
  /** Others have taken the tasks here, and what is left of them is being ended. */
  #isLosing = false;
  /** Others take over its tasks when the lease is over; else nothing here need stop for them. */
  #isTakenOver = true;
  /** The trees that are stopped because the database does not answer; null while it does. */
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

  /** Begins the lease of this daemon; what others may have taken over already is ended first. */
  async register(): Promise<void> {
    const lease = await this.#registered(false);
    if (!lease) await this.#file.burn();
    this.#held(lease ?? ((await this.#registered(true)) as Lease));
    this.#heldSince = this.#renewedAt;
    this.#file.light();
  }

  async #registered(isEmpty: boolean): Promise<Lease | null> {
    for (;;) {
      this.#sentAt = uptime();
      const lease = await this.#machine.register(__VERSION__, { isEmpty });
      if (lease) this.#store.writesUnder(this.#machine.epoch);
      if (lease?.takeover !== "auto" || !this.#isLate()) return lease;
    }
  }

  /** The answer took so long that the fuse would end what is here by what it says: another one is asked for. */
  #isLate(): boolean {
    return uptime() - this.#sentAt > this.#leaseS * STILL_AT;
  }

  /** The fuse, or this daemon before others begin them, may have ended what works here. */
  get mayHaveEnded(): boolean {
    const now = uptime();
    const isFused = this.#isTakenOver && now - this.#renewedAt > this.#leaseS * FUSE_AT;
    return this.#isLosing || isFused || now < this.#fusedUntil;
  }

  /** Renews it from now on, and at once when this machine is told that it was changed. */
  keep(engine: Engine): void {
    const onChange = (name: string) => name === this.#machine.name && this.#renewSoon(engine);
    this.#guarded(this.#store.listener.listen(MACHINE_CHANNEL, onChange));
    this.#timer = setInterval(() => this.#beat(engine), (this.#leaseS * 1000) / LOOKS);
  }

  /** The database has not answered for so long that what runs here stands still. */
  get isSilent(): boolean {
    return uptime() - this.#renewedAt > this.#leaseS * STILL_AT;
  }

  /** Renews it no more. */
  async rest(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    const late = setInterval(() => this.#guarded(this.#store.listener.breakOff(SILENT_MS)), SILENT_MS);
    await this.#renewing;
    clearInterval(late);
  }

  /** Gives it back; what is stopped here stays so. */
  async leave(isFrozen: boolean): Promise<void> {
    await this.#machine.leave();
    if (isFrozen) this.#file.still();
    else this.#file.remove();
  }

  #held(lease: Lease): void {
    this.#renewedAt = this.#sentAt;
    this.#isTakenOver = lease.takeover === "auto";
    this.#file.renew(this.#renewedAt + (this.#isTakenOver ? this.#leaseS * FUSE_AT : NEVER_S));
    this.#onLease(lease);
  }

  #beat(engine: Engine): void {
    const now = uptime();
    const isSilent = () =>
      this.#isTakenOver && !this.#isLosing && now - this.#renewedAt > this.#leaseS * STILL_AT;
    // Where this process had to wait, the answer may be there and not be read yet.
    if (isSilent()) setImmediate(() => isSilent() && this.#guarded(this.#standStill(engine)));
    const every = this.#leaseS / RENEWALS;
    if (this.#renewing !== null) {
      if (now - this.#sentAt > Math.max(every, SILENT_MS / 1000))
        this.#guarded(this.#store.listener.breakOff(SILENT_MS));
    } else if (now - this.#sentAt >= every) this.#renewSoon(engine);
  }

  /** At once, or after the renewal under way; not any more once it rests. */
  #renewSoon(engine: Engine): void {
    if (this.#timer === null) return;
    if (this.#renewing !== null) {
      this.#renewsAgain = true;
      return;
    }
    this.#renewsAgain = false;
    this.#renewing = this.#renew(engine)
      .catch((error) =>
        this.#log.warn({ error: String(error) }, "the lease of this machine could not be renewed"),
      )
      .finally(() => {
        this.#renewing = null;
        if (this.#renewsAgain) this.#renewSoon(engine);
      });
  }

  async #renew(engine: Engine): Promise<void> {
    this.#sentAt = uptime();
    const lease = await this.#machine.renew();
    if (lease === null) return await this.#lose(engine);
    if (this.#isTakenOver && this.#isLate()) {
      this.#renewsAgain = true;
      return;
    }
    const silent = uptime() - this.#renewedAt;
    if (silent > this.#leaseS * STILL_AT) this.#heldSince = this.#sentAt;
    if (this.#isTakenOver && silent > this.#leaseS * FUSE_AT) this.#fusedUntil = uptime() + FUSED_S;
    this.#held(lease);
    if (this.#stopped) await this.#goOn(engine, this.#stopped);
    // After an outage everybody's lease is over: nobody takes from others before they had time to renew theirs.
    const mayTake = this.#sentAt - this.#heldSince >= this.#leaseS;
    const lost = await this.#machine.lost(this.#leaseS * 1000, mayTake);
    if (!mayTake) return;
    for (const id of lost) this.#guarded(loseElsewhere(engine, id));
    await dropEnvironments(this.#store.listener);
  }

  /** Others may take over soon: nothing here runs meanwhile. What just starts is stopped at the next look. */
  async #standStill(engine: Engine): Promise<void> {
    if (!this.#stopped) this.#log.warn({}, "the database does not answer: the tasks here stand still");
    this.#stopped ??= new Set();
    const stopped = this.#stopped;
    const moving = [...engine.active.values()].filter(
      (active) => active.running && !active.frozen && !active.isEnding && !stopped.has(active),
    );
    for (const active of moving) stopped.add(active);
    const stops = Promise.all([this.#stopping, ...moving.map((active) => stopOrEnd(engine, active))]);
    this.#stopping = stops;
    await stops;
    if (this.#stopped === stopped) this.#file.still();
  }

  async #goOn(engine: Engine, stopped: Set<ActiveAttempt>): Promise<void> {
    this.#stopped = null;
    // What is being stopped at this moment would stay so.
    await this.#stopping;
    for (const { running, frozen } of stopped) if (running && !frozen) engine.runner.thaw(running);
    this.#log.info({ tasks: stopped.size }, "the database answers: the tasks here go on");
    await this.#store.revive();
  }

  /** Writes of this machine wait until the next lease has begun, before which everything here has ended. */
  async #lose(engine: Engine): Promise<void> {
    this.#log.error({}, "others have taken the tasks of this machine: what is left of them here is ended");
    this.#isLosing = true;
    this.#stopped = null;
    await this.#store.revive();
    await endAll(engine);
    await this.#file.burn();
    this.#held((await this.#registered(true)) as Lease);
    this.#heldSince = this.#renewedAt;
    this.#fusedUntil = uptime() + FUSED_S;
    this.#isLosing = false;
    engine.wake();
  }

  #guarded(work: Promise<unknown>): void {
    work.catch((error) =>
      this.#log.warn({ error: String(error) }, "something for the cluster could not be done"),
    );
  }
}
