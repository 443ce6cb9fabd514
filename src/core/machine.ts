/**
 * The life of a task as data. The guards, the documented table and the property test are derived from this one table;
 * no other code decides which transition is legal. State names are those of the A2A protocol, plus `suspended` and
 * `resumed` for pausing.
 */

/** Each transition: the states it may leave, the state it leads to, and when it happens. */
export const transitions = {
  run: { from: [], to: "submitted", when: "run" },
  start: {
    from: ["submitted", "resumed"],
    to: "working",
    when: "a slot is taken and the process is started",
  },
  suspend: {
    from: ["working"],
    to: "suspended",
    when: "pause: by a user, a deadline, preemption, shutdown, a limit; or the process was lost, or its checkpoint or journal cannot be used",
  },
  unresume: {
    from: ["resumed"],
    to: "suspended",
    when: "pause: the resume is taken back; or its start failed",
  },
  resume: {
    from: ["suspended"],
    to: "resumed",
    when: "resume: by a user, or by itself where the pause was not a user's",
  },
  ask: { from: ["working"], to: "input-required", when: "the task asks" },
  answer: { from: ["input-required"], to: "submitted", when: "the answer arrived" },
  retry: { from: ["working"], to: "submitted", when: "retry after a failure, with back-off" },
  sleep: { from: ["working"], to: "submitted", when: "a durable sleep, until it is over" },
  complete: { from: ["working"], to: "completed", when: "the attempt ended" },
  fail: { from: ["working"], to: "failed", when: "the attempt ended" },
  refuse: {
    from: ["submitted"],
    to: "failed",
    when: "its program or module cannot be started; a task that it depends on did not complete",
  },
  cancel: {
    from: ["submitted", "working", "input-required", "suspended", "resumed"],
    to: "canceled",
    when: "cancel",
  },
  import: { from: [], to: "suspended", when: "a task that was paused in another home arrives" },
} as const;

/** The name of a transition. */
export type Transition = keyof typeof transitions;

/** The states of a task. */
export type State = (typeof transitions)[Transition]["to"];

const rows = Object.values(transitions) as readonly { from: readonly State[]; to: State }[];

/** Every state, in the order in which it first appears in the table. */
export const states: readonly State[] = [...new Set(rows.map((row) => row.to))];

/** States that a task can still leave. */
export const openStates: readonly State[] = states.filter((state) =>
  rows.some((row) => row.from.includes(state)),
);

/** States that never change again. */
export const terminalStates: readonly State[] = states.filter((state) => !openStates.includes(state));

/** States in which a task is running or about to run: the states that `pause` applies to. */
export const pausableStates: readonly State[] = [
  ...new Set([...transitions.suspend.from, ...transitions.unresume.from]),
];

/** Returns whether a task is neither paused nor ended and has not started to work yet, so that a pause must wait. */
export const isBeforeWork = (state: State): boolean =>
  !isTerminal(state) && state !== "suspended" && !pausableStates.includes(state);

/** States in which a task waits for a slot. */
export const waitingStates: readonly State[] = transitions.start.from;

/** Returns whether a task in `state` has ended. */
export function isTerminal(state: State): boolean {
  return terminalStates.includes(state);
}

/** Returns whether a task in this state ended before its work was done. */
export function isCutShort(state: State): boolean {
  return state === "failed" || state === "canceled";
}

/** Returns the state after `transition`, or undefined if the table does not allow it. */
export function next(state: State, transition: Transition): State | undefined {
  const { from, to } = transitions[transition];
  return (from as readonly State[]).includes(state) ? to : undefined;
}
