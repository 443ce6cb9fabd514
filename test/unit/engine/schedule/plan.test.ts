import { expect, test } from "vitest";
import { plan } from "../../../../src/engine/schedule/plan.ts";

const waiting = (...ids: number[]) =>
  ids.map((id) => ({ id, attempt: 0, frozen: false, state: "submitted" as const }));
const none = new Set<number>();
const started = (...args: Parameters<typeof plan>) => plan(...args).map(({ id }) => id);

test("each line starts as many as it has free slots, in its order", () => {
  const lines = [
    { queue: "a", free: 2, waiting: waiting(5, 1, 9), next: [] },
    { queue: "b", free: 1, waiting: waiting(2, 3), next: [] },
  ];
  expect(started(lines, none)).toEqual([5, 1, 2]);
});

test("a line with more slots than tasks starts all of them", () => {
  expect(started([{ queue: "a", free: 10, waiting: waiting(1, 2), next: [] }], none)).toEqual([1, 2]);
});

test.each([0, -3])("a line with %d free slots starts none, as after the slots were made fewer", (free) => {
  expect(started([{ queue: "a", free, waiting: waiting(1), next: [] }], none)).toEqual([]);
});

test("a task that is being started holds its slot and is not started twice", () => {
  expect(started([{ queue: "a", free: 2, waiting: waiting(1, 2, 3), next: [] }], new Set([1]))).toEqual([2]);
});

test("no lines, no starts", () => {
  expect(plan([], none)).toEqual([]);
});
