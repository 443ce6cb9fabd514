import { suspendCauses } from "../core/task.ts";
import type { SuspendOptions } from "./api.ts";
import { checkedOptions } from "./options.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";

/** Implements `task.suspend`. */
export async function suspend(session: Session, options: SuspendOptions): Promise<never> {
  session.refuseInStep("task.suspend()", "call step.suspend() on what its function is given");
  const flight = session.calls.begin();
  try {
    return await suspendAt(session, flight, options);
  } finally {
    session.calls.end(flight);
  }
}

/** Requests a pause of this task and parks `flight`. Rejects if the pause is called off; otherwise never settles. */
export async function suspendAt(
  session: Session,
  flight: PendingCall,
  options: SuspendOptions,
): Promise<never> {
  const params = parseOptions(options);
  await session.calls.open(flight);
  await session.link.call("attempt/suspend", params);
  session.calls.pause();
  await session.calls.pass(flight);
  throw new Error(
    "the task could not be suspended, because its checkpoint could not be stored; it continues",
  );
}

function parseOptions(options: SuspendOptions) {
  const names = ["cause", "reason", "until", "error"] as const;
  const { cause, reason, until, error } = checkedOptions(options, names, "suspend()");
  if (cause === undefined || !suspendCauses.includes(cause))
    throw new TypeError(`suspend(): cause is ${JSON.stringify(cause)}; it takes ${suspendCauses.join(", ")}`);
  if (reason !== undefined && typeof reason !== "string")
    throw new TypeError("suspend(): reason must be a string");
  return {
    cause,
    ...(reason !== undefined && { reason: reason.slice(0, 1000).replace(/[\uD800-\uDBFF]$/, "") }),
    ...(until !== undefined && until !== null && { until: timeOf(until) }),
    ...(error && { error: { name: error.name, message: error.message } }),
  };
}

/** Converts `until` to ISO 8601. Throws a TypeError for an invalid time. */
function timeOf(until: Date | string | number): string {
  const date = new Date(until);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new TypeError(
    `suspend(): until is ${JSON.stringify(until)}; it takes a Date, a time in ISO 8601 or milliseconds since 1970`,
  );
}
