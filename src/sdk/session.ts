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

/** Room for what stands around a value in its line. */
const ENVELOPE_BYTES = 64 * 1024;

/** What the daemon is told when the module has ended. */
export type Outcome = Params<"attempt/result">;

/** One journaled call: what it does when the journal does not answer it, and how it reads the journal's answer. */
export interface JournaledCall<T> {
  kind: StepKey["kind"];
  name: string;
  run: (place: Place, flight: PendingCall) => Promise<T>;
  replay: (entry: JournalEntry, place: Place, flight: PendingCall) => T | Promise<T>;
}

/** One attempt as the module's process sees it: what every method of the task works on. */
export class Session {
  readonly hello: Hello;
  readonly link: Link;
  readonly journal: Journal;
  readonly calls: PendingCalls;
  readonly progress: Progress;
  /** Where brief steps are made durable; undefined where the daemon names no place. */
  readonly steps: StepFile | undefined;
  /** When the daemon was told last that something stands there, by the clock that does not jump. */
  wordAt = Number.NEGATIVE_INFINITY;
  /** What the module sees as `task.signal`. */
  readonly aborter = new AbortController();
  /** Aborted with it; for this side's own use, so that what listens to the module's is the module. */
  readonly stopper = new AbortController();
  /** What the module sees as `task.pausing`; another one once a pause was called off. */
  pausing = new AbortController();
  /** Something of the module listened when it was aborted. */
  wasListened = false;
  readonly inside = new Inside();
  /** The signals that the functions of running steps were given. */
  readonly stepSignals = new Set<AbortSignal>();
  readonly briefness = new Briefness();
  /** Steps whose function runs, told again to a daemon that was not there. */
  readonly running = new Set<() => void>();
  /** The largest value that fits both the limit and a line. */
  readonly maxBytes: number;
  /** How many bytes the results in the journal take that a later attempt would be given. */
  journalBytes: number;
  /** The newest checkpoint's JSON, and the one that the module believes to be that while it is replayed. */
  saved: { durable: string | undefined; seen: string | undefined };
  /** What steps that were cut short in earlier attempts had kept, as JSON, by {@link keptName}. */
  readonly kept: ReadonlyMap<string, string>;
  /** The one question that waits, by its text. */
  question: string | undefined;
  /** Told when a message was sent to the task. */
  onMessage: (() => void) | undefined;
  onAnswer: ((answer: NotificationParams<"attempt/answer">) => void) | undefined;
  /** Settles when the save that decides where the next calls are counted from is acknowledged. */
  moving: Promise<void> | undefined;
  #isCanceled = false;
  readonly #left: () => void;
  readonly #end: (outcome: Outcome) => void;

  /** `left` is told when the daemon is about to end the process, `end` that the attempt ends although the module goes on. */
  constructor(
    hello: Hello,
    link: Link,
    { left, end }: { left: () => void; end: (outcome: Outcome) => void },
  ) {
    this.hello = hello;
    this.link = link;
    this.#left = left;
    this.#end = end;
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
      notified: (notified) => this.#notified(notified),
      reconnected: (again) => this.#reconnected(again),
    });
    if (hello.pausing) this.calls.pause();
  }

  get isMoving(): boolean {
    return this.moving !== undefined;
  }

  /** The task was canceled: what remains is the time until the kill. */
  get isCanceled(): boolean {
    return this.#isCanceled;
  }

  /** Whether the module has anything that its aborted signal could tell. */
  get isListened(): boolean {
    const signals = [this.aborter.signal, ...this.stepSignals];
    return signals.some((signal) => getEventListeners(signal, "abort").length > 0);
  }

  /** Ends every call for good: none of them returns any more. */
  stop(): void {
    this.calls.stop();
  }

  /** A call that is kept in the journal. */
  async journaled<T>({ kind, name, run, replay }: JournaledCall<T>): Promise<T> {
    const flight = this.calls.begin();
    try {
      // Not awaited when there is nothing to wait for: calls are counted in the turn in which they are made.
      while (this.isMoving) await this.moving;
      const place = this.#placed(kind, name, flight);
      if (!place) return await never();
      if (this.calls.isHeld) await this.calls.pass(flight);
      const entry = this.journal.find(place);
      return entry ? await replay(entry, place, flight) : await run(place, flight);
    } finally {
      this.calls.end(flight);
    }
  }

  /** Throws when the caller stands inside a step that has not ended. */
  refuseInStep(call: string, rather = "call it after the step"): void {
    const { step } = this.inside;
    if (step === undefined) return;
    throw new Error(
      `${call} was called inside the step ${JSON.stringify(step)}: what happens in a step is kept as one result, so it may hold no other call; ${rather}`,
    );
  }

  /** Throws CheckpointTooLarge for what the daemon would not keep. */
  refuseLarge(text: string | undefined, what: string): void {
    const size = text === undefined ? 0 : Buffer.byteLength(text);
    if (size > this.maxBytes)
      throw new AgentctlError("CheckpointTooLarge", {
        id: this.hello.id,
        what,
        size,
        limit: this.maxBytes,
      });
  }

  /** Throws CheckpointTooLarge for a result with which the journal could not be given to a later attempt. */
  refuseBeyondJournal(text: string | undefined, what: string): void {
    const limit = this.hello.module?.journalMaxBytes ?? Number.POSITIVE_INFINITY;
    const size = this.journalBytes + (text === undefined ? 0 : Buffer.byteLength(text));
    if (size > limit)
      throw new AgentctlError("CheckpointTooLarge", {
        id: this.hello.id,
        what: `the journal with ${what}`,
        size,
        limit,
      });
    this.journalBytes = size;
  }

  #placed(kind: StepKey["kind"], name: string, flight: PendingCall): Place | undefined {
    try {
      const place = this.journal.place(kind, name);
      this.calls.placed(flight, place);
      return place;
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      this.#end({ error: { name: error.name, message: error.message, data: error.data } });
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
    this.#left();
  }

  #notified({ method, params }: Notified): void {
    if (method === "attempt/cancel") {
      this.link.tell("attempt/alive", {});
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
    this.wasListened = this.isListened;
    this.stopper.abort(reason);
    this.aborter.abort(reason);
  }

  /** What the last daemon said since may be lost with it: whether the pause still stands, an answer, what runs. */
  #reconnected(hello: Hello): void {
    if (hello.pausing) this.calls.pause();
    else this.calls.goOn();
    for (const tellAgain of this.running) tellAgain();
    this.onMessage?.();
  }
}

/** Names a step for what it keeps. */
export function keptName({ base, n, name }: { base: number; n: number; name: string }): string {
  return `${base} ${n} ${name}`;
}

/** A call that does not return in this attempt. */
function never(): Promise<never> {
  return new Promise(() => {});
}
