/** Commands that a person knows from pueue, docker, task-spooler, gh and systemctl. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, it } from "../harness/index.ts";

/** Words of other tools, each with the line that helps. */
const told: [words: string[], helps: string][] = [
  [["prune"], "agentctl delete --all"],
  [["retry", "3"], "agentctl rerun <tasks>, agentctl rerun --failed"],
  [["env", "set", "3", "K", "V"], "agentctl edit <id> --env"],
  [["format-status"], "agentctl list --format"],
  [["tail", "3"], "agentctl logs -f <tasks>"],
  [["backup"], "agentctl daemon restore <backup>"],
  [["add", "make test && echo ok"], "agentctl run sh -c 'make test && echo ok'\n"],
  [["add", "--", "make", "a b"], "agentctl run make 'a b'\n"],
  [["-l"], "agentctl list"],
  [["list-timers"], "agentctl schedule list"],
  [["hook", "rm", "1"], "agentctl config set hooks"],
  [["queue", "pause", "gpu"], "agentctl queue hold <queue>"],
  [["logs", "--tail", "5", "1"], "unknown option '--tail'; here it is -n, --lines <n>"],
  [["logs", "--tail=5", "1"], "unknown option '--tail'; here it is -n, --lines <n>"],
  [["list", "-g", "gpu"], "unknown option '-g'; here it is -q, --queue <queue>"],
  [["run", "--group", "gpu", "true"], "unknown option '--group'; here it is -q, --queue <queue>"],
  [["stop", "--time", "5", "1"], "unknown option '--time'; here it is --grace <duration>"],
  [["run", "-d", "true"], "run does not wait for the task"],
  [["pause", "--wait", "1"], "agentctl queue hold <queue>"],
];

/** Words that no other tool has and that resemble no command get no suggestion. */
const unknown = [["zebra"], ["queue", "pope"], ["logs", "--tuil", "1"], ["list", "--zz"]];

it("answers commands of other tools with its own, and unknown words with no guess", async ({ home }) => {
  for (const [words, helps] of told) {
    const { code, stdout, stderr } = await home.cli(...words);
    expect([words, code, stdout, stderr]).toEqual([words, 2, "", expect.stringContaining(helps)]);
    expect(stderr).not.toContain("did you mean");
  }
  for (const words of unknown) {
    const { code, stderr } = await home.cli(...words);
    expect([words, code, stderr]).toEqual([words, 2, expect.not.stringContaining("did you mean")]);
  }
  expect((await home.cli("lsit", "-n", "1")).stderr).toContain("did you mean list?");
  expect((await home.cli("logs", "--lnies", "1")).stderr).toContain("did you mean --lines?");
});

it("refuses kill -9 and says how to kill at once", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  for (const option of ["-9", "-KILL", "--signal=KILL", "-s"]) {
    const { code, stderr } = await home.cli("kill", option, `${id}`);
    expect([option, code, stderr]).toEqual([
      option,
      2,
      expect.stringContaining("agentctl cancel --grace 0s"),
    ]);
  }
  expect(await home.task(id)).toMatchObject({ state: "working" });
  expect((await home.cli("pause", `${id}`, "-3")).code).toBe(2);
  expect((await home.cli("pause", "--", "-3")).code).toBe(3);
  expect(await home.task(id)).toMatchObject({ state: "working" });
});

it("accepts ls, rm, delete and add in every group that has another name for them", async ({ home }) => {
  const groups = ["queue", "schedule", "hook", "context", "worktree"];
  for (const group of groups) expect([group, (await home.cli(group, "ls")).code]).toEqual([group, 0]);
  const id = await home.run("true");
  await home.reaches(id, "completed");
  expect((await home.cli("artifact", "ls", `${id}`)).code).toBe(0);
  expect((await home.cli("checkpoint", "ls", `${id}`)).code).toBe(0);
  for (const word of ["remove", "rm", "delete"]) {
    expect((await home.cli("queue", "add", "q", "--slots", "1")).stdout).toContain("queue q made");
    expect((await home.cli("queue", word, "q")).stdout).toContain("queue q removed");
    await home.cli("schedule", "add", "s", "@daily", "true");
    expect((await home.cli("schedule", word, "s")).code).toBe(0);
    await home.cli("context", "set", "c", home.dir);
    expect((await home.cli("context", word, "c")).code).toBe(0);
  }
  const help = (await home.cli("queue", "--help")).stdout;
  expect(help).toMatch(/^ {2}list, ls {2,}/m);
  expect(help).toMatch(/^ {2}remove, rm, delete <queue> /m);
  expect((await home.cli("queue", "rm", "--help")).stdout).toContain("\nAlso: rm, delete\n");
  expect((await home.cli("help", "queue", "ls")).stdout).toContain("Usage: agentctl queue list");
});

it("resumes tasks with unpause", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  expect((await home.cli("unpause", `${id}`)).code).toBe(0);
  await home.reaches(id, "working");
});

it("knows every pueue command that the comparison names", async ({ home }) => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/comparison.md"), "utf8");
  const [, table = ""] = text.split("## You know pueue");
  const cells = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell);
  const words = cells.flatMap((cell) => [...(cell ?? "").matchAll(/`([a-z-]+)[^`]*`/g)].map(([, w]) => w));
  const verbs = [...new Set(words)].filter((word): word is string => word !== undefined && word !== "pueued");
  expect(verbs.length).toBeGreaterThan(20);
  expect(await unheard(home, verbs)).toEqual([]);
});

/** The words for which agentctl prints neither a help nor the command that does the same. */
async function unheard(home: Home, words: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const word of words) {
    const { code, stderr } = await home.cli(word, "--help");
    if (code !== 0 && !stderr.includes("does the same here")) found.push(word);
  }
  return found;
}
