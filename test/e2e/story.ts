/** What the tests of this folder share: small modules and programs, and functions that read what these leave. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { type Home, type LiveProcess, processes, until } from "../harness/index.ts";

/** A task module with this body. `note` adds a line to the file `notes`; `gate` waits until the named file exists. */
export function taskModule(body: string): string {
  return `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { defineTask } from "agentctl";
const note = (line: unknown) => appendFileSync("notes", line + "\\n");
const gate = async (name: string) => { while (!existsSync(name)) await delay(5); };
export default defineTask<any, any, any>(async (task, input) => {
${body}
});
`;
}

/** Twelve steps, each a line in `notes`. The step that the input names waits for the file `go`. */
export const twelveSteps = taskModule(`
  for (let n = 1; n <= 12; n++)
    await task.step("step " + n, async () => {
      note(n);
      if (n === input) await gate("go");
    });
  return "done";
`);

/** A program that adds lines to `ticks` until the file `go` exists, and exits with 7. */
export const ticking = "while [ ! -e go ]; do echo tick >> ticks; sleep 0.02; done; exit 7";

/** "1" to "n", as the steps note them. */
export function upTo(n: number): string[] {
  return Array.from({ length: n }, (_, at) => `${at + 1}`);
}

/** The lines of a file; none if there is no file. */
export function notes(home: Home, file = "notes"): string[] {
  const path = home.file(file);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

/** Waits until the file has `count` lines. */
export async function noted(home: Home, count: number, file = "notes"): Promise<void> {
  await until(() => notes(home, file).length >= count, { message: `${count} lines in ${file}` });
}

/** Creates the file for which a `gate` waits. */
export function open(home: Home, name = "go"): void {
  writeFileSync(home.file(name), "");
}

/** The states of the task in order, up to the current one. */
export async function history(home: Home, id: number): Promise<string[]> {
  const { events } = await home.json("show", `${id}`);
  return events.flatMap(({ to }: { to: string | null }) => to ?? []);
}

/** Waits for the pid of the task's program, and returns it. */
export async function pidOf(home: Home, id: number): Promise<number> {
  return await until(async () => (await home.task(id)).pid as number | null, { message: `the pid of ${id}` });
}

/** Runs another task from its start to its end. That gives time for what should not happen. */
export async function meanwhile(home: Home, seconds = 0.3): Promise<void> {
  await home.cli("queue", "set", "meanwhile", "--slots", "1");
  const { code } = await home.cli("run", "--wait", "--queue", "meanwhile", "sleep", `${seconds}`);
  expect(code).toBe(0);
}

/** The processes of this home whose command line contains the text. */
export function running(home: Home, what: string): LiveProcess[] {
  return processes(home.root).filter(({ command }) => command.includes(what));
}

/** Makes a queue with one slot, and returns its name. */
export async function oneSlot(home: Home): Promise<string> {
  await home.cli("queue", "set", "one", "--slots", "1");
  return "one";
}

/** What a command for several tasks returns for each of them with `--json`. */
export interface Answer {
  ok: boolean;
  changed: boolean;
  error?: { name: string };
}

/** Saves 1, 2 and 3, each after its own step, and waits for the file `go` in step 4. */
export const saver = taskModule(`
  note("from " + task.checkpoint);
  for (let n = (task.checkpoint ?? 0) + 1; n <= 4; n++) {
    await task.step("work", () => { note(n); return n === 4 ? gate("go") : undefined; });
    if (n < 4) await task.save(n);
  }
`);

/** Returns a task that was paused with the checkpoints 1, 2 and 3, and killed in its fourth step. */
export async function pausedSaver(home: Home): Promise<number> {
  const id = await home.run(home.module(saver));
  await noted(home, 5);
  await home.cli("pause", `${id}`, "--grace", "0s");
  return id;
}

/** Whether the process has a socket open, as a client that waits for the daemon has. For Linux only. */
export function waitsForAnswer(pid: number): boolean {
  const beyondStdio = readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) > 2);
  return beyondStdio.some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
    } catch {
      return false;
    }
  });
}

/** Starts a program. Returns its id, and the token with which it would send requests on the socket. */
export async function speaker(home: Home): Promise<{ id: number; token: string }> {
  const id = await home.run("sh", "-c", "echo $AGENTCTL_TOKEN >> notes; exec sleep 60");
  await noted(home, 1);
  return { id, token: notes(home)[0] as string };
}

/** A task of 1 MiB on the wire: sixteen of them fill a message. The kernel takes no argument of 128 KiB or more. */
export const oneMebibyte = {
  argv: ["true", ...Array.from({ length: 8 }, () => "ü".repeat(62_500))],
  held: true,
};
