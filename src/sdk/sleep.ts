import { systemClock } from "../core/time.ts";
import type { Duration } from "./api.ts";
import type { Place } from "./journal.ts";
import { toMs } from "./options.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";

/** A sleep of up to this long is not worth a new process. */
const STAY_MS = 5_000;
/** How often the wall clock is checked. It is checked because timers stand still while the machine is suspended. */
const LOOK_MS = 1_000;

/** Implements `task.sleep`. */
export async function sleep(session: Session, duration: Duration): Promise<void> {
  session.refuseInStep("task.sleep()");
  const ms = toMs(duration, "the duration of task.sleep()");
  await session.journaled({
    kind: "sleep",
    name: "sleep",
    replay: async ({ value }, place, flight) => {
      if (new Date(value as string | number).getTime() > systemClock.now())
        await asleep(session, place, flight, ms);
    },
    run: (place, flight) => asleep(session, place, flight, ms),
  });
}

async function asleep(session: Session, place: Place, flight: PendingCall, ms: number): Promise<void> {
  const until = await journal(session, place, ms);
  flight.onMoved = () => void journal(session, place, Math.max(0, until - systemClock.now())).catch(() => {});
  await untilOver(session, flight, until);
}

async function journal(session: Session, { n, base, call, alone }: Place, ms: number): Promise<number> {
  const { until } = await session.link.call("attempt/sleep", { n, base, call, alone, ms: Math.round(ms) });
  return Date.parse(until);
}

async function untilOver(session: Session, flight: PendingCall, until: number): Promise<void> {
  flight.until = until;
  for (let left = until - systemClock.now(); left > 0; left = until - systemClock.now()) {
    if (left <= STAY_MS) flight.stays = true;
    if (flight.state !== "sleeping") flight.is("sleeping");
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, LOOK_MS)));
  }
  flight.is("busy");
  await session.calls.pass(flight);
}
