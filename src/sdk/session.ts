import { getEventListeners } from "node:events";
import { AgentctlError } from "../core/errors.ts";
import type { StepKey } from "../core/task.ts";
import { MAX_LINE_BYTES } from "../protocol/framing.ts";
import type { JournalEntry, NotificationParams, Notified, Params } from "../protocol/methods.ts";
import { Inside } from "./inside.ts";
import { Journal, Mismatch, type Place } from "./journal.ts";
import type { Hello, Link } from "./link.ts";
import { type Leave, type PendingCall, PendingCalls } from "./pending-calls.ts";
import { Progress } from "./progress.ts";
import { Briefness } from "./steps/briefness.ts";
import { StepFile } from "./steps/step-file.ts";
import { fromJson } from "./strict-json.ts";

/** Room for the rest of the line in which a value is sent. */
const ENVELOPE_BYTES = 64 * 1024;

/** What the host reports to the daemon when the module has ended. */
export type Outcome = Params<"attempt/result">;

/** One journaled call: `replay` reads its journal entry, and `run` executes the call if there is no entry. */
export interface JournaledCall<T> {
  kind: StepKey["kind"];
  name: string;
  run: (place: Place, flight: PendingCall) => Promise<T>;
  replay: (entry: JournalEntry, place: Place, flight: PendingCall) => T | Promise<T>;
}

/** One attempt as the module's process sees it. All methods of the task share it. */
export class Session {
  readonly hello: Hello;
  readonly link: Link;
  readonly journal: Journal;
  readonly calls: PendingCalls;
  readonly progress: Progress;
  /** The file in which brief steps are made durable; undefined if the daemon names none. */
  readonly steps: StepFile | undefined;
  /** When the daemon was last notified that the step file has new steps, by the monotonic clock, in ms. */
  lastNoticeAt = Number.NEGATIVE_INFINITY;
  /** Controls `task.signal`. */
  readonly aborter = new AbortController();
  /** Aborted together with `aborter`. The SDK itself listens here, so that only the module listens to `task.signal`. */
  readonly stopper = new AbortController();
  /** Controls `task.pausing`. Replaced when a pause is called off. */
  pausing = new AbortController();
  /** Whether the module listened when its signals were aborted. */
  hadListeners = false;
  readonly inside = new Inside();
  /** The signals that the functions of running steps have read. */
  readonly stepSignals = new Set<AbortSignal>();
  readonly briefness = new Briefness();
  /** Called to report the running steps and the open question again, after a reconnect or a save. */
  readonly running = new Set<() => void>();
  /** The largest value in bytes that fits both the daemon's limit and one line. */
  readonly maxBytes: number;
  /** The size in bytes of the journaled results that a later attempt would get. */
  journalBytes: number;
  /** The newest checkpoint as JSON, and the one that the module takes for the newest while it is replayed. */
  saved: { durable: string | undefined; seen: string | undefined };
  /** The values kept by steps that earlier attempts did not finish, as JSON, by {@link keptName}. */
  readonly kept: ReadonlyMap<string, string>;
  /** The text of the one question that waits for its answer. */
  question: string | undefined;
  /** Called when a message was, or may have been, sent to the task. */
  onMessage: (() => void) | undefined;
  onAnswer: ((answer: NotificationParams<"attempt/answer">) => void) | undefined;
  /** Settles when the daemon has acknowledged the save from which the next calls are counted. */
  moving: Promise<void> | undefined;
  #isCanceled = false;
  readonly #onLeave: () => void;
  readonly #onEnd: (outcome: Outcome) => void;

  /** `onLeave` is called before the daemon ends the process, `onEnd` when the attempt ends but the module runs. */
  constructor(
    hello: Hello,
    link: Link,
    { onLeave, onEnd }: { onLeave: () => void; onEnd: (outcome: Outcome) => void },
  ) {
    this.hello = hello;
    this.link = link;
    this.#onLeave = onLeave;
    this.#onEnd = onEnd;
    this.maxBytes = Math.min(hello.maxBytes, MAX_LINE_BYTES - ENVELOPE_BYTES);
    const data = Buffer.from(hello.checkpoint?.data ?? "", "base64").toString() || undefined;
    this.saved = { durable: data, seen: data };
    this.journal = new Journal(hello.module?.journal ?? [], hello.checkpoint?.base ?? 0);
    this.journalBytes = hello.module?.journalBytes ?? 0;
    this.kept = new Map(
      hello.module?.kept?.map(({ value, ...key }) => [keptName(key), JSON.stringify(value)]),
    );
    this.calls = new PendingCalls(
      (leave) => this.#leave(leave),
      (isPausing) => this.#pauseChanged(isPausing),
    );
    this.progress = new Progress(link);
    this.steps = hello.module?.steps && new StepFile(hello.module.steps);
    link.listen({
      onNotification: (notification) => this.#handleNotification(notification),
      onReconnect: (hello) => this.#handleReconnect(hello),
    });
    if (hello.pausing) this.calls.pause();
  }

  get isMoving(): boolean {
    return this.moving !== undefined;
  }

  /** Whether the task was canceled. Only the time until the kill remains. */
  get isCanceled(): boolean {
    return this.#isCanceled;
  }

  /** Whether the module listens to `task.signal` or to the signal of a step. */
  get hasListeners(): boolean {
    const signals = [this.aborter.signal, ...this.stepSignals];
    return signals.some((signal) => getEventListeners(signal, "abort").length > 0);
  }

  /** Stops all calls: none returns from now on. */
  stop(): void {
    this.calls.stop();
  }

  /** Makes a journaled call: replays its entry in the journal, or runs it. */
  async callJournaled<T>({ kind, name, run, replay }: JournaledCall<T>): Promise<T> {
    const flight = this.calls.begin();
    try {
      // No `await` if there is nothing to wait for: calls are counted in the turn in which they are made.
      while (this.isMoving) await this.moving;
      const place = this.#placeCall(kind, name, flight);
      if (!place) return await never();
      if (this.calls.isHeld) await this.calls.pass(flight);
      const entry = this.journal.find(place);
      return entry ? await replay(entry, place, flight) : await run(place, flight);
    } finally {
      this.calls.end(flight);
    }
  }

  /** Throws if the caller runs inside a step that has not ended. */
  refuseInStep(call: string, advice = "call it after the step"): void {
    const { step } = this.inside;
    if (step === undefined) return;
    throw new Error(
      `${call} was called inside the step ${JSON.stringify(step)}: a step is stored as one result, so it cannot contain other calls; ${advice}`,
    );
  }

  /** Throws CheckpointTooLarge for a value that is too large for the daemon to store. */
  refuseLarge(text: string | undefined, subject: string): void {
    const size = text === undefined ? 0 : Buffer.byteLength(text);
    if (size > this.maxBytes)
      throw new AgentctlError("CheckpointTooLarge", {
        id: this.hello.id,
        what: subject,
        size,
        limit: this.maxBytes,
      });
  }

  /** Throws CheckpointTooLarge for a result that would make the journal too large to give to a later attempt. */
  refuseBeyondJournal(text: string | undefined, subject: string): void {
    const limit = this.hello.module?.journalMaxBytes ?? Number.POSITIVE_INFINITY;
    const size = this.journalBytes + (text === undefined ? 0 : Buffer.byteLength(text));
    if (size > limit)
      throw new AgentctlError("CheckpointTooLarge", {
        id: this.hello.id,
        what: `the journal with ${subject}`,
        size,
        limit,
      });
    this.journalBytes = size;
  }

  #placeCall(kind: StepKey["kind"], name: string, flight: PendingCall): Place | undefined {
    try {
      const place = this.journal.place(kind, name);
      this.calls.setPlace(flight, place);
      return place;
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      this.#onEnd({ error: { name: error.name, message: error.message, data: error.data } });
      return undefined;
    }
  }

  async #leave(leave: Leave): Promise<void> {
    await this.progress.flush();
    if (leave.for === "sleep") {
      await this.link.call("attempt/suspended", {
        for: "sleep",
        until: new Date(leave.until).toISOString(),
      });
    } else if (leave.for === "ask") {
      await this.link.call("attempt/suspended", { for: "ask" });
    } else {
      const value = fromJson(this.saved.durable);
      await this.link.call("attempt/suspended", { for: "pause", base: this.journal.base, value });
    }
    this.#onLeave();
  }

  #handleNotification({ method, params }: Notified): void {
    if (method === "attempt/cancel") {
      this.link.notify("attempt/alive", {});
      this.#abort("The task was canceled", true);
    }
    if (method === "attempt/message") this.onMessage?.();
    if (method === "attempt/answer") this.onAnswer?.(params);
    if (method !== "attempt/pause") return;
    this.calls.pause();
    if (params.over) this.#abort("The grace time of the pause is over", false);
  }

  #pauseChanged(isPausing: boolean): void {
    if (isPausing) this.pausing.abort(new DOMException("The task is being paused", "AbortError"));
    else this.pausing = new AbortController();
  }

  #abort(message: string, isCancel: boolean): void {
    this.#isCanceled ||= isCancel;
    const reason = new DOMException(message, "AbortError");
    this.hadListeners = this.hasListeners;
    this.stopper.abort(reason);
    this.aborter.abort(reason);
  }

  /** The messages between this process and the last daemon may be lost: about the pause, an answer, what runs. */
  #handleReconnect(hello: Hello): void {
    if (hello.pausing) this.calls.pause();
    else this.calls.resume();
    for (const report of this.running) report();
    this.onMessage?.();
  }
}

/** The key of a step in {@link Session.kept}. */
export function keptName({ base, n, name }: { base: number; n: number; name: string }): string {
  return `${base} ${n} ${name}`;
}

/** Returns a promise that never settles, for a call that does not return in this attempt. */
function never(): Promise<never> {
  return new Promise(() => {});
}
