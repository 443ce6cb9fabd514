import { expect } from "vitest";
import { isAlive, it, signalTo, until } from "../harness/index.ts";
import { history, meanwhile, noted, notes, oneSlot, open, pidOf, running, ticking } from "./story.ts";

/** A command that starts a program in its own session and leaves it behind: an orphan that no process group reaches. */
const orphan = (program: string, env = "process.env") =>
  `node -e '
require("node:child_process").spawn("sh", ["-c", ${JSON.stringify(program)}],
  { detached: true, stdio: "ignore", env: ${env} }).unref()'`;

const strayTicking = "echo $$ > stray; while :; do echo tick >> strays; sleep 0.02; done";

it("freezes a program with its orphan, and continues it with the same pid to its own exit code", async ({
  home,
}) => {
  const id = await home.run(home.script(`${orphan(strayTicking)}\n${ticking}`));
  await noted(home, 5, "strays");
  await noted(home, 5, "ticks");
  const pid = await pidOf(home, id);
  expect((await home.json("pause", `${id}`)).task).toMatchObject({
    state: "suspended",
    pid,
    pause: { outcome: "frozen" },
  });
  const [ticks, strays] = [notes(home, "ticks"), notes(home, "strays")];
  await meanwhile(home);
  expect([notes(home, "ticks"), notes(home, "strays")]).toEqual([ticks, strays]);
  await home.cli("resume", `${id}`, "--wait");
  expect((await home.task(id)).pid).toBe(pid);
  await noted(home, strays.length + 5, "strays");
  open(home);
  expect((await home.cli("wait", `${id}`)).code).toBe(7);
  expect((await home.json("show", `${id}`)).attempts).toHaveLength(1);
});

it("stops every process of a frozen tree", async ({ home }) => {
  const id = await home.run(home.script(`${orphan(strayTicking)}\nsleep 60 & ${ticking}`));
  await noted(home, 5, "strays");
  await home.cli("pause", `${id}`);
  const tree = ["script", "strays", "sleep 60"].flatMap((what) => running(home, what));
  expect(tree.length).toBeGreaterThanOrEqual(3);
  expect(tree.filter(({ state }) => !state.startsWith("T"))).toEqual([]);
});

it("reports how much memory a frozen task keeps", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  const { stdout, stderr } = await home.cli("pause", `${id}`);
  expect(stdout).toBe(`task ${id} paused (frozen)\n`);
  expect(stderr).toMatch(/[\d.]+ [KMG]iB of memory/);
});

it("continues a frozen task, asks it to save and ends it with pause --mode checkpoint", async ({ home }) => {
  const id = await home.run(
    home.script(`trap 'echo last | agentctl checkpoint save; exit 75' TERM; ${ticking}`),
  );
  await noted(home, 5, "ticks");
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`, "--mode", "freeze");
  const { changed, task } = await home.json("pause", `${id}`, "--mode", "checkpoint");
  expect(changed).toBe(true);
  expect(task).toMatchObject({
    state: "suspended",
    pid: null,
    pause: { mode: "checkpoint", outcome: "cooperative" },
  });
  expect(isAlive(pid)).toBe(false);
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("last\n");
  expect(await history(home, id)).toEqual(["submitted", "working", "suspended", "suspended"]);
  const { stdout } = await home.cli("show", `${id}`);
  const [line = ""] = stdout.split("\nTime line\n")[1]?.split("\n\n") ?? [];
  expect(line.split("\n").filter((entry) => entry.includes("paused"))).toEqual([
    expect.stringMatching(/paused by .* {2}frozen$/),
    expect.stringMatching(/paused by .* {2}cooperative$/),
  ]);
});

it("keeps a pause's end, reason and selector if a second pause does not name them", async ({ home }) => {
  const script = home.script(`trap 'exit 75' TERM; ${ticking}`);
  const run = () => home.run("--pause-mode", "checkpoint", script);
  const [alone, one, other] = [await run(), await run(), await run()];
  await home.cli("queue", "set", "default", "--slots", "3");
  for (const id of [alone, one, other]) await home.reaches(id, "working");
  const lunch = await home.cli("pause", `${alone}`, "--mode", "freeze", "--until", "1h", "--reason", "lunch");
  expect(lunch.stderr).toMatch(/^ {2}it resumes at .+, in (1h|59m.*)$/m);
  const { until: end } = (await home.task(alone)).pause;
  await home.cli("pause", "--all", "--mode", "freeze", "--reason", "night");
  await home.cli("pause", `${one}`, "--mode", "checkpoint");
  const pressed = await home.json("pause", "--all", "--mode", "checkpoint");
  expect(pressed.map(({ id, changed }: { id: number; changed: boolean }) => [id, changed])).toEqual([
    [alone, true],
    [other, true],
  ]);
  expect((await home.task(alone)).pause).toMatchObject({
    until: end,
    reason: "lunch",
    outcome: "cooperative",
  });
  expect((await home.task(one)).pause).toMatchObject({ reason: "night", outcome: "cooperative" });
  await home.cli("resume", "--all", "--wait");
  for (const id of [one, other]) expect(await home.reaches(id, "working")).toMatchObject({ attempt: 2 });
  expect((await home.task(alone)).state).toBe("suspended");
});

it("reports what pause --mode checkpoint waits for at a frozen task", async ({ home }) => {
  const id = await home.run(home.script(`trap '' TERM; ${ticking}`));
  await home.reaches(id, "working");
  await noted(home, 1, "ticks");
  await home.cli("pause", `${id}`, "--mode", "freeze");
  const { stderr } = await home.cli("pause", `${id}`, "--mode", "checkpoint", "--grace", "1s");
  expect(stderr).toContain(`pausing task ${id}: waiting for it to save a checkpoint and end`);
});

it("keeps a frozen task suspended as lost if its process is killed, and suggests --from-start", async ({
  home,
}) => {
  const id = await home.run("sleep", "60");
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`);
  signalTo(pid, "SIGKILL");
  await until(async () => (await home.task(id)).pause.cause === "lost");
  const { code, stderr } = await home.cli("resume", `${id}`);
  expect(code).toBe(3);
  expect(stderr).toContain(`agentctl resume ${id} --from-start`);
  expect(await home.task(id)).toMatchObject({ state: "suspended", pid: null });
});

it("continues from the last checkpoint if a frozen process was killed", async ({ home }) => {
  const id = await home.run(
    home.script(`echo "$AGENTCTL_ATTEMPT $(cat $AGENTCTL_CHECKPOINT)" >> notes
    [ $AGENTCTL_ATTEMPT = 2 ] && exit 0
    echo half | agentctl checkpoint save; ${ticking}`),
  );
  await noted(home, 1, "ticks");
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`, "--mode", "freeze");
  signalTo(pid, "SIGKILL");
  await until(async () => (await home.task(id)).pause.cause === "lost");
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(["1 ", "2 half"]);
});

it("starts the next task in the slot of a frozen one, which waits for a slot after its resume", async ({
  home,
}) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sh", "-c", ticking);
  const second = await home.run("--queue", queue, "sleep", "60");
  await noted(home, 5, "ticks");
  await home.cli("pause", `${first}`);
  await home.reaches(second, "working");
  expect((await home.json("resume", `${first}`)).task.state).toBe("resumed");
  const ticks = notes(home, "ticks");
  await meanwhile(home);
  expect(await home.task(first)).toMatchObject({ state: "resumed", waiting: { for: "slot" } });
  expect(notes(home, "ticks")).toEqual(ticks);
  await home.cli("cancel", `${second}`, "--grace", "0s");
  await noted(home, ticks.length + 5, "ticks");
});

it("counts paused time neither in runMs nor for --timeout", async ({ home }) => {
  const id = await home.run("--timeout", "8s", "sh", "-c", ticking);
  await noted(home, 2, "ticks");
  await home.cli("pause", `${id}`);
  await meanwhile(home, 8.1);
  await home.cli("resume", `${id}`);
  await noted(home, notes(home, "ticks").length + 5, "ticks");
  open(home);
  expect((await home.cli("wait", `${id}`)).code).toBe(7);
  const { runMs, pausedMs, error } = await home.task(id);
  expect(error.name).not.toBe("TimedOut");
  expect(runMs).toBeLessThan(8_000);
  expect(pausedMs).toBeGreaterThan(8_000);
});

it("kills the rest of the tree when its attempt ends, but not detached programs", async ({ home }) => {
  const bare = orphan("echo $$ > bare; exec sleep 61", "{ ...process.env, AGENTCTL_TOKEN: undefined }");
  const server = "agentctl detach -- sh -c 'echo $$ > server; exec sleep 61'";
  const id = await home.run(
    home.script(
      `${orphan(strayTicking)}\n${bare}\n${server} > printed\nuntil [ -e go ]; do sleep 0.02; done`,
    ),
  );
  for (const file of ["stray", "bare", "server"]) await noted(home, 1, file);
  const pidIn = (file: string) => Number(notes(home, file)[0]);
  expect(pidIn("printed")).toBe(pidIn("server"));
  await home.cli("pause", `${id}`);
  expect(running(home, "sleep 61").map(({ pid, state }) => [pid, state[0]])).toEqual(
    expect.arrayContaining([
      [pidIn("server"), "S"],
      [pidIn("bare"), "T"],
    ]),
  );
  await home.cli("resume", `${id}`, "--wait");
  open(home);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(["server", "bare", "stray"].map((file) => isAlive(pidIn(file)))).toEqual([true, false, false]);
  signalTo(pidIn("server"), "SIGKILL");
});

it("stops a frozen task again if somebody continues it, by itself and on a second pause", async ({
  home,
}) => {
  const id = await home.run(home.script(`sleep 60 & ${ticking}`));
  await noted(home, 1, "ticks");
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`);
  const isStopped = () => running(home, "script").every(({ state }) => state.startsWith("T"));
  signalTo(pid, "SIGCONT");
  expect((await home.json("pause", `${id}`)).changed).toBe(false);
  expect(isStopped()).toBe(true);
  signalTo(pid, "SIGCONT");
  await until(isStopped);
  expect((await home.cli("daemon", "logs")).stdout).toContain("continued from outside");
});
