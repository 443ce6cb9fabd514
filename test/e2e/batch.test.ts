import { expect } from "vitest";
import { it, needsOwnStore, sqlite } from "../harness/index.ts";
import { notes } from "./story.ts";

const echo = (word: string) => ({ argv: ["sh", "-c", `echo "${word} $COLOUR" >> notes`] });
const lines = (tasks: object[]) => `${tasks.map((task) => JSON.stringify(task)).join("\n")}\n`;

it("submits one task per line with the caller's variables and prints the ids in order", async ({ home }) => {
  needsOwnStore(home, "the shell that submits gives nothing in a cluster");
  // Some editors begin a file with a byte order mark.
  const input = `\ufeff${lines([echo("a"), { ...echo("b"), priority: 1 }, echo("c")])}`;
  expect(await home.cli("batch", { input, env: { COLOUR: "red" } })).toMatchObject({
    code: 0,
    stdout: "1\n2\n3\n",
  });
  await home.cli("wait", "1", "2", "3");
  expect(notes(home).sort()).toEqual(["a red", "b red", "c red"]);
});

it("accepts signal names with and without SIG, and names line and field of an unknown one", async ({
  home,
}) => {
  const asking = (pauseSignal: string) => ({ argv: ["true"], held: true, pauseSignal });
  expect((await home.cli("batch", { input: lines([asking("INT"), asking("SIGUSR1")]) })).code).toBe(0);
  const kept = sqlite(home, "select pause_signal from tasks order by id");
  expect(kept).toEqual([{ pause_signal: "SIGINT" }, { pause_signal: "SIGUSR1" }]);
  const { code, stderr } = await home.cli("batch", { input: lines([asking("INT"), asking("SIGFOO")]) });
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("line 2, pauseSignal: must be a signal's name"),
  ]);
});

it("submits no task if one line is invalid, and names that line", async ({ home }) => {
  const { code, stdout, stderr } = await home.cli("batch", "-", { input: lines([echo("a"), { argv: [] }]) });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/line 2|1\.argv|\[1\]/);
  expect(await home.json("list", "--all")).toEqual([]);
});

it("says why its file cannot be read, and refuses an empty name and an empty directory", async ({ home }) => {
  const refusalOf = async (file: string, input = "") => {
    const { code, stdout, stderr } = await home.cli("batch", file, { input });
    expect([code, stdout]).toEqual([2, ""]);
    return stderr;
  };
  expect(await refusalOf("/")).toBe("agentctl: / cannot be read: it is a directory\n");
  expect(await refusalOf("")).toBe('agentctl: "" cannot be read: there is no such file\n');
  expect(await refusalOf("-", lines([{ argv: ["true"], cwd: "" }]))).toBe(
    "agentctl: line 1, cwd: may not be empty\n",
  );
});

it("lets a line depend on earlier lines by name, and not on later ones", async ({ home }) => {
  const other = await home.run("--hold", "--name", "first", "true");
  const lines = [
    { name: "first", argv: ["true"], held: true },
    { name: "second", argv: ["true"], after: ["first"] },
    { argv: ["true"], after: [{ id: "second", when: "ended" }, other] },
  ];
  const input = lines.map((line) => JSON.stringify(line)).join("\n");
  const { stdout } = await home.cli("batch", { input });
  const [first = 0, second = 0, third = 0] = stdout.trim().split("\n").map(Number);
  expect((await home.task(second)).after).toEqual([{ id: first, when: "completed" }]);
  expect((await home.task(third)).after).toEqual([
    { id: second, when: "ended" },
    { id: other, when: "completed" },
  ]);
  await home.cli("release", `${first}`, `${other}`);
  expect(await home.reaches(third, "completed")).toMatchObject({ exitCode: 0 });

  const late = [
    { argv: ["true"], after: ["later"] },
    { name: "later", argv: ["true"] },
  ];
  const refused = await home.cli("batch", { input: late.map((line) => JSON.stringify(line)).join("\n") });
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("line 1");
});

it("refuses lines that are not UTF-8, in which a character would be replaced silently", async ({ home }) => {
  const input = Buffer.from('{"argv":["echo","caf\xe9"]}\n', "latin1");
  expect(await home.cli("batch", { input })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("what is on stdin is not valid UTF-8"),
  });
  expect(await home.json("list", "--all")).toEqual([]);
});
