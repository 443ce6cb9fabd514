import { existsSync, readFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { isAlive, processes, signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";
import { it, type Room } from "./fixture.ts";

/** A child in its own session, whose parent has ended. It appends lines to the file `beats`. */
const orphan = `(setsid sh -c 'while :; do echo >> beats; sleep 0.02; done' &)`;

describe("freezing", () => {
  it("stops the whole tree until it is thawed, including processes that left the session", async ({
    room,
  }) => {
    const running = await room.ready(
      `${orphan}; sleep 60 & : > ready; while :; do echo >> own; sleep 0.02; done`,
    );
    const pid = (await running.started).pid;
    await until(() => room.appears("beats"));
    const frozen = await room.runner.freeze(running);
    expect(room.states()).toEqual(["T"]);
    expect(frozen.processes).toBe(room.commands().length);
    expect(frozen.residentBytes).toBeGreaterThan(500_000);
    const before = [await room.appears("beats"), await room.appears("own")];
    expect(room.runner.tree(running).every(({ state }) => state === "T")).toBe(true);
    expect([await room.appears("beats"), await room.appears("own")]).toEqual(before);
    room.runner.thaw(running);
    await until(
      async () => (await room.appears("beats")) !== before[0] && (await room.appears("own")) !== before[1],
    );
    expect(running.program?.pid).toBe(pid);
    await room.runner.terminate(running, { graceMs: 1000 });
  });

  it("stops a tree that forks without end", async ({ room }) => {
    const hop = `hop() { (sleep 0.001; hop) & }`;
    const running = await room.ready(
      `${hop}; hop; hop; (while :; do setsid sleep 0.05 & sleep 0.002; done) & : > ready; while :; do /bin/true; done`,
    );
    for (let round = 0; round < 4; round++) {
      await room.runner.freeze(running);
      const before = processes(room.dir).map(({ pid }) => pid);
      await new Promise((resolve) => setImmediate(resolve));
      expect(processes(room.dir).map(({ pid }) => pid)).toEqual(before);
      room.runner.thaw(running);
    }
    await room.runner.terminate(running, { graceMs: 0 });
    expect(room.runner.tree(running)).toEqual([]);
    // On a busy machine, a pass over a tree that forks so fast takes long.
  }, 30_000);

  it("counts a program that is killed meanwhile as gone, even though its guard is stopped", async ({
    room,
  }) => {
    const running = await room.ready(": > ready; exec sleep 60");
    await room.runner.freeze(running);
    expect(room.runner.isGone(running)).toBe(false);
    signalTo(running.program?.pid ?? 0, "SIGKILL");
    await until(() => room.runner.isGone(running));
    room.runner.thaw(running);
    expect((await running.ended).signal).toBe("SIGKILL");
  });

  it("finds descendants that cleared their environment", async ({ room }) => {
    const running = await room.ready(`env -i ROOM="$ROOM" sleep 60 & : > ready; wait`);
    await until(() => room.commands().includes("sleep 60"));
    await room.runner.freeze(running);
    expect(room.states()).toEqual(["T"]);
    const members = room.runner.tree(running).map(({ command, isGuard }) => [command, isGuard]);
    expect(members.sort()).toEqual(
      [
        ["sh", false],
        ["sh", true],
        ["sleep", false],
      ].sort(),
    );
    await room.runner.terminate(running, { graceMs: 1000 });
  });
});

describe("terminating", () => {
  it("lets a program end in its own way within the grace time", async ({ room }) => {
    const running = await room.ready(
      `trap 'echo bye > bye; exit 3' TERM; : > ready; while :; do sleep 0.05; done`,
    );
    await room.runner.terminate(running, { graceMs: 10_000 });
    expect((await running.ended).exitCode).toBe(3);
    expect(await room.appears("bye")).toBe("bye\n");
  });

  it("kills a tree that ignores SIGTERM, including processes that left the session", async ({ room }) => {
    const deaf = `trap '' TERM HUP; (setsid sleep 60 &); env -i ROOM="$ROOM" sleep 60 & : > ready; while :; do sleep 60; done`;
    const running = await room.ready(deaf);
    await until(() => room.commands().filter((command) => command === "sleep 60").length === 3);
    await room.runner.terminate(running, { graceMs: 50 });
    expect(room.commands()).toEqual([]);
    expect(await running.ended).toMatchObject({ exitCode: 137, signal: "SIGKILL", lost: false });
  });

  it("does not wait for the grace time once it is cut short", async ({ room }) => {
    const running = await room.ready(`trap '' TERM; : > ready; while :; do sleep 60; done`);
    const cut = new AbortController();
    const terminated = room.runner.terminate(running, { graceMs: 600_000, cut: cut.signal });
    cut.abort();
    await terminated;
    expect((await running.ended).signal).toBe("SIGKILL");
  });

  it("thaws a frozen tree so that it can react", async ({ room }) => {
    const running = await room.ready(`trap 'exit 4' TERM; : > ready; while :; do sleep 0.05; done`);
    await room.runner.freeze(running);
    await room.runner.terminate(running, { graceMs: 10_000 });
    expect((await running.ended).exitCode).toBe(4);
  });

  it("a tree that is gone does nothing", async ({ room }) => {
    const running = room.launch(["true"]);
    await running.ended;
    await room.runner.terminate(running, { graceMs: 1000 });
    // The keeper of its output ends shortly after it has reported the end.
    await until(() => room.runner.tree(running).length === 0, { message: "an empty tree" });
  });
});

describe("sweeping", () => {
  it("ends the processes that a program left behind, with SIGTERM first", async ({ room }) => {
    const polite = `(setsid sh -c "trap 'echo bye > bye; exit' TERM; : > polite; while :; do sleep 0.05; done" &)`;
    const deaf = `(setsid sh -c "trap '' TERM; : > deaf; while :; do sleep 60; done" &)`;
    const wait = "while ! [ -e polite -a -e deaf ]; do sleep 0.01; done";
    const running = await room.ready(`${polite}; ${deaf}; ${wait}; : > ready; exit 5`);
    expect((await running.ended).exitCode).toBe(5);
    await room.runner.sweep(running, { graceMs: 300 });
    expect(await room.appears("bye")).toBe("bye\n");
    expect(processes(room.dir)).toEqual([]);
  });

  it("leaves a detached orphan alone, and ends one that only dropped its token", async ({ room }) => {
    const own = `env -u AGENTCTL_TOKEN setsid sh -c 'echo $$ > own; exec sleep 60'`;
    const detach = "env -u AGENTCTL_TOKEN -u AGENTCTL_TREE AGENTCTL_DETACHED=$AGENTCTL_TREE";
    const server = `${detach} setsid sh -c 'echo $$ > server; exec sleep 60'`;
    const both = `(${own} & ${server} &); while ! [ -s own -a -s server ]; do sleep 0.01; done`;
    const running = await room.ready(`${both}; : > ready`);
    await running.ended;
    const [server_, own_] = [Number(await room.appears("server")), Number(await room.appears("own"))];
    await room.runner.sweep(running, { graceMs: 1000 });
    expect([isAlive(server_), isAlive(own_)]).toEqual([true, false]);
    signalTo(server_, "SIGKILL");
  });

  it("leaves other attempts alone", async ({ room }) => {
    const other = await room.ready(": > ready; exec sleep 60");
    const running = room.launch(["true"]);
    await running.ended;
    await room.runner.sweep(running, { graceMs: 0 });
    expect(isAlive((await other.started).pid)).toBe(true);
    await room.runner.terminate(other, { graceMs: 1000 });
  });
});

describe("ending a tree", () => {
  it.for([10_000, 0])(
    "with a grace of %d ms lets no shell continue to its next line",
    async (graceMs, { room }) => {
      const line = "sleep 60; echo RAN >> ran; sleep 1";
      const nested = `sh -c '${line}' & sh -c "sh -c '${line}'; echo RAN >> ran"; echo RAN >> ran`;
      for (let round = 0; round < 5; round++) {
        const running = room.launch(["sh", "-c", nested]);
        await running.started;
        await until(() => room.commands().filter((command) => command === "sleep 60").length === 2);
        await room.runner.terminate(running, { graceMs });
        expect(room.commands()).toEqual([]);
      }
      expect(existsSync(room.path("ran"))).toBe(false);
    },
  );

  it("ends a chain in which each process starts the next one and exits at once", async ({ room }) => {
    const chain = "import os, sys\nwhile True:\n  if os.fork(): os._exit(0)";
    const running = await room.ready(`python3 -c '${chain}' & : > ready; exec sleep 60`);
    await room.runner.terminate(running, { graceMs: 0 });
    expect(room.commands()).toEqual([]);
  });
});

describe("a tree includes", () => {
  const daemonized = (program: string) =>
    `import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n${program}`;
  const aliveIn = (room: Room) => Number(readFileSync(room.path("pid"), "utf8"));

  it("an orphan of its session that cleared its environment and redirected its output", async ({ room }) => {
    const running = await room.ready(
      "(env -i sh -c 'echo $$ > pid; exec sleep 60' > /dev/null 2>&1 &); while ! [ -s pid ]; do sleep 0.01; done; : > ready",
    );
    await running.ended;
    await room.runner.sweep(running, { graceMs: 1000 });
    expect(isAlive(aliveIn(room))).toBe(false);
  });

  it("a daemon that cleared its environment and still writes to the log", async ({ room }) => {
    const worker = daemonized(`os.execve("/bin/sh", ["sh", "-c", "echo $$ > pid; exec sleep 60"], {})`);
    const running = await room.ready(
      `python3 -c '${worker}'; while ! [ -s pid ]; do sleep 0.01; done; : > ready`,
    );
    await running.ended;
    await room.runner.sweep(running, { graceMs: 1000 });
    expect(isAlive(aliveIn(room))).toBe(false);
  });

  it("a daemon without any marker that was once seen as a descendant, even after a restart", async ({
    room,
  }) => {
    const spec = room.spec([
      "sh",
      "-c",
      `setsid sh -c "sleep 60 & wait" > /dev/null 2>&1 &
       setsid env -i sh -c "echo \\$\\$ > pid; while ! [ -e go ]; do sleep 0.05; done; exec sleep 60" > /dev/null 2>&1 &
       echo $! > parent; : > ready; exec sleep 60`,
    ]);
    const running = room.runner.launch(spec);
    await room.appears("ready");
    await until(() => existsSync(room.path(`${spec.key}.tree`)), { message: "a record of the tree" });
    signalTo((await running.started).pid, "SIGKILL");
    await running.ended;
    await room.another().sweep(spec, { graceMs: 1000 });
    expect(isAlive(aliveIn(room))).toBe(false);
  });
});

describe("a process of a frozen tree", () => {
  it("stays stopped after a thaw if the task itself had stopped it, even after a restart", async ({
    room,
  }) => {
    const spec = room.spec(["sh", "-c", "sleep 61 & kill -STOP $!; echo $! > pid; : > ready; exec sleep 60"]);
    const running = room.runner.launch(spec);
    await room.appears("ready");
    const program = await running.started;
    const child = Number(readFileSync(room.path("pid"), "utf8"));
    const stateOf = (pid: number) => processes(room.dir).find((one) => one.pid === pid)?.state;
    await until(() => stateOf(child) === "T");
    for (const runner of [room.runner, room.another()]) {
      await room.runner.freeze(running);
      expect([stateOf(program.pid), stateOf(child)]).toEqual(["T", "T"]);
      const found = await runner.adopt({ ...spec, program });
      const roots = found && "running" in found ? found.running : running;
      runner.thaw(roots);
      await until(() => stateOf(program.pid) !== "T");
      expect(stateOf(child)).toBe("T");
      room.runner.thaw(running);
    }
    await room.runner.terminate(running, { graceMs: 1000 });
  });

  it("is reported if somebody continues it while the tree is frozen", async ({ room }) => {
    const running = await room.ready("sleep 61 & : > ready; exec sleep 60");
    await room.runner.freeze(running);
    expect(room.runner.moving(running)).toEqual([]);
    const { pid } = await running.started;
    signalTo(pid, "SIGCONT");
    await until(() => room.runner.moving(running).length > 0);
    expect(room.runner.moving(running)).toEqual([pid]);
    await room.runner.freeze(running);
    expect(room.runner.moving(running)).toEqual([]);
    await room.runner.terminate(running, { graceMs: 1000 });
  });
});
