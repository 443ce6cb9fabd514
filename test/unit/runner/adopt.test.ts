import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { describe, expect } from "vitest";
import type { LaunchSpec, Running } from "../../../src/runner/index.ts";
import { isAlive, processes, signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";
import { it, type Room } from "./fixture.ts";

const endedAt = expect.any(Number);

/** Starts a process that launches one program as a daemon would. The test kills this process. */
async function launcher(room: Room, spec: LaunchSpec): Promise<ChildProcess> {
  const launch = `
    import { createRunner } from "./src/runner/index.ts";
    const spec = ${JSON.stringify(spec)};
    createRunner({ runDir: ${JSON.stringify(room.dir)}, clock: { now: () => Date.now() } }).launch(spec);
    setInterval(() => {}, 1000);`;
  const stdin = { contents: launch, resolveDir: process.cwd() };
  const outfile = room.path("launcher.mjs");
  const loader = { ".sh": "text" } as const;
  await build({ stdin, bundle: true, platform: "node", format: "esm", outfile, loader });
  return spawn(process.execPath, [outfile], { stdio: "ignore", env: { ROOM: room.dir } });
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function adopted(room: Room, record: Parameters<Room["runner"]["adopt"]>[0]): Promise<Running> {
  const found = await room.another().adopt(record);
  if (!found || !("running" in found)) throw new Error(`not running: ${JSON.stringify(found)}`);
  return found.running;
}

describe("after the launcher was killed", () => {
  it("a live program is adopted, and its end is known", async ({ room }) => {
    const spec = room.spec(["sh", "-c", "echo $$ > pid; while ! [ -e go ]; do sleep 0.02; done; exit 6"]);
    const child = await launcher(room, spec);
    const pid = Number(
      await until(() => existsSync(room.path("pid")) && readFileSync(room.path("pid"), "utf8")),
    );
    await killed(child);
    const running = await adopted(room, spec);
    expect((await running.started).pid).toBe(pid);
    expect(running.guard?.pid).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(true);
    writeFileSync(room.path("go"), "");
    expect(await running.ended).toEqual({ exitCode: 6, signal: null, endedAt, lost: false });
  });

  it("the exit code and end time of a program that ended unwatched are known", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; while ! [ -e go ]; do sleep 0.02; done; kill -USR1 $$"]);
    const child = await launcher(room, spec);
    await room.appears("ready");
    await killed(child);
    const before = Date.now();
    writeFileSync(room.path("go"), "");
    await until(() => readFileSync(room.path(`${spec.key}.run`), "utf8").includes("\n#ended "));
    const found = await until(async () => await room.another().adopt(spec));
    if (!("ended" in found)) throw new Error("still running");
    expect(found.ended).toEqual({ exitCode: 138, signal: "SIGUSR1", endedAt, lost: false });
    expect(found.ended.endedAt).toBeGreaterThanOrEqual(before - 20);
    expect(found.ended.endedAt).toBeLessThanOrEqual(Date.now());
  });
});

describe("while the guard lives", () => {
  it("a program that has ended is not lost, and the runner waits for its status", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; while ! [ -e go ]; do sleep 0.02; done; exit 137"]);
    const first = room.runner.launch(spec);
    await room.appears("ready");
    const { pid } = await first.started;
    const guard = first.guard?.pid ?? 0;
    signalTo(guard, "SIGSTOP");
    writeFileSync(room.path("go"), "");
    await until(() => !isAlive(pid));
    const running = await adopted(room, spec);
    const early = await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, 300))]);
    expect(early).toBeUndefined();
    signalTo(guard, "SIGCONT");
    expect(await running.ended).toEqual({ exitCode: 137, signal: null, endedAt, lost: false });
  });
});

describe("a record that a full disk has cut short", () => {
  const head = "# 0000000013\n";

  it.for([
    ["#end\n#ended KEY 3 1795387526\n", 3],
    ["#ended KEY 13\n#ended KEY 137 1795387526\n", 137],
    ["#born KEY boot 4711 47\n#ended KEY 7 1795387526\n", 7],
  ] as const)("does not hide the complete record after it: %s", async ([text, exitCode], { room }) => {
    const spec = room.spec(["true"]);
    writeFileSync(room.path(`${spec.key}.run`), `${head}\n${text.replaceAll("KEY", spec.key)}`);
    expect(await room.runner.adopt(spec)).toMatchObject({ ended: { exitCode, endedAt: 1795387526000 } });
  });

  it("does not count as the record of a birth", async ({ room }) => {
    const { key } = room.spec(["true"]);
    const birth = `#born ${key} boot 4711 4709 .`;
    for (const left of [1, 2, 4, 6, 10]) {
      writeFileSync(room.path(`${key}.run`), `${head}\n${birth.slice(0, -left)}\n`);
      expect(room.runner.programOf(key)).toBeUndefined();
    }
  });
});

describe("a live attempt", () => {
  it("is found by its token if its run file is gone", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; exec sleep 60"]);
    const first = room.runner.launch(spec);
    await room.appears("ready");
    rmSync(room.path(`${spec.key}.run`));
    const running = await adopted(room, spec);
    expect([await running.started, running.guard]).toEqual([await first.started, first.guard]);
    await room.runner.terminate(running, { graceMs: 1000 });
    expect((await running.ended).signal).toBe("SIGTERM");
  });

  it("is found without its guard, but its exit code is then lost", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; exec sleep 60"]);
    const first = room.runner.launch(spec);
    await room.appears("ready");
    const program = await first.started;
    // It is read at the first use, and only while the guard is its parent.
    expect(program.startTime).toBeGreaterThan(0);
    signalTo(first.guard?.pid ?? 0, "SIGKILL");
    await until(() => first.guard === null);
    const running = await adopted(room, spec);
    expect([running.program, running.guard]).toEqual([program, null]);
    room.runner.signal(running, "SIGTERM");
    expect(await running.ended).toEqual({ exitCode: null, signal: null, endedAt, lost: true });
    expect(await room.another().adopt(spec)).toMatchObject({ ended: { lost: true } });
  });

  it("is found by its recorded process if it has no marker and its guard is gone", async ({ room }) => {
    const bare = `: > ready; exec env -i ${process.execPath} -e "setTimeout(() => 0, 60e3)"`;
    const spec = room.spec(["sh", "-c", bare]);
    const first = room.runner.launch(spec);
    await room.appears("ready");
    const program = await first.started;
    await until(() => !readFileSync(`/proc/${program.pid}/environ`, "utf8").includes(spec.token));
    expect(program.startTime).toBeGreaterThan(0);
    signalTo(first.guard?.pid ?? 0, "SIGKILL");
    await until(() => first.guard === null);
    const found = await room.another().adopt({ ...spec, program });
    if (!(found && "running" in found)) throw new Error("not found");
    expect([found.running.program, found.running.guard]).toEqual([program, null]);
    room.runner.signal(found.running, "SIGKILL");
    expect(await found.running.ended).toMatchObject({ lost: true });
  });

  it("is adopted while frozen, and can be thawed", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; exec sleep 60"]);
    const first = room.runner.launch(spec);
    await room.appears("ready");
    await first.started;
    await room.runner.freeze(first);
    const running = await adopted(room, spec);
    expect(room.runner.isGone(running)).toBe(false);
    room.runner.thaw(running);
    expect(room.states()).not.toContain("T");
    await room.runner.terminate(running, { graceMs: 1000 });
  });
});

describe("nothing is adopted, signalled or killed", () => {
  it("if the recorded pid belongs to another parent's child", async ({ room }) => {
    const stranger = await room.ready(": > ready; exec sleep 60");
    const { pid, bootId } = await stranger.started;
    const spec = room.spec(["true"]);
    for (const guardPid of [process.pid, 1, pid]) {
      const birth = `#born ${spec.key} ${bootId} ${pid} ${guardPid} .`;
      writeFileSync(room.path(`${spec.key}.run`), `# 0000000013\n${birth}\n`);
      expect(await room.runner.adopt(spec)).toMatchObject({ ended: { lost: true } });
      const program = room.runner.programOf(spec.key);
      await room.runner.terminate({ ...spec, program }, { graceMs: 0 });
    }
    expect(isAlive(pid)).toBe(true);
    await room.runner.terminate(stranger, { graceMs: 1000 });
  });

  it("if nothing was ever started", async ({ room }) => {
    expect(await room.runner.adopt(room.spec(["true"]))).toBeUndefined();
  });

  it("if the pid belongs to a later process", async ({ room }) => {
    const stranger = await room.ready(": > ready; exec sleep 60");
    const program = await stranger.started;
    const spec = room.spec(["true"]);
    for (const reused of [
      { ...program, startTime: program.startTime - 1 },
      { ...program, bootId: "00000000-0000-0000-0000-000000000000" },
    ]) {
      expect(await room.runner.adopt({ ...spec, program: reused })).toMatchObject({ ended: { lost: true } });
      const roots = { ...spec, program: reused, guard: reused };
      expect(room.runner.signal(roots, "SIGKILL")).toBe(false);
      expect(room.runner.isGone(roots)).toBe(true);
      expect(room.runner.tree(roots)).toEqual([]);
      await room.runner.freeze(roots);
      await room.runner.terminate(roots, { graceMs: 0 });
      await room.runner.sweep(roots, { graceMs: 0 });
    }
    expect(isAlive(program.pid)).toBe(true);
    expect(processes(room.dir).map(({ state }) => state)).not.toContain("T");
    await room.runner.terminate(stranger, { graceMs: 1000 });
  });

  it("if the run file is cut off or invalid", async ({ room }) => {
    const spec = room.spec(["true"]);
    const head = "# 0000000013\n";
    const ended = `#ended ${spec.key} 0`;
    const texts = ["", "#", "nonsense\n", ended, head, `${head}${ended}`, `${head}#ended other 0\n`];
    texts.push(`${head}#ended ${spec.key} none\n`, `${head}#born ${spec.key} boot none\n`);
    // A line in the part of the file that the guard runs is not a record.
    texts.push(`# 0000000040\nexport A='\n${ended}\n'\n`);
    for (const text of texts) {
      writeFileSync(room.path(`${spec.key}.run`), text);
      expect(await room.runner.adopt(spec)).toBeUndefined();
    }
  });

  it("if the recorded process is gone, and the attempt counts as lost", async ({ room }) => {
    const spec = room.spec(["true"]);
    writeFileSync(room.path(`${spec.key}.run`), `# 0000000013\n#born ${spec.key} boot 1000 999 .\n`);
    expect(await room.runner.adopt(spec)).toMatchObject({ ended: { lost: true } });
  });
});
