import { describe, expect, test } from "vitest";
import { handleKey, scrollToMark } from "../../../../src/cli/screen/keys.ts";
import { wrapLine } from "../../../../src/cli/screen/watch-layout.ts";
import { emptyState, type State, withQueues, withTasks } from "../../../../src/cli/screen/watch-state.ts";
import { logLine, logRows, viewLines } from "../../../../src/cli/screen/watch-view.ts";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { textWidth } from "../../../../src/cli/text/table.ts";
import type { TaskJson } from "../../../../src/protocol/methods.ts";
import { aTask, NOW } from "../fixtures.ts";

const queue = {
  name: "gpu",
  slots: 1,
  used: 1,
  numbered: false,
  preempt: false,
  held: false,
  heldBy: null,
  heldUntil: null,
  working: 1,
  waiting: 2,
};
const size = { rows: 10, columns: 60 };
const many = Array.from({ length: 30 }, (_, at) => aTask({ id: at + 1 }));
const working = (changes: Partial<TaskJson>) => aTask({ state: "working", startedAt: NOW_ISO, ...changes });
const NOW_ISO = new Date(NOW).toISOString();

/** Returns the state after these keys. A text of several characters is the name of a key. */
function stateAfter(keys: readonly string[], tasks: readonly TaskJson[], at = size): State {
  const first = scrollToMark(withQueues(withTasks(emptyState, tasks), [queue]), at);
  return keys.reduce((state, key) => handleKey(state, keyOf(key), at).state, first);
}

function keyOf(key: string) {
  return { name: key, text: key.length === 1 ? key : "", isShifted: false };
}

function wish(keys: readonly string[], tasks: readonly TaskJson[]) {
  return handleKey(stateAfter(keys.slice(0, -1), tasks), keyOf(keys.at(-1) ?? ""), size).action;
}

const lines = (state: State, at = size) => viewLines(state, at, NOW, plainPaint);
const shownIds = (all: string[]) =>
  all.flatMap((line) => /^[> ][! ] *(\d+) {2}/.exec(line)?.[1] ?? []).map(Number);

/** A question of a module. */
const plain = { kind: "question", tool: null };

describe("the screen", () => {
  test("has as many lines as the terminal has rows, none wider than the terminal", () => {
    const asking = aTask({
      state: "input-required",
      name: "日本語のタスク",
      question: { prompt: "日本 ".repeat(80), at: NOW_ISO, choices: ["yes".repeat(30), "no"], ...plain },
    });
    for (const rows of [3, 10, 24, 50]) {
      for (const columns of [20, 60, 80, 200]) {
        for (const keys of [[], ["?"], ["tab"], ["return"], ["a"], ["/", ..."x".repeat(90)]]) {
          const at = { rows, columns };
          const all = lines(stateAfter(keys, [...many, asking], at), at);
          expect(all).toHaveLength(rows);
          expect(Math.max(...all.map(textWidth))).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  test("lists tasks that need a person first, then running, paused, queued and ended ones", () => {
    const pause = {
      mode: "checkpoint",
      outcome: null,
      actor: "me",
      reason: null,
      at: NOW_ISO,
      until: null,
    } as const;
    const tasks = [
      aTask({ id: 1, state: "completed", endedAt: "2026-05-01T12:00:00Z" }),
      aTask({ id: 2 }),
      working({ id: 3 }),
      aTask({ id: 4, state: "input-required" }),
      aTask({ id: 5, state: "suspended", pause: { ...pause, cause: "user" } }),
      aTask({ id: 6, priority: 5 }),
      aTask({ id: 7, state: "suspended", pause: { ...pause, cause: "lost" } }),
      aTask({ id: 8, state: "failed", endedAt: "2026-05-01T12:10:00Z" }),
    ];
    const all = lines(stateAfter([], tasks, { rows: 20, columns: 100 }), { rows: 20, columns: 100 });
    expect(shownIds(all)).toEqual([4, 7, 3, 5, 6, 2, 8, 1]);
    expect(all[0]).toMatch(/^agentctl: 2 need you, 1 working, 1 suspended, 2 submitted +by urgency$/);
    expect(all.filter((line) => /^.!/.test(line))).toHaveLength(2);
  });

  test("scrolls with the mark, and leaves no row empty", () => {
    expect(shownIds(lines(stateAfter([], many)))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(shownIds(lines(stateAfter(["end"], many)))).toEqual([25, 26, 27, 28, 29, 30]);
    expect(shownIds(lines(stateAfter(["pagedown"], many)))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(shownIds(lines(stateAfter(["pagedown", "down"], many)))).toEqual([2, 3, 4, 5, 6, 7]);
    expect(shownIds(lines(stateAfter(["end", "up"], many)))).toEqual([25, 26, 27, 28, 29, 30]);
    expect(shownIds(lines(stateAfter(["end", "pageup", "up"], many)))).toEqual([24, 25, 26, 27, 28, 29]);
    expect(shownIds(lines(stateAfter(["end", "home"], many)))).toEqual([1, 2, 3, 4, 5, 6]);
    const shorter = scrollToMark(withTasks(stateAfter(["end"], many), many.slice(0, 8)), size);
    expect(shownIds(lines(shorter))).toEqual([3, 4, 5, 6, 7, 8]);
    expect(shorter.task.marked).toBe(8);
  });

  test("offers the keys that do something, and only the most important ones on a narrow screen", () => {
    const footer = (task: TaskJson, columns: number) =>
      lines(stateAfter([], [task]), { rows: 10, columns }).at(-1);
    expect(footer(working({}), 80)).toBe(
      "q quit  ? help  p pause  c cancel  Enter log  / filter  Tab queues  s sort",
    );
    expect(footer(aTask({ state: "suspended" }), 80)).toContain("r resume  c cancel  h hold");
    expect(footer(aTask({ state: "input-required" }), 80)).toContain("a answer");
    expect(footer(aTask({ state: "completed" }), 80)).not.toContain("cancel");
    expect(footer(working({}), 30)).toBe("q quit  ? help  p pause");
  });

  test("shows the help uncut at 80 columns, and at 40 if there are enough rows", () => {
    const help = (rows: number, columns: number) =>
      lines(stateAfter(["?"], many), { rows, columns }).join("\n");
    expect(help(24, 80)).toContain("the log of the task, all attempts; in queues, its tasks");
    expect(help(24, 80)).not.toContain("…");
    expect(help(50, 40)).not.toContain("…");
    expect(help(50, 40)).toContain("\n  /          filter: words in id, name,\n             program, queue");
    // With few rows, every key is listed and long explanations are cut.
    expect(help(20, 40)).toMatch(/ {2}\/ +filter: .*…\n[\s\S]*q Ctrl-C/);
  });

  test("says when there is no task to show", () => {
    expect(lines(stateAfter([], []))[0]).toMatch(/^agentctl: no open task /);
    expect(lines(stateAfter([], [])).join("\n")).toContain("agentctl run <program>");
    expect(lines(stateAfter(["/", "z"], many)).join("\n")).toContain("no task fits the filter");
  });
});

describe("keys", () => {
  test("filter the tasks while words are typed; Enter keeps the filter, Esc ends it", () => {
    const tasks = [
      aTask({ id: 1, name: "tea" }),
      aTask({ id: 2, queue: "gpu" }),
      aTask({ id: 3, labels: { of: "q" } }),
    ];
    expect(stateAfter(["/", "t", "e", "a"], tasks).shown.map(({ id }) => id)).toEqual([1]);
    expect(stateAfter(["/", "t", "x", "backspace"], tasks).shown).toHaveLength(3);
    const kept = stateAfter([..."/of=q", "return"], tasks);
    expect([kept.shown.map(({ id }) => id), kept.task.marked]).toEqual([[3], 3]);
    expect(lines(kept)[0]).toContain('1 of 3 with "of=q"');
    expect(handleKey(kept, keyOf("escape"), size).state.shown).toHaveLength(3);
  });

  test("Enter on a queue shows only the tasks of that queue", () => {
    const tasks = [
      aTask({ id: 1, queue: "gpu" }),
      aTask({ id: 2, queue: "gpu2" }),
      aTask({ id: 3, name: "gpu report", labels: { queue: "gpu" } }),
    ];
    expect(stateAfter(["tab", "return"], tasks).shown.map(({ id }) => id)).toEqual([1]);
  });

  test("sort the tasks, and the mark stays on its task", () => {
    const tasks = [
      aTask({ id: 1, state: "completed" }),
      working({ id: 2, runMs: 5 }),
      working({ id: 3, runMs: 9 }),
    ];
    const ids = (keys: string[]) => stateAfter(keys, tasks).shown.map(({ id }) => id);
    expect([ids([]), ids(["s"]), ids(["s", "s"]), ids(Array(5).fill("s"))]).toEqual([
      [2, 3, 1],
      [1, 2, 3],
      [3, 2, 1],
      [3, 2, 1],
    ]);
    expect(stateAfter(["down", "s"], tasks).task.marked).toBe(3);
    expect(ids(Array(6).fill("s"))).toEqual(ids([]));
  });

  test("act on the marked task", () => {
    const tasks = [aTask({ id: 1 }), aTask({ id: 2, held: true })];
    expect(wish(["p"], tasks)).toEqual({ act: "pause", id: 1 });
    expect(wish(["down", "r"], tasks)).toEqual({ act: "resume", id: 2 });
    expect(wish(["h"], tasks)).toEqual({ act: "hold", id: 1 });
    expect(wish(["down", "h"], tasks)).toEqual({ act: "release", id: 2 });
    expect(wish(["return", "p"], tasks)).toEqual({ act: "pause", id: 1 });
    expect(wish(["tab", "h"], tasks)).toEqual({ act: "hold queue", name: "gpu" });
    for (const keys of [["q"], ["^c"], ["return", "q"], ["?", "q"], ["/", "^c"]])
      expect(wish(keys, tasks)).toEqual({ act: "quit" });
    expect(wish(["p"], [])).toBeUndefined();
  });

  test("cancel a task only when pressed twice in a row", () => {
    const tasks = [aTask({ id: 1 }), aTask({ id: 2 })];
    expect(wish(["c"], tasks)).toBeUndefined();
    expect(stateAfter(["c"], tasks).message).toBe("press c again to cancel task 1");
    expect(wish(["c", "down", "c"], tasks)).toBeUndefined();
    expect(wish(["c", "c"], tasks)).toEqual({ act: "cancel", id: 1 });
  });

  test("answer a question with one of its choices, or with typed text", () => {
    const ask = (choices: string[] | null) => [
      aTask({ state: "input-required", question: { prompt: "which?", at: NOW_ISO, choices, ...plain } }),
    ];
    const choices = ask(["yes", "no", "later"]);
    expect(lines(stateAfter(["a"], choices)).slice(-3)[1]).toBe("[1 yes]  2 no   3 later ");
    const answers = [["return"], ["down", "return"], ["up", "return"], ["3", "return"], ["n", "return"]].map(
      (keys) => wish(["a", ...keys], choices),
    );
    expect(answers.map((each) => each && "text" in each && each.text)).toEqual([
      "yes",
      "no",
      "later",
      "later",
      "no",
    ]);
    expect(wish(["a", "o", "x", "backspace", "k", "return"], ask(null))).toEqual({
      act: "answer",
      id: 12,
      text: "ok",
    });
    expect(stateAfter(["a", "q", "escape"], ask(null)).mode).toBe("keys");
    expect(stateAfter(["a"], [aTask()]).message).toBe("task 12 asks nothing");
  });

  test("switch the panes in both directions, and Esc returns to the tasks", () => {
    expect(
      [["tab"], ["tab", "tab"], ["tab", "tab", "tab"]].map((keys) => stateAfter(keys, many).pane),
    ).toEqual(["queues", "log", "tasks"]);
    expect(handleKey(stateAfter([], many), { ...keyOf("tab"), isShifted: true }, size).state.pane).toBe(
      "log",
    );
    expect(stateAfter(["return", "escape"], many).pane).toBe("tasks");
    expect(stateAfter(["?", "escape"], many).mode).toBe("keys");
    expect(lines(stateAfter(["?"], many), { rows: 24, columns: 80 }).join("\n")).toMatch(
      /pause[\s\S]*filter[\s\S]*Esc/,
    );
    expect(stateAfter(["tab", "return"], [aTask({ queue: "gpu" }), ...many]).shown).toHaveLength(1);
  });
});

describe("a log", () => {
  const numbered = Array.from({ length: 100 }, (_, at) => `line ${at + 1}`);
  const scrolled = (keys: readonly string[], text = numbered) => {
    const first = stateAfter(["return"], many);
    const filled: State = { ...first, log: { id: 1, lines: text, below: 0 } };
    return keys.reduce((state, key) => handleKey(state, keyOf(key), size).state, filled);
  };
  const shown = (keys: readonly string[]) => {
    const all = lines(scrolled(keys)).filter((line) => line.startsWith("line "));
    return [all[0], all.at(-1)];
  };

  test("scrolls by lines and pages, from its first line to its last", () => {
    expect(shown([])).toEqual(["line 94", "line 100"]);
    expect(shown(["up"])).toEqual(["line 93", "line 99"]);
    expect(shown(["pageup"])).toEqual(["line 88", "line 94"]);
    expect(shown(["home"])).toEqual(["line 1", "line 7"]);
    expect(shown(["home", "down"])).toEqual(["line 2", "line 8"]);
    expect(shown(["home", "end"])).toEqual(["line 94", "line 100"]);
  });

  test.each([
    ["the last lines", ["a", "b", "c"], 0, 2, ["b", "c"]],
    ["long lines broken", ["abcdefghijkl"], 0, 5, ["abcde", "fghij", "kl"]],
    ["no more than there is room for", ["abcdefghijkl"], 0, 2, ["fghij", "kl"]],
    ["the first line whole at the top", ["abcdefg", "x", "y"], 1, 2, ["abcde", "fg"]],
    ["empty lines", ["a", "", "b"], 0, 5, ["a", "", "b"]],
  ])("shows %s", (_, all, below, rows, expected) => {
    expect(logRows({ lines: all, below }, rows, 5)).toEqual(expected);
  });

  test("shows a line without terminal control codes, and only the last state of a progress bar", () => {
    expect(logLine("\u0007a\u001b[2Jb\tc\r")).toBe("\\x07ab    c");
    expect(logLine("10%\r50%\r100%")).toBe("100%");
    expect(wrapLine("日本語", 5)).toEqual(["日本", "語"]);
  });
});
