/** The empty folders of a task that ended may become those of the next queued task. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { expect } from "vitest";
import { type Home, it, until } from "../harness/index.ts";
import { oneSlot } from "./story.ts";

const logOf = (home: Home, id: number) => `${home.dir}/logs/${id}/1.log`;

/** Runs these one after the other; answers their ids. */
async function inLine(home: Home, ...programs: string[][]): Promise<number[]> {
  const queue = await oneSlot(home);
  const input = programs.map((argv) => `${JSON.stringify({ argv, queue })}\n`).join("");
  const { stdout } = await home.cli("batch", "-", { input });
  const ids = stdout.trim().split("\n").map(Number);
  await home.cli("wait", ...ids.map(String));
  return ids;
}

const repeated = (count: number, ...argv: string[]) => Array.from({ length: count }, () => argv);

it("what each task prints and keeps is its own, whatever the folders were before", async ({ home }) => {
  const script =
    'cat "$AGENTCTL_TASK_DIR"/* 2>/dev/null; pwd; echo "$AGENTCTL_TASK_ID" | tee "$AGENTCTL_TASK_DIR/own"';
  const quiet = repeated(30, "true");
  const ids = await inLine(home, ...quiet, ["sh", "-c", script], ...quiet, ["sh", "-c", script], ["true"]);
  for (const id of [ids[30] as number, ids[61] as number]) {
    expect(readFileSync(logOf(home, id), "utf8")).toBe(`${home.work}\n${id}\n`);
    expect(readFileSync(`${home.dir}/tasks/${id}/own`, "utf8")).toBe(`${id}\n`);
    expect(statSync(logOf(home, id)).mode & 0o777).toBe(0o600);
    expect(statSync(`${home.dir}/tasks/${id}`).mode & 0o777).toBe(0o700);
  }
  // Of tasks that left nothing there is less on the disk than there were tasks, and their logs are empty all the same.
  expect(readdirSync(`${home.dir}/logs`).length).toBeLessThan(60);
  for (const id of ids.slice(0, 5)) {
    const { code, stdout } = await home.cli("logs", `${id}`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  }
  expect(await home.cli("doctor")).toMatchObject({ code: 0 });
  expect((await home.cli("delete", "--all")).code).toBe(0);
  expect([readdirSync(`${home.dir}/logs`), readdirSync(`${home.dir}/tasks`)]).toEqual([[], []]);
});

it("a program that left a process behind keeps its folders, also where that left the tree", async ({
  home,
}) => {
  const server =
    "agentctl detach -- sh -c ': >left; sleep 2; echo late > \"$AGENTCTL_TASK_DIR/late\"; echo late' & until [ -e left ]; do sleep 0.01; done";
  const quiet = repeated(10, "true");
  const ids = await inLine(home, ...quiet, ["sh", "-c", server], ...quiet);
  const first = ids[10] as number;
  const others = ids.filter((id) => id !== first);
  await until(() => /^\d+\nlate\n$/.test(readFileSync(logOf(home, first), "utf8")), {
    message: "what was left behind writes",
  });
  expect(existsSync(`${home.dir}/tasks/${first}/late`)).toBe(true);
  for (const id of others) if (existsSync(logOf(home, id))) expect(statSync(logOf(home, id)).size).toBe(0);
});
