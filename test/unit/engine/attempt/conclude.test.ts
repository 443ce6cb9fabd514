import { describe, expect, test } from "vitest";
import { next } from "../../../../src/core/machine.ts";
import type { Failure, Intent, PauseCause, Task } from "../../../../src/core/task.ts";
import {
  type AttemptEnd,
  type Conclusion,
  canContinue,
  conclude,
} from "../../../../src/engine/attempt/conclude.ts";
import { checkpoint, moduleTask, pauseIntent, task } from "../tasks.ts";

const NOW = 1_000_000;

function end(given: Partial<AttemptEnd> = {}): Conclusion {
  const watched = {
    intent: null,
    result: null,
    startFailure: null,
    lost: false,
    unwatched: false,
    jitter: 0,
  };
  const conclusion = conclude({ task: task(), exitCode: 0, signal: null, ...watched, at: NOW, ...given });
  expect(next("working", conclusion.transition), "every end is a move of the table").toBeDefined();
  return conclusion;
}

/** An exit status as a shell reports it. */
const status = (exitCode: number, signal: string | null = null) => ({ exitCode, signal });
const byTerm = status(143, "SIGTERM");
const byKill = status(137, "SIGKILL");
const gone = { exitCode: null, signal: null, lost: true };
const failure = (name: string): Failure => ({ name, code: null, message: "oops", data: null });
const mismatch = { error: { ...failure("JournalMismatch"), code: -32028 } };

describe("an attempt without an intent", () => {
  test("exit 0 completes a program", () => {
    expect(end()).toEqual({
      transition: "complete",
      cause: "end",
      actor: "task",
      outcome: "completed",
      set: { exitCode: 0, signal: null, result: null },
    });
  });

  test("a module completes with what it returned, even if its process was killed afterwards", () => {
    const completed = end({ task: moduleTask(), result: { value: { n: 1 } }, ...byKill });
    expect(completed).toMatchObject({ transition: "complete", set: { result: { n: 1 }, exitCode: 0 } });
  });

  test("a module that exits 0 without a result fails", () => {
    const failed = end({ task: moduleTask() });
    expect(failed).toMatchObject({ transition: "fail", set: { error: { name: "ExitedWithError" } } });
  });

  test("an error that a module threw becomes the task's error", () => {
    const failed = end({ task: moduleTask(), result: { error: failure("TypeError") }, ...status(1) });
    expect(failed).toMatchObject({
      transition: "fail",
      outcome: "failed",
      set: { exitCode: 1, error: failure("TypeError") },
    });
  });

  test.each([1, 2, 75, 126, 127, 255])("exit %d fails with that code", (code) => {
    const { transition, set } = end(status(code));
    expect([transition, set.exitCode, set.signal]).toEqual(["fail", code, null]);
    expect(set.error).toEqual({
      name: "ExitedWithError",
      code: null,
      message: `train.sh ended with exit code ${code}`,
      data: { exitCode: code, signal: null },
    });
  });

  test.each([
    ["SIGSEGV", 139],
    ["SIGKILL", 137],
    ["SIGTERM", 143],
  ])("a watched death by %s fails with the signal and 128 + n", (signal, code) => {
    const { transition, set } = end(status(code, signal));
    expect([transition, set.exitCode, set.signal, set.error?.name]).toEqual([
      "fail",
      code,
      signal,
      "KilledBySignal",
    ]);
  });

  test("a program that could not be started fails with the reason", () => {
    const { set } = end({ startFailure: failure("CannotStart"), ...status(127) });
    expect([set.error, set.exitCode]).toEqual([failure("CannotStart"), 127]);
  });
});

describe("after a request to pause by checkpoint", () => {
  const pausing = (given: Partial<AttemptEnd>) => end({ intent: pauseIntent(), ...given });
  const recorded = {
    mode: "checkpoint",
    outcome: "cooperative",
    cause: "user",
    actor: "ada",
    reason: "lunch",
    at: NOW,
    until: null,
    group: null,
  };

  test.each([
    ["exit 75", status(75)],
    ["death by the pause signal", byTerm],
    ["128 + the pause signal", status(143)],
    ["another non-zero exit", status(3)],
  ])("%s suspends", (_, ended) => {
    const { transition, cause, actor, outcome, set } = pausing(ended);
    expect([transition, cause, actor, outcome]).toEqual(["suspend", "pause", "ada", "cooperative"]);
    expect(set.pause).toEqual(recorded);
    expect([set.exitCode, set.signal]).toEqual([null, null]);
  });

  test("a death by another signal is a forced pause: the last checkpoint stays, and show names the signal", () => {
    const killed = {
      outcome: "forced",
      set: { pause: { outcome: "forced" }, error: { name: "KilledBySignal" } },
    };
    expect(pausing(status(139, "SIGSEGV"))).toMatchObject(killed);
    expect(pausing({ task: moduleTask(), ...byKill })).toMatchObject(killed);
    const ofModule = { ...checkpoint(3), label: null };
    expect(pausing({ task: moduleTask({ checkpoint: ofModule }), ...byKill })).toMatchObject(killed);
    const answered = moduleTask({ checkpoint: { ...ofModule, label: "pause" } });
    expect(pausing({ task: answered, ...byKill })).toMatchObject({
      outcome: "cooperative",
      set: { error: null },
    });
    const saver = task({ checkpoint: checkpoint(3) });
    expect(pausing({ task: saver, ...byKill })).toMatchObject({
      outcome: "cooperative",
      set: { error: null },
    });
  });

  test("an expected exit is not an error, and any other failure is kept for show", () => {
    const errorOf = (given: Partial<AttemptEnd>) => pausing(given).set.error?.name ?? null;
    expect([errorOf(status(75)), errorOf(byTerm)]).toEqual([null, null]);
    expect(errorOf(status(3))).toBe("ExitedWithError");
    expect(errorOf({ task: moduleTask(), result: { error: failure("AbortError") }, ...status(1) })).toBe(
      "AbortError",
    );
  });

  test("exit 0 completes a program that saved nothing since the request", () => {
    const saved = task({ checkpoint: checkpoint(2) });
    expect(pausing({})).toMatchObject({ transition: "complete", outcome: "completed", cause: "end" });
    expect(pausing({ task: saved })).toMatchObject({ transition: "complete" });
  });

  test("exit 0 suspends a program that saved a checkpoint since the request", () => {
    const saved = task({ checkpoint: checkpoint(3) });
    expect(pausing({ task: saved })).toMatchObject({ transition: "suspend", set: { error: null } });
  });

  test("exit 0 suspends a program with --pause-mode checkpoint", () => {
    expect(pausing({ task: task({ pauseMode: "checkpoint" }) })).toMatchObject({ transition: "suspend" });
  });

  test("a module that ended for the pause is suspended, and one that finished meanwhile completes", () => {
    expect(pausing({ task: moduleTask(), ...byKill })).toMatchObject({ transition: "suspend" });
    expect(pausing({ task: moduleTask(), result: { value: 5 } })).toMatchObject({
      transition: "complete",
      set: { result: 5 },
    });
  });

  test("a kill after the grace time is a forced pause", () => {
    const forced = end({ intent: pauseIntent({ forced: true }), ...byKill });
    expect(forced).toMatchObject({ outcome: "forced", set: { error: null, pause: { outcome: "forced" } } });
  });

  test("a process that is gone without a trace makes the pause a forced one", () => {
    const lost = pausing(gone);
    expect(lost).toMatchObject({
      transition: "suspend",
      cause: "pause",
      outcome: "forced",
      set: { error: null },
    });
  });

  test("a pause that no user requested is recorded with its own cause", () => {
    const causes: PauseCause[] = ["shutdown", "preempted", "limit", "until"];
    for (const cause of causes) {
      const { cause: told, set } = end({ intent: pauseIntent({ cause, actor: "daemon" }), ...byTerm });
      expect([told, set.pause?.cause, set.pause?.actor]).toEqual([cause, cause, "daemon"]);
    }
  });

  test("the planned end and the selector of the pause are kept", () => {
    const { set } = end({ intent: pauseIntent({ until: NOW + 5, group: "queue:gpu" }), ...byTerm });
    expect([set.pause?.until, set.pause?.group]).toEqual([NOW + 5, "queue:gpu"]);
  });
});

describe("an attempt that ends before a requested freeze", () => {
  const freezing = pauseIntent({ mode: "freeze" });

  test.each([
    ["exit 0", status(0), "complete"],
    ["exit 3", status(3), "fail"],
    ["SIGSEGV", status(139, "SIGSEGV"), "fail"],
  ])("with %s ends as without the request", (_, ended, transition) => {
    expect(end({ intent: freezing, ...ended }).transition).toBe(transition);
  });

  test.each([null, "resume", "fail"] as const)("by a loss stays suspended, with --on-lost %s", (onLost) => {
    const about = task({ onLost, checkpoint: checkpoint(1) });
    expect(end({ task: about, intent: freezing, ...gone })).toMatchObject({
      transition: "suspend",
      cause: "lost",
      set: { pause: { until: null } },
    });
  });
});

describe("losses", () => {
  const withCheckpoint = task({ checkpoint: checkpoint(1) });
  const lose = (about: Partial<Task>, given: Partial<AttemptEnd> = gone) =>
    end({ task: task(about), ...given });

  test("a program with a checkpoint is suspended, to be resumed at once", () => {
    const { transition, cause, outcome, set } = end({ task: withCheckpoint, ...gone });
    expect([transition, cause, outcome]).toEqual(["suspend", "lost", "lost"]);
    expect(set).toMatchObject({
      losses: 1,
      error: { name: "ProcessLost" },
      pause: { cause: "lost", actor: "daemon", until: NOW },
    });
  });

  test.each([
    ["a program that knows nothing of agentctl", task(), null],
    ["a program with --pause-mode checkpoint", task({ pauseMode: "checkpoint" }), NOW],
    ["a module that called no step", moduleTask(), null],
    ["a module with a journal", moduleTask({ journaled: true }), NOW],
    ["a module with a checkpoint", moduleTask({ checkpoint: checkpoint(1) }), NOW],
  ])("by default, %s is suspended, and resumed only if it can continue", (_, about, until) => {
    expect(end({ task: about, ...gone })).toMatchObject({ transition: "suspend", set: { pause: { until } } });
  });

  test("--on-lost suspend keeps the task suspended, fail fails it, and resume resumes it", () => {
    const kept = { checkpoint: checkpoint(1) };
    expect(lose({ onLost: "suspend", ...kept })).toMatchObject({ set: { pause: { until: null } } });
    expect(lose({ onLost: "resume" })).toMatchObject({ set: { pause: { until: NOW } } });
    expect(lose({ onLost: "fail", ...kept })).toMatchObject({
      transition: "fail",
      cause: "lost",
      outcome: "lost",
      set: { error: { name: "ProcessLost" } },
    });
  });

  test("the third loss without progress leaves the task suspended", () => {
    const lost = (losses: number) => lose({ checkpoint: checkpoint(1), losses }).set;
    expect([lost(0), lost(1), lost(2), lost(3)].map((set) => [set.losses, set.pause?.until])).toEqual([
      [1, NOW],
      [2, NOW],
      [3, null],
      [4, null],
    ]);
  });

  test.each(["SIGTERM", "SIGHUP", "SIGKILL"])("%s while no daemon watched is a loss", (signal) => {
    const ended = end({ task: withCheckpoint, ...status(128, signal), unwatched: true });
    expect(ended).toMatchObject({ transition: "suspend", cause: "lost" });
  });

  test.each([
    ["SIGSEGV", status(139, "SIGSEGV"), "fail"],
    ["SIGINT", status(130, "SIGINT"), "fail"],
    ["exit 1", status(1), "fail"],
    ["exit 0", status(0), "complete"],
  ])("%s while no daemon watched is the program's own end", (_, ended, transition) => {
    expect(end({ task: withCheckpoint, ...ended, unwatched: true }).transition).toBe(transition);
  });

  test("an attempt with a durable result is not lost", () => {
    expect(end({ task: moduleTask(), result: { value: 1 }, ...gone }).transition).toBe("complete");
    expect(end({ task: moduleTask(), result: { error: failure("TypeError") }, ...gone }).transition).toBe(
      "fail",
    );
  });

  test("a loss is not a failure and uses no retry", () => {
    expect(lose({ retries: 5, checkpoint: checkpoint(1) })).toMatchObject({ transition: "suspend" });
  });
});

describe("retries", () => {
  test("a failed task is queued again after its back-off, without the state failed", () => {
    expect(end({ task: task({ retries: 2 }), ...status(3) })).toMatchObject({
      transition: "retry",
      outcome: "failed",
      set: { failures: 1, notBefore: NOW + 1000, delay: "backoff", exitCode: 3 },
    });
  });

  test.each([
    ["an error of a module", { task: moduleTask({ retries: 1 }), result: { error: failure("TypeError") } }],
    ["a signal", { task: task({ retries: 1 }), ...status(139, "SIGSEGV") }],
    ["a program that did not come up", { task: task({ retries: 1 }), startFailure: failure("CannotStart") }],
  ])("%s uses a retry", (_, given) => {
    expect(end(given).transition).toBe("retry");
  });

  test("the task fails when no retry is left", () => {
    expect(end({ task: task({ retries: 2, failures: 2 }), ...status(3) }).transition).toBe("fail");
  });

  test("the back-off doubles up to an hour, over a week of failures", () => {
    let [failures, at, waited] = [0, 0, [] as number[]];
    const week = 7 * 86_400_000;
    while (at < week) {
      const { set } = end({ task: task({ retries: 1_000_000, failures }), ...status(1), at });
      waited = [...waited.slice(0, 14), (set.notBefore as number) - at];
      [failures, at] = [set.failures as number, set.notBefore as number];
    }
    expect(waited.slice(0, 14)).toEqual([
      ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048].map((s) => s * 1000),
      3_600_000,
      3_600_000,
    ]);
    expect(failures).toBe(Math.ceil((week - 4_095_000) / 3_600_000) + 12);
  });

  test.each([
    [4000, -1, 3600],
    [4000, 1, 4400],
    [3_600_000, 1, 3_600_000],
    [7_200_000, -1, 3_240_000],
  ])("a back-off of %d ms with jitter %d is %d ms, never more than an hour", (backoffMs, jitter, ms) => {
    const { set } = end({ task: task({ retries: 1, backoffMs }), ...status(1), jitter });
    expect(set.notBefore).toBe(NOW + ms);
  });

  test("a back-off of 0 ms stays 0 ms after any number of failures", () => {
    const { set } = end({ task: task({ retries: 9999, failures: 5000, backoffMs: 0 }), ...status(1) });
    expect(set.notBefore).toBe(NOW);
  });
});

describe("an attempt that ends during a cancel or a time-out", () => {
  const cancel: Intent = { kind: "cancel", actor: "ada", reason: "wrong input", graceMs: 0 };
  const timeout: Intent = { kind: "timeout" };
  const ends: [string, Partial<AttemptEnd>][] = [
    ["exit 0", status(0)],
    ["exit 3 with retries left", { ...status(3), task: task({ retries: 5 }) }],
    ["TERM", byTerm],
    ["a loss", gone],
    ["a result", { task: moduleTask(), result: { value: 1 } }],
    ["an error", { task: moduleTask(), result: { error: failure("AbortError") } }],
    ["a journal that does not fit", { task: moduleTask(), result: mismatch }],
    ["a start that failed", { startFailure: failure("CannotStart") }],
  ];

  test.each(ends)("%s after a cancel is canceled", (_, given) => {
    expect(end({ ...given, intent: cancel })).toMatchObject({
      transition: "cancel",
      cause: "cancel",
      actor: "ada",
      outcome: "canceled",
      set: { error: { name: "Canceled", message: "canceled: wrong input" } },
    });
  });

  test.each(ends)("%s after the time limit fails, without a retry", (_, given) => {
    const about = { ...(given.task ?? task()), timeoutMs: 5000, retries: 9 };
    expect(end({ ...given, task: about, intent: timeout })).toMatchObject({
      transition: "fail",
      cause: "timeout",
      outcome: "failed",
      set: { error: { name: "TimedOut", data: { timeoutMs: 5000 } } },
    });
  });

  test("keeps its exit code and its signal", () => {
    const { set } = end({ intent: cancel, ...byTerm });
    expect([set.exitCode, set.signal]).toEqual([143, "SIGTERM"]);
  });
});

describe("a module that left", () => {
  const question = {
    ...{ prompt: "Publish?", at: 1, choices: null, deadline: null, fallback: null, call: 0, alone: true },
    key: { kind: "ask" as const, name: "Publish?", n: 0, base: 0 },
  };
  const left = (to: "sleep" | "ask", about: Partial<Task> = {}, given: Partial<AttemptEnd> = {}) =>
    end({ task: moduleTask(about), intent: { kind: "leave", to, until: NOW + 9 }, ...byKill, ...given });

  test("for a sleep is queued again when the sleep is over", () => {
    expect(left("sleep")).toEqual({
      transition: "sleep",
      cause: "sleep",
      actor: "task",
      outcome: "sleep",
      set: { notBefore: NOW + 9, delay: "time" },
    });
  });

  test("for a question waits for the answer", () => {
    expect(left("ask", { question })).toMatchObject({ transition: "ask", outcome: "asked", set: {} });
  });

  test("is queued again at once if the answer came while it left", () => {
    expect(left("ask", { question: null })).toMatchObject({ transition: "sleep", cause: "ask", set: {} });
  });

  test("counts as left even if its process was lost on the way out", () => {
    expect(left("sleep", {}, gone)).toMatchObject({ transition: "sleep", outcome: "sleep" });
  });
});

describe("a journal that no longer fits the code", () => {
  test("suspends the task, which is not resumed automatically", () => {
    expect(end({ task: moduleTask({ retries: 5 }), result: mismatch, ...status(1) })).toMatchObject({
      transition: "suspend",
      cause: "mismatch",
      actor: "daemon",
      outcome: "mismatch",
      set: { error: { name: "JournalMismatch" }, pause: { cause: "mismatch", until: null } },
    });
  });

  test("takes precedence over a pause or a leave", () => {
    const intents: Intent[] = [pauseIntent(), { kind: "leave", to: "sleep", until: 5 }];
    const causes = intents.map((intent) => end({ task: moduleTask(), result: mismatch, intent }).cause);
    expect(causes).toEqual(["mismatch", "mismatch"]);
  });
});

test.each([
  ["a program without a checkpoint", task(), false],
  ["a program that called itself journaled", task({ journaled: true }), false],
  ["a program with a checkpoint", task({ checkpoint: checkpoint(1) }), true],
  ["a program with --pause-mode checkpoint", task({ pauseMode: "checkpoint" }), true],
  ["a program that is frozen by default", task({ pauseMode: "freeze" }), false],
  ["a module that called no step", moduleTask(), false],
  ["a module with --pause-mode checkpoint and no step", moduleTask({ pauseMode: "checkpoint" }), false],
  ["a module with a journal", moduleTask({ journaled: true }), true],
  ["a module with a checkpoint alone", moduleTask({ checkpoint: checkpoint(1) }), true],
])("knows whether %s can continue", (_, about, expected) => {
  expect(canContinue(about)).toBe(expected);
});
