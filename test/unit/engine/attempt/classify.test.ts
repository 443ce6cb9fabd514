import { expect, test } from "vitest";
import type { Intent } from "../../../../src/core/task.ts";
import { classify, type Evidence } from "../../../../src/engine/attempt/classify.ts";

type Differences = Partial<Omit<Evidence, "task" | "attempt">> & {
  task?: Partial<Evidence["task"]>;
  attempt?: Partial<NonNullable<Evidence["attempt"]>> | null;
};

function facts({ task, attempt, ...rest }: Differences): Evidence {
  return {
    task: { kind: "program", attempt: 2, frozen: false, intent: null, ...task },
    attempt:
      attempt === null
        ? undefined
        : { n: 2, endedAt: null, bootId: "now", pid: 7, saidHello: false, ...attempt },
    process: "running",
    bootId: "now",
    isFromPool: false,
    hasSteps: false,
    ...rest,
  };
}

const pause = { kind: "pause", mode: "checkpoint" } as Intent;
const freeze = { kind: "pause", mode: "freeze" } as Intent;
const cancel = { kind: "cancel" } as Intent;
const module = { kind: "module" } as const;

test.each<[string, Differences, string]>([
  ["no attempt", { attempt: null }, "contradiction"],
  ["an attempt that has ended", { attempt: { endedAt: 1 } }, "contradiction"],
  ["an attempt that is not the task's newest", { attempt: { n: 1 } }, "contradiction"],
  ["a running process", {}, "goes-on"],
  ["a frozen process", { task: { frozen: true } }, "stays-frozen"],
  [
    "a frozen process and a request to freeze it",
    { task: { frozen: true, intent: freeze } },
    "frozen-as-asked",
  ],
  [
    "a frozen process that is pressed for a checkpoint",
    { task: { frozen: true, intent: pause } },
    "finish-pause",
  ],
  ["a frozen process that is being canceled", { task: { frozen: true, intent: cancel } }, "finish-end"],
  ["a process that is asked to pause", { task: { intent: pause } }, "finish-pause"],
  ["a process that is being frozen", { task: { intent: freeze } }, "finish-pause"],
  ["a process that is being canceled", { task: { intent: cancel } }, "finish-end"],
  ["a process past its time limit", { task: { intent: { kind: "timeout" } } }, "finish-end"],
  [
    "a process that leaves for a sleep",
    { task: { intent: { kind: "leave", to: "sleep", until: 1 } } },
    "finish-leave",
  ],
  ["an end in a file", { process: "ended" }, "ended"],
  ["no trace of a process that was known", { process: "gone" }, "lost"],
  ["no trace of a process that was never noted", { process: "gone", attempt: { pid: null } }, "not-started"],
  [
    "no trace after the machine started again",
    { process: "gone", attempt: { pid: null, bootId: "before" } },
    "lost",
  ],
  [
    "no trace of one that was to be canceled",
    { process: "gone", attempt: { pid: null }, task: { intent: cancel } },
    "lost",
  ],
  [
    "no trace of one that was frozen",
    { process: "gone", attempt: { pid: null }, task: { frozen: true } },
    "lost",
  ],
  ["a host that gave up waiting", { process: "ended", isFromPool: true, task: module }, "unassigned"],
  ["a host that vanished while it waited", { process: "gone", isFromPool: true, task: module }, "unassigned"],
  [
    "a host that had said hello",
    { process: "ended", isFromPool: true, task: module, attempt: { saidHello: true } },
    "ended",
  ],
  [
    "a host that had made steps durable",
    { process: "gone", isFromPool: true, task: module, hasSteps: true },
    "lost",
  ],
  [
    "a host whose task was to be canceled",
    { process: "gone", isFromPool: true, task: { ...module, intent: cancel } },
    "lost",
  ],
])("classifies %s", (_, differences, verdict) => {
  expect(classify(facts(differences))).toBe(verdict);
});
