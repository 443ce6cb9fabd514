import { systemClock } from "../core/time.ts";
import type { Duration } from "./api.ts";
import type { Place } from "./journal.ts";
import { toMs } from "./options.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";

/** A sleep of up to this long is not worth a new process. */
const MAX_STAY_MS = 5_000;
/** How often the wall clock is checked. It is checked because timers stand still while the machine is suspended. */
const CHECK_INTERVAL_MS = 1_000;

/** Implements `task.sleep`. */
export async function sleep(session: Session, duration: Duration): Promise<void> {
  session.refuseInStep("task.sleep()");
  const ms = toMs(duration, "the duration of task.sleep()");
  await session.callJournaled({
    kind: "sleep",
    name: "sleep",
    replay: async ({ value }, place, flight) => {
      if (new Date(value as string | number).getTime() > systemClock.now())
        await journalAndSleep(session, place, flight, ms);
    },
    run: (place, flight) => journalAndSleep(session, place, flight, ms),
  });
}

async function journalAndSleep(
  session: Session,
  place: Place,
  flight: PendingCall,
  ms: number,
): Promise<void> {
  const until = await journalSleep(session, place, ms);
  flight.onMoved = () =>
    void journalSleep(session, place, Math.max(0, until - systemClock.now())).catch(() => {});
  await waitUntil(session, flight, until);
}

async function journalSleep(session: Session, { n, base, call, alone }: Place, ms: number): Promise<number> {
  const { until } = await session.link.call("attempt/sleep", { n, base, call, alone, ms: Math.round(ms) });
  return Date.parse(until);
}

async function waitUntil(session: Session, flight: PendingCall, until: number): Promise<void> {
  flight.until = until;
  for (
    let remainingMs = until - systemClock.now();
    remainingMs > 0;
    remainingMs = until - systemClock.now()
  ) {
    if (remainingMs <= MAX_STAY_MS) flight.mustStay = true;
    if (flight.state !== "sleeping") flight.setState("sleeping");
    await new Promise((resolve) => setTimeout(resolve, Math.min(remainingMs, CHECK_INTERVAL_MS)));
  }
  flight.setState("busy");
  await session.calls.pass(flight);
}
