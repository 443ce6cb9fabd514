import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { isAlive, it, until } from "../harness/index.ts";
import { history, noted, notes, oneSlot, open, pidOf, taskModule } from "./story.ts";

describe("task.save and task.checkpoint", () => {
  it("continue a module from its saved value after a pause", async ({ home }) => {
    const source = taskModule(`
      const done = task.checkpoint?.done ?? [];
      note("from " + done.length);
      for (const name of ["a", "b", "c"].slice(done.length)) {
        await task.step("work", () => { note(name); return name === "b" && task.attempt === 1 ? gate("go") : undefined; });
        done.push(name);
        await task.save({ done });
      }
      return done;`);
    const id = await home.run(home.module(source));
    await noted(home, 3);
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    expect((await home.json("pause", `${id}`)).task.state).toBe("suspended");
    await home.cli("resume", `${id}`);
    expect((await home.reaches(id, "completed")).result).toEqual(["a", "b", "c"]);
    expect(notes(home)).toEqual(["from 0", "a", "b", "from 2", "c"]);
  });

  it("let set-up steps run again, and give each later step its own result", async ({ home }) => {
    const source = taskModule(`
      let at = task.checkpoint ?? 0;
      const names = await task.step("list", () => { note("list"); return [0, 1, 2, 3, 4, 5, 6].map((n) => "n" + n); });
      if (task.attempt === 1) await task.step("only once", () => {});
      while (at < names.length) {
        await task.step("work " + names[at], () => note(at));
        if (++at % 2 === 0) await task.save(at);
        if (at === 5 && task.attempt === 1) await task.step("only in the first", () => {});
        if (at === 5 && task.attempt === 1) { note("waits"); await gate("never"); }
      }
      return at;`);
    const id = await home.run(home.module(source));
    await noted(home, 7);
    await home.cli("pause", `${id}`, "--grace", "0s");
    await home.cli("resume", `${id}`);
    expect(await home.reaches(id, "completed")).toMatchObject({ result: 7, attempt: 2, error: null });
    expect(notes(home)).toEqual(["list", "0", "1", "2", "3", "4", "waits", "list", "5", "6"]);
    const { steps } = await home.json("show", `${id}`);
    const unused = steps.filter(({ unused }: { unused: boolean }) => unused);
    expect(unused.map(({ name }: { name: string }) => name)).toEqual(["only in the first"]);
    expect((await home.cli("show", `${id}`)).stdout).toMatch(/only in the first.*not asked for again/);
  });

  it("are ignored if a module runs again over its journal", async ({ home }) => {
    const source = taskModule(`
      await task.step("one", () => note("one"));
      await task.save("after one");
      await task.step("two", () => note("two"));
      await task.step("three", () => { note("three"); return task.attempt === 1 ? gate("never") : undefined; });`);
    const id = await home.run(home.module(source));
    await noted(home, 3);
    await home.cli("pause", `${id}`, "--grace", "0s");
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(["one", "two", "three", "three"]);
    expect(await home.json("checkpoint", "list", `${id}`)).toHaveLength(1);
  });
});

it("throws if task.checkpoint is first read after the first step", async ({ home }) => {
  const id = await home.run(
    home.module(taskModule('await task.step("one", () => 1); return task.checkpoint;')),
  );
  expect((await home.reaches(id, "failed")).error.message).toMatch(/checkpoint/);
});

describe("task.sleep", () => {
  it("frees its process and slot during a sleep of 6 s, and ends on time", async ({ home }) => {
    const queue = await oneSlot(home);
    const source = taskModule(`
      await task.step("before", () => note("before"));
      await task.sleep("6s");
      note("after");`);
    const id = await home.run("--queue", queue, home.module(source));
    await noted(home, 1);
    const at = Date.now();
    expect((await home.reaches(id, "submitted")).waiting.for).toBe("time");
    expect((await home.cli("run", "--wait", "--queue", queue, "true")).code).toBe(0);
    await home.reaches(id, "completed");
    expect(Date.now() - at).toBeGreaterThan(5_500);
    expect(notes(home)).toEqual(["before", "after"]);
    expect(await history(home, id)).toEqual(["submitted", "working", "submitted", "working", "completed"]);
  });

  it("is interrupted by a pause, and still ends at the same time", async ({ home }) => {
    const source = taskModule(`
      const from = await task.step("now", () => { note("on"); return Date.now(); });
      await task.sleep("4800ms");
      return Date.now() - from;`);
    const id = await home.run(home.module(source));
    await noted(home, 1);
    const { task } = await home.json("pause", `${id}`);
    expect(task.pause.outcome).toBe("cooperative");
    expect(task.runMs).toBeLessThan(4_500);
    await home.cli("resume", `${id}`);
    const { result } = await home.reaches(id, "completed");
    expect(result).toBeGreaterThanOrEqual(4_800);
    expect(result).toBeLessThan(9_500);
  });

  it("keeps its process during a sleep of 50 ms", async ({ home }) => {
    const id = await home.run(home.module(taskModule('await task.sleep("50ms"); return task.attempt;')));
    expect((await home.reaches(id, "completed")).result).toBe(1);
  });
});

describe("the output of a module", () => {
  it("shows its progress", async ({ home }) => {
    const id = await home.run(
      home.module(
        taskModule('task.progress(1, 3, "first of three"); await task.step("a", () => gate("go"));'),
      ),
    );
    const seen = await until(async () => (await home.task(id)).progress);
    expect(seen).toEqual({ done: 1, total: 3, message: "first of three" });
    expect((await home.cli("list")).stdout).toContain("first of three");
  });

  it("includes artifacts from text, bytes and files", async ({ home }) => {
    const source = taskModule(`
      await task.artifact("report.md", "# Tea\\n");
      await task.artifact("bytes", new Uint8Array([0, 255]));
      writeFileSync("own.txt", "own");
      await task.artifact("copy.txt", { path: "own.txt" });`);
    const id = await home.run(home.module(source));
    await home.reaches(id, "completed");
    expect((await home.cli("artifact", "get", `${id}`, "report.md")).stdout).toBe("# Tea\n");
    const none = await home.run("--wait", "true");
    const refused = await home.cli("artifact", "get", `${none}`, "--json");
    expect([refused.code, JSON.parse(refused.stdout).error]).toMatchObject([
      3,
      { name: "ArtifactNotFound", data: { id: none, state: "completed" } },
    ]);
    expect((await home.cli("artifact", "get", `${id}`, "copy.txt")).stdout).toBe("own");
    const listed = await home.json("artifact", "list", `${id}`);
    expect(listed.map(({ name, size }: { name: string; size: number }) => [name, size])).toEqual([
      ["report.md", 6],
      ["bytes", 2],
      ["copy.txt", 3],
    ]);
  });

  it("includes files in task.dir, which stays the same across a pause", async ({ home }) => {
    const source = taskModule(`
      const file = task.dir + "/large";
      if (task.attempt === 1) writeFileSync(file, "kept");
      await task.step("wait", () => { note(task.dir); return gate("go"); });
      await task.step("read", () => note(readFileSync(file, "utf8")));`);
    const id = await home.run(home.module(source));
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--grace", "0s");
    open(home);
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    const [dir, again, content] = notes(home);
    expect([again, content]).toEqual([dir, "kept"]);
  });

  it("goes to one log per attempt", async ({ home }) => {
    const source = taskModule(`
      task.log("attempt", task.attempt, { of: task.id });
      await task.step("wait", () => { note("on"); return task.attempt === 1 ? gate("never") : undefined; });`);
    const id = await home.run(home.module(source));
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--grace", "0s");
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    expect((await home.cli("logs", `${id}`)).stdout).toBe("attempt 1 { of: 1 }\nattempt 2 { of: 1 }\n");
    expect((await home.cli("logs", `${id}`, "--attempt", "2")).stdout).toBe("attempt 2 { of: 1 }\n");
  });
});

describe("task.signal", () => {
  const listening = taskModule(`
    task.signal.addEventListener("abort", () => note("aborted"));
    await task.step("long", async ({ signal }) => {
      note("on");
      await delay(60_000, undefined, { signal }).catch(() => note("cleaned up"));
    });
    await task.step("next", () => note("next"));`);

  it("is aborted on cancel", async ({ home }) => {
    const id = await home.run(home.module(listening));
    await noted(home, 1);
    const pid = await pidOf(home, id);
    expect((await home.cli("cancel", `${id}`)).code).toBe(0);
    expect(notes(home).slice(0, 2)).toEqual(["on", "aborted"]);
    expect(isAlive(pid)).toBe(false);
  });

  it("is aborted when the grace time of a pause ends, before the kill", async ({ home }) => {
    const id = await home.run(home.module(listening));
    await noted(home, 1);
    expect((await home.json("pause", `${id}`, "--grace", "300ms")).task.state).toBe("suspended");
    expect(notes(home)).toEqual(["on", "aborted", "cleaned up"]);
  });
});

describe("a module's file", () => {
  it("can be TypeScript or JavaScript in any directory, and imports agentctl and its own files", async ({
    home,
  }) => {
    mkdirSync(home.file("deep/er"), { recursive: true });
    home.module("export enum Colour { red = 'RED' }", "deep/colour.ts");
    home.module(
      'import { defineTask } from "agentctl"; import { Colour } from "../colour";\nexport default defineTask(() => Colour.red);',
      "deep/er/task.mts",
    );
    home.module(
      'import { defineTask } from "agentctl"; export default defineTask((task, input) => input);',
      "plain.mjs",
    );
    const typed = await home.run("deep/er/task.mts");
    const plain = await home.run("plain.mjs", "--input", '{"topic":"tea"}');
    expect((await home.reaches(typed, "completed")).result).toBe("RED");
    expect((await home.reaches(plain, "completed")).result).toEqual({ topic: "tea" });
  });

  it("is found if its path has characters with a meaning in a URL", async ({ home }) => {
    for (const folder of ["what?", "what?/100%41 #1 'a' \"b\"", "back\\slash"]) {
      home.module("export const word: string = 'yes';", `${folder}/own.ts`);
      home.module("module.exports = { n: 1 };", `${folder}/common.cjs`);
      const source = `import { defineTask } from "agentctl";
        import { word } from "./own.js";
        import common from "./common.cjs";
        export default defineTask(async (task): Promise<unknown> => [word, common.n, (await import("./own.ts")).word]);`;
      const id = await home.run(home.module(source, `${folder}/task.ts`));
      expect([folder, (await home.reaches(id, "completed")).result]).toEqual([folder, ["yes", 1, "yes"]]);
    }
  });

  it("gets no input if none was given, so that its default applies, and null if null was given", async ({
    home,
  }) => {
    const source =
      'import { defineTask } from "agentctl"; export default defineTask((task, input = "default") => ({ input }));';
    const path = home.module(source);
    const inputOf = async (id: number) => (await home.reaches(id, "completed")).result.input;
    expect(await inputOf(await home.run(path))).toBe("default");
    expect(await inputOf(await home.run(path, "--input", "null"))).toBe(null);
    const submitted = { module: path, cwd: home.work };
    for (const [params, input] of [
      [submitted, "default"],
      [{ ...submitted, input: null }, null],
    ] as const) {
      const { task } = await home.rpc("tasks/create", params);
      expect(await inputOf(task.id)).toBe(input);
      const again = await home.json("rerun", `${task.id}`);
      expect(await inputOf(again.id ?? again.task.id)).toBe(input);
    }
  });

  it("fails the task with the error that it threw, or with its own fault", async ({ home }) => {
    const throws = await home.run(home.module(taskModule('throw new TypeError("no tea");')));
    const empty = await home.run(home.module("export const nothing = 1;", "empty.ts"));
    const wrong = await home.run(home.module("export default defineTask(", "wrong.ts"));
    expect((await home.reaches(throws, "failed")).error).toMatchObject({
      name: "TypeError",
      message: "no tea",
    });
    expect((await home.reaches(empty, "failed")).error.message).toMatch(/default/);
    expect((await home.reaches(wrong, "failed")).error.name).toBeTruthy();
  });
});

it("takes input from a file with a byte order mark, and refuses one that is not UTF-8", async ({ home }) => {
  const module = home.module(taskModule("return input;"));
  writeFileSync(home.file("marked.json"), '\ufeff{"topic":"tea"}\r\n');
  const id = await home.run(module, "--input", `@${home.file("marked.json")}`);
  expect((await home.reaches(id, "completed")).result).toEqual({ topic: "tea" });
  writeFileSync(home.file("latin.json"), Buffer.from('"caf\xe9"', "latin1"));
  const refused = await home.cli("run", module, "--input", `@${home.file("latin.json")}`);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("latin.json is not valid UTF-8"),
  });
});
