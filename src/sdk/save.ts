import { randomUUID } from "node:crypto";
import { Journal, type Place } from "./journal.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";
import { fromJson, toJson } from "./strict-json.ts";

/**
 * Implements `task.save`. A save before the last journaled call repeats a save of an earlier attempt. It is skipped,
 * because a new checkpoint would discard the journaled results of the calls that follow.
 *
 * Unless the module runs from its top, calls are counted from the new checkpoint, whose number only the daemon knows.
 * So calls made meanwhile wait for it. Calls in flight move behind it, because the value cannot include their results.
 */
export async function save(session: Session, value: unknown): Promise<void> {
  session.refuseInStep("task.save()");
  const text = toJson(value, "value");
  if (text === undefined) throw new TypeError("value is undefined, which JSON cannot hold");
  session.refuseLarge(text, "the checkpoint");
  const flight = session.calls.begin();
  try {
    await inTurn(session, () => saveNow(session, flight, text));
    await session.calls.pass(flight);
  } finally {
    session.calls.end(flight);
  }
}

async function inTurn(session: Session, work: () => Promise<void>): Promise<void> {
  if (session.journal.style === "top") return work();
  const previous = session.moving;
  const turn = (async () => {
    await previous;
    await work();
  })();
  const settled = turn
    .catch(() => {})
    .then(() => {
      if (session.moving === settled) session.moving = undefined;
    });
  session.moving = settled;
  await turn;
}

async function saveNow(session: Session, flight: PendingCall, text: string): Promise<void> {
  const { journal, link, calls } = session;
  if (journal.isReplaying || isSavedAlready(session, text)) {
    session.saved.seen = text;
    return;
  }
  await calls.open(flight);
  const params = { value: fromJson(text), nonce: randomUUID() };
  if (journal.style === "top") {
    await link.call("attempt/checkpoint", { ...params, base: 0 });
    session.saved = { durable: text, seen: text };
    return;
  }
  const moving = movingCalls(session);
  const keptValues = keptAfterSave(moving);
  const unused = journal.unclaimed.map(({ name, n, base }) => ({ name, n, base }));
  const { seq } = await link.call("attempt/checkpoint", {
    ...params,
    ...(keptValues.length > 0 && { kept: keptValues }),
    ...(unused.length > 0 && { unused }),
  });
  session.saved = { durable: text, seen: text };
  // A later attempt does not get the results that were acknowledged before this checkpoint.
  session.journalBytes = 0;
  const moved = movingCalls(session);
  journal.rebase(
    seq,
    moved.map(({ place }) => place),
  );
  for (const each of moved) each.onMoved?.();
  for (const report of session.running) report();
}

/**
 * Whether the newest checkpoint has this value and the module has not yet repeated all steps acknowledged after it. A
 * module that saves at the start of each round saves here the value that it has just continued from. A new count would
 * run those steps again.
 */
function isSavedAlready({ journal, saved }: Session, text: string): boolean {
  return text === saved.durable && journal.unclaimed.length > 0;
}

type PlacedCall = PendingCall & { place: Place };

/** Returns the calls in flight that have a place in the journal, in the order in which they were made. */
function movingCalls({ calls }: Session): PlacedCall[] {
  return [...calls.flights].filter((call): call is PlacedCall => call.place !== undefined);
}

/** Returns the values that running steps keep. They move with the steps, in the transaction of the checkpoint. */
function keptAfterSave(calls: readonly PlacedCall[]): { name: string; n: number; value: unknown }[] {
  const numbers = Journal.numbersAfterSave(calls.map(({ place }) => place));
  return calls.flatMap(({ place, kept }, index) =>
    kept === undefined ? [] : [{ name: place.name, n: numbers[index] as number, value: fromJson(kept) }],
  );
}
