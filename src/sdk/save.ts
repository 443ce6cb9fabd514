import { randomUUID } from "node:crypto";
import { Journal, type Place } from "./journal.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";
import { fromJson, toJson } from "./strict-json.ts";

/**
 * `task.save`. What is saved at a place that lies before the last journaled call was saved by an earlier attempt, and the
 * calls that follow it are answered from the journal: to save it again would forget them.
 *
 * Unless the module runs from its top, calls are counted from the new checkpoint on, whose number only the daemon knows:
 * calls made meanwhile wait for it, and those in flight move behind it, because the value cannot hold their results.
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
  const before = session.moving;
  const turn = (async () => {
    await before;
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
  const common = { value: fromJson(text), nonce: randomUUID() };
  if (journal.style === "top") {
    await link.call("attempt/checkpoint", { ...common, base: 0 });
    session.saved = { durable: text, seen: text };
    return;
  }
  const moving = movingCalls(session);
  const kept = keptAfterSave(moving);
  const unused = journal.unclaimed.map(({ name, n, base }) => ({ name, n, base }));
  const { seq } = await link.call("attempt/checkpoint", {
    ...common,
    ...(kept.length > 0 && { kept }),
    ...(unused.length > 0 && { unused }),
  });
  session.saved = { durable: text, seen: text };
  // What was acknowledged before it is not given to a later attempt.
  session.journalBytes = 0;
  const moved = movingCalls(session);
  journal.rebase(
    seq,
    moved.map(({ place }) => place),
  );
  for (const each of moved) each.onMoved?.();
  for (const tellAgain of session.running) tellAgain();
}

/**
 * The newest checkpoint has this value, and steps acknowledged after it are still to be asked for: a module that saves at
 * the beginning of each round saves here what it has just continued from. To begin a new count would run them again.
 */
function isSavedAlready({ journal, saved }: Session, text: string): boolean {
  return text === saved.durable && journal.unclaimed.length > 0;
}

type Placed = PendingCall & { place: Place };

/** The calls in flight that stand in the journal, in their order. */
function movingCalls({ calls }: Session): Placed[] {
  return [...calls.flights].filter((call): call is Placed => call.place !== undefined);
}

/** What running steps keep moves with them, in the transaction of the checkpoint. */
function keptAfterSave(calls: readonly Placed[]): { name: string; n: number; value: unknown }[] {
  const numbers = Journal.numbersAfterSave(calls.map(({ place }) => place));
  return calls.flatMap(({ place, kept }, at) =>
    kept === undefined ? [] : [{ name: place.name, n: numbers[at] as number, value: fromJson(kept) }],
  );
}
