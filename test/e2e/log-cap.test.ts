import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, isShared, it, residentBytes, until } from "../harness/index.ts";
import { noted, open } from "./story.ts";

const KIB = 1024;
const CAP = 256 * KIB;

/** Writes numbered lines of 100 bytes, one megabyte at a time, with a note after each megabyte. */
const numbered = (megabytes: number) =>
  `n=0; while [ $n -lt ${megabytes} ]; do seq -f "line %094.0f" $((n * 10000 + 1)) $((n * 10000 + 10000)); n=$((n + 1)); echo $n >> notes; [ $n -ne ${megabytes - 1} ] || while [ ! -e go ]; do sleep 0.05; done; done`;

const log = (home: Home, id: number) => join(home.dir, `logs/${id}/1.log`);

/** The faults of a capped log, which must have a marker with the dropped bytes, then all lines up to the last. */
function faults(text: string, last: number): string[] {
  const [marker = "", ...lines] = text.trimEnd().split("\n");
  const dropped = Number(/^\[agentctl: (\d+) bytes of older output dropped\] *$/.exec(marker)?.[1]);
  const numbers = lines.filter((line) => line.length === 99).map((line) => Number(line.slice(5)));
  const wrong: string[] = [];
  if (!(dropped > 0)) wrong.push(`no marker: ${marker.slice(0, 80)}`);
  if (numbers.at(-1) !== last) wrong.push(`ends with ${numbers.at(-1)}, not ${last}`);
  if (numbers.some((n, at) => at > 0 && n !== (numbers[at - 1] as number) + 1)) wrong.push("has a gap");
  if (dropped + text.length - marker.length - 1 !== last * 100)
    wrong.push(`${dropped} and ${text.length} are not ${last * 100}`);
  return wrong;
}

it("keeps the newest bytes of a log below its cap, with a marker, during and after the task", async ({
  home,
}) => {
  await home.cli("config", "set", "log.maxBytes", "256KiB");
  const id = await home.run("sh", "-c", numbered(4));
  await noted(home, 3);
  await until(() => statSync(log(home, id)).size <= CAP, { message: "a log below its cap" });
  open(home);
  await home.reaches(id, "completed");
  await until(() => statSync(log(home, id)).size <= CAP, {
    message: "a log below its cap, at once after the end",
  });
  // The daemon writes the marker shortly after the cut.
  const wrong = () => faults(readFileSync(log(home, id), "latin1"), 40_000);
  await until(() => wrong().length === 0).catch(() => undefined);
  expect(wrong()).toEqual([]);
  const shown = await home.cli("logs", `${id}`);
  expect(faults(shown.stdout, 40_000)).toEqual([]);
  expect((await home.cli("logs", `${id}`, "-n", "2")).stdout).toBe(
    `line ${"39999".padStart(94, "0")}\nline ${"40000".padStart(94, "0")}\n`,
  );
});

it("follows a log to its end while it is being shortened", async ({ home }) => {
  await home.cli("config", "set", "log.maxBytes", "256KiB");
  const id = await home.run("sh", "-c", numbered(4));
  const following = home.spawn("logs", "-f", `${id}`);
  await noted(home, 3);
  await until(() => statSync(log(home, id)).size <= CAP, { message: "a log below its cap" });
  open(home);
  const { code } = await following.ended;
  expect(code).toBe(0);
  expect(following.stdout.trimEnd().split("\n").at(-1)).toBe(`line ${"40000".padStart(94, "0")}`);
});

it("drops the logs of earlier attempts before bytes of the newest", async ({ home }) => {
  await home.cli("config", "set", "log.maxBytes", "256KiB");
  const write = "head -c 150000 /dev/zero | tr '\\0' 'a'; echo $AGENTCTL_ATTEMPT; exit 1";
  const id = await home.run("--retries", "2", "--backoff", "1ms", "sh", "-c", write);
  await home.reaches(id, "failed");
  await until(() => readdirSync(join(home.dir, `logs/${id}`)).join() === "3.log", {
    message: "the newest log alone",
  });
  expect((await home.cli("logs", `${id}`)).stdout.endsWith("a3\n")).toBe(true);
});

it("keeps the daemon's memory nearly constant while a task prints a gigabyte", { timeout: 120_000 }, async ({
  home,
}) => {
  await home.cli("run", "--wait", "true");
  const pid = (await home.daemonPid()) as number;
  const before = residentBytes(pid);
  const id = await home.run("sh", "-c", "head -c 1000000000 /dev/zero; echo end");
  let most = 0;
  await until(
    async () => {
      most = Math.max(most, residentBytes(pid));
      return (await home.task(id)).state === "completed";
    },
    { deadlineMs: 90_000, everyMs: 100, message: "the end of a gigabyte" },
  );
  await until(() => statSync(log(home, id)).size <= 256 * KIB * KIB, {
    deadlineMs: 20_000,
    message: "a capped log",
  });
  expect((await home.cli("logs", `${id}`, "-n", "1")).stdout.endsWith("end\n")).toBe(true);
  process.stderr.write(`log-cap: the daemon grew by ${Math.round((most - before) / KIB)} KiB\n`);
  // What the PostgreSQL driver reads stays in memory as garbage for a while.
  expect(most - before).toBeLessThan((isShared(home) ? 16 : 5) * KIB * KIB);
});
