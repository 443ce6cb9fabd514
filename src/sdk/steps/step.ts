import { systemClock, toIso } from "../../core/time.ts";
import type { StepContext, StepOptions } from "../api.ts";
import type { Place } from "../journal.ts";
import { checkedOptions, toMs } from "../options.ts";
import type { PendingCall } from "../pending-calls.ts";
import { keptName, type Session } from "../session.ts";
import { fromJson, toJson } from "../strict-json.ts";
import { refuseCutText } from "../whole-text.ts";
import { keyOf, Notice } from "./notice.ts";
import { StepSignal } from "./step-signal.ts";
import { StepTry } from "./step-try.ts";

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

type StepFunction = (context: StepContext) => unknown;

interface Tries {
  retries: number;
  timeoutMs: number | undefined;
}

/** A try of a step took longer than its `timeout`. */
class TimedOut extends Error {
  override readonly name = "TimedOut";
}

/** Implements `task.step`. */
export async function step(session: Session, name: string, fn: StepFunction, options?: StepOptions) {
  const tries = parseTries(name, fn, options);
  session.refuseInStep(`task.step(${JSON.stringify(name)})`);
  return session.callJournaled({
    kind: "step",
    name,
    replay: ({ value }) => value,
    run: (place, flight) => runStep(session, { place, flight, fn, tries }),
  });
}

function parseTries(name: unknown, fn: unknown, options?: StepOptions): Tries {
  if (typeof name !== "string" || name === "" || name.length > 1000)
    throw new TypeError("a step's name is a text of 1 to 1000 characters: task.step(name, fn)");
  refuseCutText(name, "a step's name");
  const label = `step ${JSON.stringify(name)}`;
  if (typeof fn !== "function") throw new TypeError(`${label}: the second argument is its function`);
  const { retries = 0, timeout } = checkedOptions(options, ["retries", "timeout"], label);
  if (!(Number.isSafeInteger(retries) && retries >= 0))
    throw new TypeError(`${label}: retries is ${retries}; it takes a whole number from 0`);
  return { retries, timeoutMs: timeout === undefined ? undefined : toMs(timeout, `${label}: timeout`) };
}

interface StepRun {
  place: Place;
  flight: PendingCall;
  fn: StepFunction;
  tries: Tries;
}

async function runStep(session: Session, run: StepRun): Promise<unknown> {
  const { place, flight } = run;
  flight.kept = session.kept.get(keptName(place));
  const startedAt = systemClock.now();
  const notice = new Notice(session, place);
  try {
    if (!notice.isBrief) {
      notice.report();
      // The function may block the event loop, so the report must be sent before it runs.
      if (!session.link.isFlushed) await session.link.flush();
    }
    // The caller always has its promise before the function starts.
    await undefined;
    const value = await tryAll(session, run);
    notice.end();
    const text = toJson(value, "result");
    const label = `the result of step ${JSON.stringify(place.name)}`;
    session.refuseLarge(text, label);
    session.refuseBeyondJournal(text, label);
    return await acknowledge(session, { place, notice, startedAt, text });
  } catch (error) {
    notice.markFailed();
    throw withStepName(error, place);
  }
}

interface StepResult {
  place: Place;
  notice: Notice;
  startedAt: number;
  /** The result as JSON; undefined if there is none. */
  text: string | undefined;
}

/**
 * Makes the result of a step durable. A checkpoint that is saved meanwhile comes before this step in the journal. The
 * step is then acknowledged again at its new place, even if the old place was already acknowledged.
 */
async function acknowledge(session: Session, result: StepResult): Promise<unknown> {
  for (;;) {
    while (session.isMoving) await session.moving;
    const { base } = result.place;
    const value = (await tryWrite(session, result))
      ? fromJson(result.text)
      : await sendResult(session, result);
    while (session.isMoving) await session.moving;
    if (result.place.base === base) return value;
  }
}

/** Writes the result of a brief step to the step file, because the daemon would take longer than the step itself. */
async function tryWrite(
  { steps }: Session,
  { place, notice, startedAt, text }: StepResult,
): Promise<boolean> {
  if (!steps || !notice.wasBrief) return false;
  steps.prepare();
  const times = { startedAt: Math.round(startedAt), endedAt: Math.round(systemClock.now()) };
  const { alone } = place;
  if (!(await steps.append({ ...keyOf(place), alone, ...times, result: text ?? "" }))) return false;
  notice.markWritten();
  return true;
}

async function sendResult(
  { link, steps }: Session,
  { place, startedAt, text }: StepResult,
): Promise<unknown> {
  const value = fromJson(text);
  const full = steps?.full;
  const { alone } = place;
  const response = await link.call("attempt/step", {
    ...keyOf(place),
    alone,
    startedAt: toIso(startedAt),
    value,
    ...(full && { written: full.written }),
  });
  if (full) steps?.emptied(full, response.taken === true);
  return "value" in response ? response.value : value;
}

async function tryAll(session: Session, { fn, flight, place, tries }: StepRun): Promise<unknown> {
  for (let count = 1; ; count++) {
    try {
      return await tryOnce(session, { place, flight, fn, timeoutMs: tries.timeoutMs, count });
    } catch (error) {
      if (count > tries.retries || session.stopper.signal.aborted) throw error;
      flight.setState("retrying");
      await delay(Math.min(MIN_RETRY_MS * 2 ** (count - 1), MAX_RETRY_MS), session.stopper.signal);
      flight.setState("busy");
      await session.calls.pass(flight);
      if (session.stopper.signal.aborted) throw error;
    }
  }
}

interface Try {
  place: Place;
  flight: PendingCall;
  fn: StepFunction;
  timeoutMs: number | undefined;
  count: number;
}

async function tryOnce(session: Session, { place, flight, fn, timeoutMs, count }: Try): Promise<unknown> {
  const running = { name: place.name, hasEnded: false };
  const signal = new StepSignal(session);
  const context = new StepTry(session, { place, flight, signal, count });
  const work = () => session.inside.call(running, () => fn(context));
  try {
    return timeoutMs === undefined ? await work() : await withTimeout(timeoutMs, signal, work);
  } finally {
    session.inside.end(running);
    signal.end();
  }
}

/** Calls `work`. Rejects with TimedOut if it takes longer than `ms`. */
async function withTimeout(ms: number, signal: StepSignal, work: () => unknown): Promise<unknown> {
  let timeout: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_, reject) => {
    const expire = () => {
      const error = new TimedOut(`it took longer than ${ms} ms`);
      reject(error);
      signal.abort(error);
    };
    // The delay of a timer has 31 bits; a timer with a longer delay would fire at once.
    timeout = setTimeout(expire, Math.min(ms, 2 ** 31 - 1));
  });
  try {
    return await Promise.race([work(), expiry]);
  } finally {
    clearTimeout(timeout);
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timeout);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timeout = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/** Adds the step's name to the message of an error that agentctl, not the step's function, has created. */
function withStepName(error: unknown, { name }: Place): unknown {
  const isOurs =
    error instanceof TimedOut || (error instanceof TypeError && error.message.startsWith("result"));
  if (isOurs) error.message = `step ${JSON.stringify(name)}: ${error.message}`;
  return error;
}
