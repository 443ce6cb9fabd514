import { expect, test } from "vitest";
import type { Command } from "../../../../src/cli/command/define.ts";
import { parse, wantsJson } from "../../../../src/cli/command/parse.ts";
import { verb } from "../../../../src/cli/command/verbs.ts";

async function read(line: string[]) {
  const [name = "", ...words] = line;
  const parsed = await parse((await verb(name)) as Command, `agentctl ${name}`, words, {
    cwd: "/work",
    env: {},
  });
  if (parsed.help) return "help";
  const given = Object.entries(parsed.options).filter(
    ([, value]) => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0),
  );
  return {
    args: parsed.args,
    options: Object.fromEntries(given),
    json: parsed.json,
    isMarked: parsed.isMarked,
  };
}

test("options before the program belong to run, and all words after it to the program", async () => {
  expect(await read(["run", "--name", "x", "-f", "grep", "--json", "-f", "--name=y", "--", "-h"])).toEqual({
    args: ["grep", "--json", "-f", "--name=y", "--", "-h"],
    options: { name: "x", follow: true },
    json: false,
    isMarked: false,
  });
});

test("after -- a program may begin with a dash", async () => {
  expect(await read(["run", "--json", "--", "-odd", "--name", "y"])).toEqual({
    args: ["-odd", "--name", "y"],
    options: {},
    json: true,
    isMarked: true,
  });
});

test("options of run may follow a task module", async () => {
  expect(await read(["run", "-q", "a", "./task.ts", "--input", "{}", "--json"])).toEqual({
    args: ["./task.ts"],
    options: { queue: "a", input: "{}" },
    json: true,
    isMarked: false,
  });
});

test("after -- a module file is run as a program, and keeps its arguments", async () => {
  expect(await read(["run", "--", "./task.ts", "--input", "{}"])).toMatchObject({
    args: ["./task.ts", "--input", "{}"],
    options: {},
  });
});

test("--help after the program belongs to the program, not to run", async () => {
  expect(await read(["run", "ls", "--help"])).toMatchObject({ args: ["ls", "--help"] });
  expect(await read(["run", "--help", "ls"])).toBe("help");
});

test("values are converted, and repeated options add up", async () => {
  const line = ["list", "--label", "a=1", "--label", "b=2=3", "--state", "working", "-n", "5"];
  expect(await read(line)).toMatchObject({
    options: {
      labels: [
        ["a", "1"],
        ["b", "2=3"],
      ],
      states: ["working"],
      limit: 5,
    },
  });
});

test("an option with --no- in its name is true when it is given", async () => {
  expect(await read(["pause", "12", "--no-wait", "--grace", "90s"])).toMatchObject({
    args: ["12"],
    options: { noWait: true, grace: 90_000 },
  });
});

test.each([
  [
    ["pause", "12", "--grace", "5min"],
    '--grace: "5min" is not a duration; such as 500ms, 90s, 15m, 2h, 3d, 1h30m',
  ],
  [
    ["pause", "12", "--mode", "froze"],
    '--mode: "froze" is none of auto, checkpoint, freeze; did you mean freeze?',
  ],
  [["pause", "12", "--gracee", "5m"], "unknown option '--gracee'; did you mean --grace?"],
  [["list", "--state", "wroking"], /"wroking" is none of .*; did you mean working\?/],
  [["run", "--label", "x", "true"], '--label: "x" is not of the form key=value'],
  [["run", "--name"], "option '--name <name>' argument missing"],
  [["run"], /^<program> is missing: a program on the PATH or a path, or a task module; /],
  [["show", "1", "2"], 'there is one argument too many: "2"'],
  [["list", "--color", "blue"], '--color: "blue" is none of auto, always, never'],
] as const)("%j is refused with a usage error", async (line, message) => {
  const error = await read([...line]).catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({
    exitCode: 2,
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });
});

test("--json after -- belongs to the program", () => {
  expect([wantsJson(["run", "--json", "--", "x"]), wantsJson(["run", "--", "x", "--json"])]).toEqual([
    true,
    false,
  ]);
});

test.each([
  ["list"],
  ["pause", "1", "nightly"],
  ["pause", "--", "-1"],
  ["show", "1"],
  ["run", "true"],
  ["run", "--", "true"],
  ["run", "--", "a", "--", "--json"],
  ["run", "a", "--", "-b", "--help"],
  ["run", "grep", "--json", "-f"],
  ["run", "./task.ts"],
  ["run", "--", "./task.ts", "--input", "{}"],
  ["send", "1", ""],
])("%s %s %s %s: words are read the same with and without an option before them", async (name, ...words) => {
  const plain = await read([name as string, ...(words as string[])]);
  expect(plain).toEqual(await read([name as string, "--color", "auto", ...(words as string[])]));
});
