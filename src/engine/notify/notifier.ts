/**
 * Notifies hooks. After each commit, the notifier reads the new events. In one transaction it records the messages for
 * each hook and how far it has read, so a crash loses nothing. A second loop sends them: separately for each hook, in
 * order for each task, again after a failure. A message whose end was not recorded is sent again: at least once.
 */
import { createHash } from "node:crypto";
import { type Hook, matchesEvent, matchesTask } from "../../core/hooks.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import type { Clock } from "../../core/time.ts";
import type { Delivery, NewDelivery } from "../../store/deliveries.ts";
import type { Store } from "../../store/store.ts";
import type { Log } from "../ports.ts";
import { newToken } from "../token.ts";
import type { Answer, Send } from "./answer.ts";

/** For how many tasks one hook gets messages at the same time. A hook that hangs therefore delays only itself. */
const MAX_PARALLEL = 4;

/** How many events are read at once. */
const PAGE_SIZE = 500;

/** A failed message is retried after 1, 2, 4, … seconds, up to an hour apart, for a day. */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 3_600_000;
const GIVE_UP_AFTER_MS = 86_400_000;

/** How long to wait at most between two checks, in ms, because a timer may be late after the machine slept. */
const MAX_WAIT_MS = 30_000;

export interface NotifierOptions {
  store: Store;
  clock: Clock;
  log: Log;
  /** Returns the event with its task, in the form that is sent. */
  describe(event: TaskEvent, task: Task | null, push?: Hook["push"]): Promise<object>;
  send: Send;
}

/** A hook, and counts and times of its messages. */
export interface HookReport {
  hook: Hook;
  waiting: number;
  told: number;
  givenUp: number;
  lastAt: number | null;
  lastError: string | null;
}

/** A hook, and the number of the last event that was read for it. */
interface HookCursor {
  hook: Hook;
  after: number;
}

export class Notifier {
  readonly #options: NotifierOptions;
  #hooks = new Map<string, HookCursor>();
  readonly #busy = new Map<string, Set<number>>();
  #recording: Promise<void> | null = null;
  #hasNewEvents = false;
  #timer: NodeJS.Timeout | null = null;
  readonly #stop = new AbortController();
  readonly #inProgress = new Set<Promise<void>>();

  constructor(options: NotifierOptions) {
    this.#options = options;
    options.store.onEvents(() => this.#wake());
  }

  /** Sets the hooks, in the order of the configuration; messages that wait for any other hook are dropped. */
  async configure(hooks: readonly Hook[]): Promise<void> {
    const keyed = new Map(hooks.map((hook) => [keyOf(hook), hook]));
    const { store } = this.#options;
    const states = await store.deliveries.states();
    const before = new Set(states.map((state) => state.key));
    if (keyed.size > 0 || states.length > 0) await store.deliveries.keep([...keyed.keys()]);
    const after = new Map((await store.deliveries.states()).map((state) => [state.key, state.after]));
    this.#hooks = new Map(
      [...keyed].map(([key, hook]) => [
        key,
        { hook, after: this.#startPosition(key, hook, before, after.get(key) ?? 0) },
      ]),
    );
    this.#wake();
    await this.#sendDue();
  }

  /** Returns the event after which a hook continues. A new hook begins after the newest event, or where it says. */
  #startPosition(key: string, { push }: Hook, before: ReadonlySet<string>, after: number): number {
    if (!before.has(key) && push && push.after !== null) return push.after;
    return Math.max(after, this.#hooks.get(key)?.after ?? 0);
  }

  /** Returns the hooks with the state of their messages. */
  async report(): Promise<HookReport[]> {
    const states = new Map(
      (await this.#options.store.deliveries.states()).map((state) => [state.key, state]),
    );
    return [...this.#hooks].map(([key, { hook }]) => {
      const { waiting = 0, told = 0, givenUp = 0, lastAt = null, lastError = null } = states.get(key) ?? {};
      return { hook, waiting, told, givenUp, lastAt, lastError };
    });
  }

  /** Sends an example at once and returns the response. */
  async test(hook: Hook, body: object): Promise<Answer> {
    return await this.#options.send(
      hook,
      { message: `msg_${newToken()}`, body: JSON.stringify(body) },
      this.#stop.signal,
    );
  }

  /** Stops sending. Messages in progress are aborted, and the next daemon sends them again. */
  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#stop.abort();
    await Promise.all(this.#inProgress);
    await this.#recording;
  }

  #wake(): void {
    if (this.#hooks.size === 0 || this.#stop.signal.aborted) return;
    this.#hasNewEvents = true;
    this.#recording ??= this.#record().finally(() => {
      this.#recording = null;
    });
  }

  async #record(): Promise<void> {
    try {
      while (this.#hasNewEvents && !this.#stop.signal.aborted) {
        this.#hasNewEvents = false;
        if (await this.#recordPage()) this.#hasNewEvents = true;
      }
    } catch (error) {
      this.#options.log.warn(
        { error: String(error) },
        "events for hooks could not be recorded; tried again later",
      );
      this.#wakeIn(FIRST_RETRY_MS);
    }
  }

  /** Records one page of events; returns whether there may be more to read. */
  async #recordPage(): Promise<boolean> {
    const { store } = this.#options;
    const after = Math.min(...[...this.#hooks.values()].map((cursor) => cursor.after));
    const events = await store.events({ after, limit: PAGE_SIZE });
    const last = events.at(-1);
    if (!last) return false;
    const deliveries = await this.#deliveriesOf(events);
    // Events that match no hook are not worth a write, but a full page of them is: a restart need not read it again.
    if (deliveries.length > 0 || events.length === PAGE_SIZE)
      await store.deliveries.queue(deliveries, last.seq);
    for (const cursor of this.#hooks.values()) cursor.after = Math.max(cursor.after, last.seq);
    if (deliveries.length > 0) await this.#sendDue();
    return events.length === PAGE_SIZE;
  }

  async #deliveriesOf(events: readonly TaskEvent[]): Promise<NewDelivery[]> {
    const { store, clock, describe } = this.#options;
    const deliveries: NewDelivery[] = [];
    for (const event of events) {
      const named = [...this.#hooks].filter(
        ([, { hook, after }]) => after < event.seq && matchesEvent(hook, event),
      );
      if (named.length === 0) continue;
      const task = (await store.get(event.task)) ?? null;
      const hooks = named.filter(([, { hook }]) => matchesTask(hook, task));
      if (hooks.length === 0) continue;
      const body = JSON.stringify(await describe(event, task));
      for (const [
        hook,
        {
          hook: { push },
        },
      ] of hooks) {
        deliveries.push({
          hook,
          seq: event.seq,
          task: event.task,
          message: `msg_${newToken()}`,
          body: push ? JSON.stringify(await describe(event, task, push)) : body,
          at: clock.now(),
        });
      }
    }
    return deliveries;
  }

  /** Sends the messages that are due and not in progress. */
  async #sendDue(): Promise<void> {
    const { store, clock } = this.#options;
    const now = clock.now();
    for (const [key, { hook }] of this.#hooks) {
      const busy = this.#busy.get(key) ?? new Set();
      this.#busy.set(key, busy);
      if (busy.size >= MAX_PARALLEL) continue;
      const due = await store.deliveries.due(key, now, MAX_PARALLEL + busy.size);
      for (const delivery of due) {
        if (busy.size >= MAX_PARALLEL || this.#stop.signal.aborted) break;
        if (!busy.has(delivery.id)) this.#startDelivery(hook, delivery, busy);
      }
    }
    const next = await store.deliveries.nextAt();
    if (next !== null) this.#wakeIn(Math.min(MAX_WAIT_MS, Math.max(next - clock.now(), this.#idleMs())));
  }

  /** Returns the shortest wait in ms. The end of a message in progress triggers a check, so the timer may wait. */
  #idleMs(): number {
    return [...this.#busy.values()].some(({ size }) => size > 0) ? FIRST_RETRY_MS : 1;
  }

  #startDelivery(hook: Hook, delivery: Delivery, busy: Set<number>): void {
    busy.add(delivery.id);
    const work = this.#deliver(hook, delivery).finally(() => {
      busy.delete(delivery.id);
      this.#inProgress.delete(work);
      if (!this.#stop.signal.aborted) void this.#sendDue().catch(() => this.#wakeIn(FIRST_RETRY_MS));
    });
    this.#inProgress.add(work);
  }

  async #deliver(hook: Hook, delivery: Delivery): Promise<void> {
    const { send, store, clock, log } = this.#options;
    const answer = await send(hook, delivery, this.#stop.signal);
    // If a stop of the daemon aborted the message, it has neither succeeded nor failed.
    if (this.#stop.signal.aborted && !answer.ok) return;
    const at = clock.now();
    const error = answer.ok ? null : answer.reason;
    const retryAt = answer.ok || answer.isFinal ? null : nextTry(delivery, at);
    if (error !== null)
      log.warn({ task: delivery.task, seq: delivery.seq, error, again: retryAt }, "a hook failed");
    try {
      await store.deliveries.settle(delivery.id, { at, error, retryAt });
    } catch (cause) {
      log.warn({ seq: delivery.seq, error: String(cause) }, "the end of a hook could not be recorded");
    }
  }

  #wakeIn(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#wake();
      this.#sendDue().catch(() => this.#wakeIn(FIRST_RETRY_MS));
    }, ms);
    this.#timer.unref();
  }
}

/** Returns when a message that failed at `at` is tried again; null a day after its first try. */
export function nextTry({ tries, firstAt }: Pick<Delivery, "tries" | "firstAt">, at: number): number | null {
  const retryAt = at + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 20));
  return retryAt - firstAt > GIVE_UP_AFTER_MS ? null : retryAt;
}

/** Returns the identity of a hook, computed from its fields: a changed hook is another hook. */
function keyOf({ on, where, target, push }: Hook): string {
  const { secret: _, ...named } = { secret: null, ...target };
  return createHash("sha256")
    .update(JSON.stringify([on, where, named, ...(push ? [push.task, push.id, push.form] : [])]))
    .digest("hex")
    .slice(0, 32);
}
