import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StepRecord } from "../../../src/home/step-record.ts";
import { StepReader, stepFile } from "../../../src/runner/step-reader.ts";
import { type Full, StepFile } from "../../../src/sdk/steps/step-file.ts";
import { until } from "../../harness/until.ts";

const KEY = "1.1.key";

const it = test.extend<{ dir: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest wants the pattern
  dir: async ({}, use) => {
    const dir = mkdtempSync(join(tmpdir(), "agentctl-steps-"));
    await use(dir);
    rmSync(dir, { recursive: true });
  },
});

function step(n: number, bytes = 1): StepRecord {
  const result = JSON.stringify("x".repeat(bytes));
  return { name: "s", n, base: 0, call: n, alone: true, startedAt: 1, endedAt: 2, result };
}

/** Returns a step file that is ready for writing. */
async function ready(dir: string): Promise<StepFile> {
  const file = new StepFile({ path: stepFile(dir, KEY), key: KEY }, { slowMs: Number.POSITIVE_INFINITY });
  file.prepare();
  // It accepts no step before the file exists. Each step that it accepts is written.
  await until(async () => await file.append(step(-1)));
  return file;
}

const namesOf = (reader: StepReader) =>
  reader
    .read()
    .map(({ n }) => n)
    .filter((n) => n >= 0);

it("accepted steps can be read once, in order", async ({ dir }) => {
  const file = await ready(dir);
  const reader = new StepReader(dir, KEY);
  expect(await file.append(step(0))).toBe(true);
  expect(namesOf(reader)).toEqual([0]);
  expect(await Promise.all([1, 2, 3].map((n) => file.append(step(n))))).toEqual([true, true, true]);
  expect(namesOf(reader)).toEqual([1, 2, 3]);
  expect(namesOf(reader)).toEqual([]);
});

it("a later reader reads all steps in the file", async ({ dir }) => {
  const file = await ready(dir);
  await Promise.all([0, 1, 2].map((n) => file.append(step(n))));
  expect(namesOf(new StepReader(dir, KEY))).toEqual([0, 1, 2]);
});

it("a full file starts again from its beginning when emptied, and no step is read twice or missed", async ({
  dir,
}) => {
  const file = await ready(dir);
  const reader = new StepReader(dir, KEY);
  const size = statSync(stepFile(dir, KEY)).size;
  const written: number[] = [];
  const read: number[] = [];
  let rounds = 0;
  for (let n = 0; rounds < 4; n++) {
    if (await file.append(step(n, 3000))) {
      written.push(n);
      if (n % 7 === 0) read.push(...namesOf(reader));
      continue;
    }
    const full = file.full as Full;
    expect(await file.append(step(n))).toBe(false);
    read.push(...namesOf(reader));
    expect(reader.next).toBe(full.written + 1);
    // A late response, to the report of the time before.
    file.emptied({ ...full, times: full.times - 1 }, true);
    expect(file.full).toEqual(full);
    file.emptied(full, true);
    expect(file.full).toBeUndefined();
    rounds++;
  }
  expect(written.length).toBeGreaterThan(250);
  expect(read).toEqual(written);
  expect(statSync(stepFile(dir, KEY)).size).toBe(size);
  // A new reader finds only the last round, and finds all of it.
  const last = namesOf(new StepReader(dir, KEY));
  expect(last).toEqual(written.slice(-last.length));
});

it("of steps that end together, those that do not fit are refused", async ({ dir }) => {
  const file = await ready(dir);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => file.append(step(n, 20_000))));
  const fitting = answers.indexOf(false);
  expect(fitting).toBeGreaterThan(5);
  expect(answers.slice(fitting)).not.toContain(true);
  expect(namesOf(new StepReader(dir, KEY))).toEqual(Array.from({ length: fitting }, (_, n) => n));
  file.emptied(file.full as Full, true);
  expect(await file.append(step(99))).toBe(true);
  expect(namesOf(new StepReader(dir, KEY))).toEqual([99]);
});

it("a large step goes to the daemon, and leaves the file to others", async ({ dir }) => {
  const file = await ready(dir);
  expect(await file.append(step(0, 100_000))).toBe(false);
  expect([file.full, await file.append(step(1))]).toEqual([undefined, true]);
});

it("the file leaves steps to the daemon for some time if the disk is slow", async ({ dir }) => {
  const file = new StepFile({ path: stepFile(dir, KEY), key: KEY }, { slowMs: -1 });
  file.prepare();
  await until(() => file.append(step(0)));
  expect(await file.append(step(1))).toBe(true);
  expect(await file.append(step(2))).toBe(true);
  expect(await file.append(step(3))).toBe(false);
  expect(namesOf(new StepReader(dir, KEY))).toEqual([0, 1, 2]);
  await until(() => file.append(step(3)));
  expect(namesOf(new StepReader(dir, KEY))).toEqual([0, 1, 2, 3]);
});

it("only the owner can read the file, and a removed file has no steps", async ({ dir }) => {
  await ready(dir);
  expect(statSync(stepFile(dir, KEY)).mode & 0o777).toBe(0o600);
  expect(readFileSync(stepFile(dir, KEY), "latin1")).toContain('"name":"s"');
  const reader = new StepReader(dir, KEY);
  reader.read();
  reader.remove();
  expect([readdirSync(dir), reader.read()]).toEqual([[], []]);
});

it("the file is not overwritten if the daemon has not taken its steps", async ({ dir }) => {
  const file = await ready(dir);
  await Promise.all(Array.from({ length: 20 }, (_, n) => file.append(step(n, 20_000))));
  const before = namesOf(new StepReader(dir, KEY));
  file.emptied(file.full as Full, false);
  for (let turn = 0; turn < 5; turn++) expect(await file.append(step(turn))).toBe(false);
  expect(namesOf(new StepReader(dir, KEY))).toEqual(before);
});

it("a file that cannot be read is an error, not a file without steps", async ({ dir }) => {
  symlinkSync(stepFile(dir, KEY), stepFile(dir, KEY));
  expect(() => new StepReader(dir, KEY).read()).toThrow("ELOOP");
});

it("a file that cannot be created accepts no steps", async ({ dir }) => {
  const file = new StepFile({ path: join(dir, "none/x.steps"), key: KEY });
  file.prepare();
  expect(await file.append(step(0))).toBe(false);
  // A second one on the same path would write over the first.
  await ready(dir);
  const second = new StepFile({ path: stepFile(dir, KEY), key: KEY });
  second.prepare();
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await second.append(step(turn))).toBe(false);
  }
  expect(existsSync(stepFile(dir, KEY))).toBe(true);
});
