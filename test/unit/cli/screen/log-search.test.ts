import { describe, expect, test } from "vitest";
import { handleKey, scrollToMark } from "../../../../src/cli/screen/keys.ts";
import { highlight } from "../../../../src/cli/screen/log-search.ts";
import { emptyState, type State, withLogLines, withTasks } from "../../../../src/cli/screen/watch-state.ts";
import { viewLines } from "../../../../src/cli/screen/watch-view.ts";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { aTask, NOW } from "../fixtures.ts";

const size = { rows: 10, columns: 60 };
const numbered = Array.from(
  { length: 100 },
  (_, at) => `line ${at + 1}${(at + 1) % 30 === 0 ? " Error" : ""}`,
);

/** Returns the state of an open log after these keys. A text of several characters is the name of a key. */
function stateAfter(
  keys: readonly string[],
  lines: readonly string[] = numbered,
  before = opened(lines),
): State {
  const keyOf = (key: string) => ({
    name: key.toLowerCase(),
    text: key.length === 1 ? key : "",
    isShifted: false,
  });
  return keys.reduce((state, key) => handleKey(state, keyOf(key), size).state, before);
}

function opened(lines: readonly string[]): State {
  const tasks = scrollToMark(withTasks(emptyState, [aTask({ id: 1 })]), size);
  const log = handleKey(tasks, { name: "return", text: "", isShifted: false }, size).state;
  return withLogLines(log, 1, lines);
}

const screen = (state: State) => viewLines(state, size, NOW, { ...plainPaint, found: (text) => `<${text}>` });

describe("search in a log", () => {
  test("shows the newest match while the text is typed, ignores case, and says which match it is", () => {
    const typed = screen(stateAfter([..."/error"]));
    expect(typed).toContain("line 90 <Error>");
    expect(typed.at(-2)).toBe('/error_  match 3 of 3 for "error"');
    expect(typed.at(-1)).toBe("Enter keep  Esc end the search");
  });

  test("n goes to older matches and N to newer ones, and both wrap around", () => {
    const shown = (keys: string[]) =>
      screen(stateAfter([..."/error", "return", ...keys])).find((line) => line.includes("<"));
    expect([[], ["n"], ["n", "n"], ["n", "n", "n"], ["N"], ["n", "n", "N"]].map(shown)).toEqual([
      "line 90 <Error>",
      "line 60 <Error>",
      "line 30 <Error>",
      "line 90 <Error>",
      "line 30 <Error>",
      "line 60 <Error>",
    ]);
    expect(screen(stateAfter([..."/error", "return", "n"])).at(-2)).toBe('match 2 of 3 for "error"');
  });

  test("starts again from the visible lines for each typed letter", () => {
    const higher = ["home", ...Array(4).fill("pagedown"), "/"];
    expect(screen(stateAfter([...higher, "l", "i"])).find((line) => line.includes("<"))).toContain(
      "<li>ne 28",
    );
    expect(stateAfter([...higher, ..."erx", "backspace"]).log?.search?.match).toBe(29);
    expect(stateAfter([...higher, ..."line 9"]).log?.search?.match).toBe(8);
  });

  test("says that nothing matches, and does not scroll", () => {
    const none = stateAfter(["up", "up", ..."/zebra"]);
    expect(screen(none).at(-2)).toBe('/zebra_  no line here has "zebra"');
    expect(none.log?.below).toBe(2);
    expect(stateAfter(["n"]).message).toBe("press / to search");
  });

  test("Esc ends the search, and a second Esc leaves the log", () => {
    const kept = [..."/error", "return"];
    const ended = stateAfter([...kept, "escape"]);
    expect([ended.pane, screen(ended).join("\n").includes("<")]).toEqual(["log", false]);
    expect(stateAfter([...kept, "escape", "escape"]).pane).toBe("tasks");
    expect(stateAfter(["/", "escape", "escape"]).pane).toBe("tasks");
    expect(stateAfter(["/", "return", "escape"]).pane).toBe("tasks");
  });

  test("shows a match among wrapped lines, and stays there while new lines arrive", () => {
    const long = ["needle", ...Array(20).fill("x".repeat(200))];
    const found = stateAfter([..."/needle", "return"], long);
    expect(screen(found)).toContain("<needle>");
    expect(screen(withLogLines(found, 1, [...long, "more", "needle"]))).toContain("<needle>");
  });

  test("paints each match of a row, and no other text", () => {
    const paint = (row: string, text: string) => highlight(row, text, (found) => `<${found}>`);
    expect(paint("a.b A.B", "a.b")).toBe("<a.b> <A.B>");
    expect(paint("İstanbul x", "x")).toBe("İstanbul x");
    expect(paint("abc", "")).toBe("abc");
  });
});
