import { withFallbacks } from "../../../src/core/submitted.ts";
import type { PauseIntent, Task } from "../../../src/core/task.ts";

/** Returns a running task as the store would, with the fields `given`. */
export function task(given: Partial<Task> = {}): Task {
  return {
    ...withFallbacks({ cwd: "/" }),
    id: 7,
    uuid: "0195e0a0-0000-7000-8000-000000000007",
    kind: "program",
    state: "working",
    argv: ["train.sh"],
    module: null,
    input: null,
    blockedBy: null,
    envHash: "none",
    envNames: [],
    moving: null,
    attempt: 1,
    edits: 0,
    stdin: null,
    failures: 0,
    losses: 0,
    delay: null,
    intent: null,
    pauseAt: null,
    pause: null,
    frozen: false,
    resumesWith: null,
    slotNumbers: null,
    journaled: false,
    question: null,
    agentReport: null,
    sessionKey: null,
    checkout: null,
    account: null,
    progress: null,
    pid: 100,
    machine: null,
    createdAt: 0,
    startedAt: 0,
    updatedAt: 0,
    endedAt: null,
    runMs: 0,
    attemptRunMs: 0,
    pausedMs: 0,
    phaseAt: 0,
    exitCode: null,
    signal: null,
    result: null,
    error: null,
    checkpoint: null,
    ...given,
  };
}

/** Returns the running task of a module. */
export function moduleTask(given: Partial<Task> = {}): Task {
  return task({ kind: "module", argv: null, module: { path: "/m.ts", sha256: "" }, ...given });
}

/** Returns a checkpoint of which only the number matters. */
export function checkpoint(seq: number): NonNullable<Task["checkpoint"]> {
  const facts = { attempt: 1, size: 2, sha256: "", createdAt: 0, label: null, position: 0, base: 0 };
  return { seq, ...facts, superseded: false };
}

/** Returns a user's request to pause by checkpoint, made when checkpoint 2 was the newest. */
export function pauseIntent(given: Partial<PauseIntent> = {}): PauseIntent {
  return {
    kind: "pause",
    mode: "checkpoint",
    cause: "user",
    actor: "ada",
    reason: "lunch",
    until: null,
    group: null,
    graceMs: 60_000,
    requestedAt: 5,
    checkpointSeq: 2,
    ...given,
  };
}
