import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogFile, lastLinesOf } from "../../../src/home/log-file.ts";
import { LogTail } from "../../../src/home/log-tail.ts";
import { until } from "../../harness/until.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ac-log-"));
  path = join(directory, "1.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

async function drained(file: LogFile): Promise<string> {
  let text = "";
  await file.drain(async (chunk) => {
    text += chunk.toString("latin1");
  });
  return text;
}

test("each byte is read once while the file grows", async () => {
  const file = new LogFile(path);
  expect(await drained(file)).toBe("");
  writeFileSync(path, "one\n");
  expect(await drained(file)).toBe("one\n");
  appendFileSync(path, "two");
  expect([await drained(file), await drained(file)]).toEqual(["two", ""]);
  file.close();
});

/** Returns the first line of a log whose front the daemon has cut off: it says how many bytes are missing. */
const marker = (dropped: number) => `[agentctl: ${dropped} bytes of older output dropped]\n`;

test("cutting off the front of a file moves the reading position", async () => {
  const [head, tail] = ["x".repeat(200), "0123456789\n"];
  writeFileSync(path, head + tail);
  const file = new LogFile(path);
  await drained(file);
  writeFileSync(path, `${marker(200)}${tail}next\n`);
  expect(await drained(file)).toBe("next\n");
  file.close();
});

test("a reader that missed dropped output gets the line that says so", async () => {
  writeFileSync(path, "seen");
  const file = new LogFile(path);
  await drained(file);
  writeFileSync(path, `${marker(200)}kept\n`);
  expect(await drained(file)).toBe(`${marker(200)}kept\n`);
  file.close();
});

test("a file that is being cut is not read until its first line says how much is missing", async () => {
  writeFileSync(path, `${"x".repeat(200)}0123456789\n`);
  const file = new LogFile(path);
  await drained(file);
  writeFileSync(path, "0123456789\n");
  expect(await drained(file)).toBe("");
  file.close();
});

test("output written while a file is being cut is read once its first line is there", async () => {
  const [head, tail] = ["x".repeat(200), "0123456789\n"];
  writeFileSync(path, head + tail);
  const file = new LogFile(path);
  await drained(file);
  writeFileSync(path, `${tail}${"next\n".repeat(100)}`);
  const text = drained(file);
  await new Promise((resolve) => setTimeout(resolve, 50));
  // This overwrites the file in place. If it were emptied first, the reader might find it empty.
  writeFileSync(path, `${marker(200)}${tail}${"next\n".repeat(100)}`, { flag: "r+" });
  expect(await text).toBe("next\n".repeat(100));
  file.close();
});

test.each([
  [0, { offset: 12, missing: 0 }],
  [1, { offset: 8, missing: 0 }],
  [2, { offset: 4, missing: 0 }],
  [3, { offset: 0, missing: 0 }],
  [5, { offset: 0, missing: 2 }],
])("finds where the last %i lines begin", async (lines, expected) => {
  writeFileSync(path, "one\ntwo\nxyz\n");
  expect(await lastLinesOf(path, lines)).toEqual(expected);
});

test("an unfinished last line counts as a line", async () => {
  writeFileSync(path, "one\ntwo");
  expect(await lastLinesOf(path, 1)).toEqual({ offset: 4, missing: 0 });
});

test("a tail goes from attempt to attempt and misses nothing", async () => {
  const seen: string[] = [];
  const tail = new LogTail(
    async (chunk) => void seen.push(chunk.toString()),
    (attempt) => void seen.push(`<${attempt}>`),
  );
  const logs = [1, 2].map((attempt) => ({ attempt, path: join(directory, `${attempt}.log`) }));
  writeFileSync(path, "a\n");
  tail.update(logs.slice(0, 1));
  await until(() => seen.join("") === "<1>a\n");
  appendFileSync(path, "b\n");
  writeFileSync(join(directory, "2.log"), "c\n");
  tail.update(logs);
  await tail.drained();
  tail.close();
  expect(seen.join("")).toBe("<1>a\nb\n<2>c\n");
});

test("two callers at the same time open the file once, and the one that skips goes first", async () => {
  let [opened, closed] = [0, 0];
  const text = Buffer.from("one two");
  const file = new LogFile(async () => {
    opened++;
    return {
      size: async () => text.length,
      read: async (offset, length) => text.subarray(offset, offset + length),
      close: () => closed++,
    };
  });
  const [, read] = await Promise.all([file.skipTo(4), drained(file)]);
  expect(read).toBe("two");
  file.close();
  await until(() => closed === opened);
  expect(opened).toBe(1);
});

test("closing a file that is being opened leaves nothing open", async () => {
  let [opened, closed] = [0, 0];
  const file = new LogFile(async () => {
    opened++;
    return { size: async () => 0, read: async () => Buffer.alloc(0), close: () => closed++ };
  });
  const reading = drained(file);
  file.close();
  await reading;
  await until(() => closed === 1);
  expect(opened).toBe(1);
});

test("a file that could not be opened is tried again", async () => {
  let isBroken = true;
  const file = new LogFile(async () => {
    if (isBroken) throw new Error("EMFILE");
    return undefined;
  });
  await expect(drained(file)).rejects.toThrow("EMFILE");
  isBroken = false;
  expect(await drained(file)).toBe("");
});
