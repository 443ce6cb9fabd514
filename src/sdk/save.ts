import { randomUUID } from "node:crypto";
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
  if (journal.isReplaying) {
    session.saved.seen = text;
    return;
  }
  await calls.open(flight);
  const nonce = randomUUID();
  const base = journal.style === "top" ? { base: 0 } : {};
  const { seq } = await link.call("attempt/checkpoint", { value: fromJson(text), nonce, ...base });
  session.saved = { durable: text, seen: text };
  if (journal.style === "top") return;
  const moved = [...calls.flights].filter(({ place }) => place);
  journal.rebase(
    seq,
    moved.flatMap(({ place }) => place ?? []),
  );
  for (const each of moved) each.onMoved?.();
  for (const tellAgain of session.running) tellAgain();
}
