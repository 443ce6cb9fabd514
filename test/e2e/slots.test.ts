import { expect } from "vitest";
import { type Home, it, needsOwnStore } from "../harness/index.ts";
import { meanwhile, noted, notes, open, taskModule } from "./story.ts";

async function queueOf(home: Home, name: string, ...options: string[]): Promise<string> {
  expect((await home.cli("queue", "set", name, ...options)).code).toBe(0);
  return name;
}

async function working(home: Home): Promise<number[]> {
  const tasks = await home.json("list", "--state", "working");
  return tasks.map(({ id }: { id: number }) => id);
}

it("gives a task several slots, and keeps later tasks waiting until then", async ({ home }) => {
  const queue = await queueOf(home, "wide", "--slots", "2");
  const first = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(first, "working");
  const wide = await home.run("--queue", queue, "--slots", "2", "sleep", "60");
  const small = await home.run("--queue", queue, "sleep", "60");
  await meanwhile(home);
  expect(await home.task(wide)).toMatchObject({
    state: "submitted",
    slots: 2,
    waiting: { for: "slots", on: queue },
  });
  expect((await home.task(small)).state).toBe("submitted");
  expect((await home.cli("show", `${wide}`)).stdout).toContain(`waits for 2 slots at once in queue ${queue}`);
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await home.reaches(wide, "working");
  expect(
    (await home.json("queue", "list")).find(({ name }: { name: string }) => name === queue),
  ).toMatchObject({
    slots: 2,
    used: 2,
    working: 1,
    waiting: 1,
  });
  const refused = await home.cli("run", "--queue", queue, "--slots", "3", "true");
  expect([refused.code, refused.stdout]).toEqual([2, ""]);
  expect(refused.stderr).toContain(`agentctl queue set ${queue} --slots 3`);
  // The task was submitted while the queue was larger. It blocks no other task, and show says why it waits.
  await home.cli("cancel", `${wide}`, "--grace", "0s");
  await queueOf(home, queue, "--slots", "unlimited");
  await home.reaches(small, "working");
  await home.cli("queue", "hold", queue);
  const lost = await home.run("--queue", queue, "--slots", "5", "true");
  await queueOf(home, queue, "--slots", "2");
  await home.cli("queue", "release", queue);
  const last = await home.run("--queue", queue, "true");
  await home.reaches(last, "completed");
  expect((await home.task(lost)).waiting).toEqual({ for: "slots", on: queue, until: null });
  const shown = (await home.cli("show", `${lost}`)).stdout;
  expect(shown).toContain(
    `  needs 5 slots, and queue ${queue} has 2\n  agentctl queue set ${queue} --slots 5\n`,
  );
});

it("says of a task in a queue without slots that the queue has none", async ({ home }) => {
  const queue = await queueOf(home, "closed", "--slots", "0");
  const shown = (await home.cli("show", `${await home.run("--queue", queue, "true")}`)).stdout;
  expect(shown).toContain(
    `  needs 1 slot, and queue ${queue} has 0\n  agentctl queue set ${queue} --slots 1\n`,
  );
});

it("limits the slots of all queues together, by priority across queues", async ({ home }) => {
  needsOwnStore(home, "another machine may have more slots");
  expect((await home.cli("config", "set", "slots.max", "1")).code).toBe(0);
  const other = await queueOf(home, "other", "--slots", "4");
  const first = await home.run("sleep", "60");
  await home.reaches(first, "working");
  const low = await home.run("sleep", "60");
  const high = await home.run("--queue", other, "--priority", "5", "sleep", "60");
  expect((await home.task(high)).waiting).toEqual({ for: "slots", on: "slots.max", until: null });
  expect((await home.cli("show", `${low}`)).stdout).toContain("agentctl config set slots.max <n>");
  expect((await home.cli("run", "--slots", "2", "true")).stderr).toContain("agentctl config set slots.max 2");
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await home.reaches(high, "working");
  expect(await working(home)).toEqual([high]);
  await home.cli("config", "set", "slots.max", "unlimited");
  await home.reaches(low, "working");
});

it("numbers the slots of a queue, and makes a frozen task wait for its own slot", async ({ home }) => {
  const queue = await queueOf(home, "gpu", "--slots", "3", "--numbered", "on");
  const slot = 'echo "$1 $AGENTCTL_SLOT" >> notes; exec sleep 60';
  const run = (name: string, ...options: string[]) =>
    home.run("--queue", queue, ...options, "sh", "-c", slot, "sh", name);
  const a = await run("a");
  await noted(home, 1);
  const b = await run("b", "--slots", "2");
  await noted(home, 2);
  expect(notes(home)).toEqual(["a 0", "b 1,2"]);
  expect((await home.task(b)).slotNumbers).toEqual([1, 2]);
  expect((await home.cli("pause", `${a}`)).code).toBe(0);
  const c = await run("c");
  await noted(home, 3);
  await home.cli("cancel", `${b}`, "--grace", "0s");
  await home.cli("resume", `${a}`);
  await meanwhile(home);
  expect([notes(home)[2], (await home.task(a)).state]).toEqual(["c 0", "resumed"]);
  expect((await home.cli("show", `${a}`)).stdout).toContain(`waits for its own slot 0 of queue ${queue}`);
  await home.cli("cancel", `${c}`, "--grace", "0s");
  await home.reaches(a, "working");
  expect((await home.task(a)).slotNumbers).toEqual([0]);
});

/** Brief steps, each a line in `notes`, until the file `end` exists. */
const ticking = taskModule(`
  for (let n = 0; !existsSync("end"); n++) await task.step("tick " + n, async () => { note(n); await delay(20); });
`);

it("preempts a task of lower priority at its checkpoint, and resumes it later", async ({ home }) => {
  const queue = await queueOf(home, "ml", "--slots", "1", "--preempt", "on");
  const low = await home.run("--queue", queue, home.module(ticking));
  await noted(home, 2);
  const equal = await home.run("--queue", queue, "true");
  const waits = "until [ -e done ]; do sleep 0.05; done";
  const high = await home.run("--queue", queue, "--priority", "5", "sh", "-c", waits);
  await home.reaches(high, "working");
  expect(await home.task(low)).toMatchObject({
    state: "suspended",
    pause: { cause: "preempted", reason: `task ${high} has a higher priority` },
    waiting: { for: "slot", on: queue },
  });
  expect((await home.cli("show", `${low}`)).stdout).toContain("paused for a task of higher priority");
  // Even a higher priority does not pause a task that cannot be paused by checkpoint.
  const highest = await home.run("--queue", queue, "--priority", "9", "true");
  await meanwhile(home);
  expect((await home.task(highest)).state).toBe("submitted");
  open(home, "done");
  await home.reaches(low, "working");
  expect([(await home.task(highest)).state, (await home.task(equal)).state]).toEqual([
    "completed",
    "submitted",
  ]);
  open(home, "end");
  await home.reaches(equal, "completed");
});

it("keeps a preempted task suspended after a user has paused it", async ({ home }) => {
  const queue = await queueOf(home, "ml", "--slots", "1", "--preempt", "on");
  const low = await home.run("--queue", queue, home.module(ticking));
  await noted(home, 2);
  const high = await home.run("--queue", queue, "--priority", "5", "sleep", "60");
  await home.reaches(high, "working");
  expect((await home.cli("pause", `${low}`, "--reason", "mine")).code).toBe(0);
  await home.cli("cancel", `${high}`, "--grace", "0s");
  await home.reaches(await home.run("--queue", queue, "true"), "completed");
  expect(await home.task(low)).toMatchObject({
    state: "suspended",
    pause: { cause: "user", reason: "mine" },
    waiting: null,
  });
});

it("pauses a task when memory runs out, starts nothing meanwhile, and continues with free memory", async ({
  home,
}) => {
  const low = await home.run(home.module(ticking));
  await noted(home, 2);
  expect((await home.cli("config", "set", "memory.reserve", "lots")).stderr).toContain("such as 10%");
  expect((await home.cli("config", "set", "memory.reserve", "100%")).code).toBe(0);
  await home.reaches(low, "suspended");
  const other = await home.run("true");
  await meanwhileHeld(home);
  expect([await home.task(low), await home.task(other)]).toMatchObject([
    { state: "suspended", pause: { cause: "limit" }, waiting: { for: "memory" } },
    { state: "submitted", waiting: { for: "memory" } },
  ]);
  await home.cli("config", "set", "memory.reserve", "off");
  await home.reaches(other, "completed");
  open(home, "end");
  await home.reaches(low, "completed");
});

/** Holds and releases a task. That gives time for what should not happen while nothing may start. */
async function meanwhileHeld(home: Home): Promise<void> {
  const id = await home.run("--hold", "true");
  await home.cli("release", `${id}`);
}
