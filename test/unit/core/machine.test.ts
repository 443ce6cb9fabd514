import { describe, expect, test } from "vitest";
import {
  isTerminal,
  next,
  openStates,
  pausableStates,
  type State,
  states,
  type Transition,
  terminalStates,
  transitions,
  waitingStates,
} from "../../../src/core/machine.ts";

const open: State[] = ["submitted", "working", "input-required", "suspended", "resumed"];
const terminal: State[] = ["completed", "failed", "canceled"];

/** The documented table, written out a second time as pairs of states. */
const documented: [from: State | "–", to: State][] = [
  ["–", "submitted"],
  ["–", "suspended"],
  ["submitted", "working"],
  ["resumed", "working"],
  ["working", "suspended"],
  ["resumed", "suspended"],
  ["suspended", "resumed"],
  ["working", "input-required"],
  ["input-required", "submitted"],
  ["working", "submitted"],
  ["working", "completed"],
  ["working", "failed"],
  ["submitted", "failed"],
  ...open.map((state): [State, State] => [state, "canceled"]),
];

const rows = Object.entries(transitions) as [Transition, { from: readonly State[]; to: State }][];
const legal = rows.flatMap(([name, { from, to }]) => from.map((state) => [state, name, to] as const));
const refused = rows.flatMap(([name, { from }]) =>
  states.filter((state) => !from.includes(state)).map((state) => [state, name] as const),
);

test("the table allows exactly the documented transitions", () => {
  const pairs = rows.flatMap(([, { from, to }]) =>
    (from.length === 0 ? ["–"] : from).map((f) => `${f} ${to}`),
  );
  expect([...new Set(pairs)].sort()).toEqual(documented.map((pair) => pair.join(" ")).sort());
});

test("there are eight states, and submitted is the first", () => {
  expect([...states].sort()).toEqual([...open, ...terminal].sort());
  expect(states[0]).toBe("submitted");
});

test("the sets of states match the table", () => {
  expect([...openStates].sort()).toEqual([...open].sort());
  expect([...terminalStates].sort()).toEqual([...terminal].sort());
  expect([...pausableStates].sort()).toEqual(["resumed", "working"]);
  expect([...waitingStates].sort()).toEqual(["resumed", "submitted"]);
});

test.each(legal)("from %s, %s leads to %s", (state, transition, to) => {
  expect(next(state, transition)).toBe(to);
});

test.each(refused)("from %s, %s is not a move", (state, transition) => {
  expect(next(state, transition)).toBeUndefined();
});

describe("an end is final", () => {
  test.each(terminal)("no move leaves %s", (state) => {
    expect(isTerminal(state)).toBe(true);
    expect(rows.filter(([name]) => next(state, name) !== undefined)).toEqual([]);
  });

  test.each(open)("%s is not an end, and can be canceled", (state) => {
    expect(isTerminal(state)).toBe(false);
    expect(next(state, "cancel")).toBe("canceled");
  });
});

test("only a suspended task can be resumed, by one move", () => {
  expect(rows.filter(([, { to }]) => to === "resumed")).toEqual([
    ["resume", { from: ["suspended"], to: "resumed", when: expect.any(String) }],
  ]);
});

test("every move says when it happens", () => {
  expect(Object.values(transitions).filter(({ when }) => when.length === 0)).toEqual([]);
});
