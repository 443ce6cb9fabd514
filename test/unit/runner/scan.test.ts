import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { DETACHED_VARIABLE, treeMarker } from "../../../src/home/tree-marker.ts";
import { createCalm, type Pass } from "../../../src/runner/tree/calm.ts";
import { createProcesses } from "../../../src/runner/tree/platform.ts";
import type { ProcessStat } from "../../../src/runner/tree/processes.ts";
import { parseStat } from "../../../src/runner/tree/processes-linux.ts";
import { stopTree } from "../../../src/runner/tree/stop.ts";
import { Tree } from "../../../src/runner/tree/tree.ts";
import { signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";

const pass = (isDone: boolean, vanished = 0): Pass => ({
  isDone,
  vanished,
  unclear: 0,
  late: () => "stranger",
});
const clean = pass(true);
const busy = pass(false);
const hazy = pass(true, 1);

test("a process that was stopped before it showed that it is detached continues with the next pass", async () => {
  const token = "of the tree";
  const env = { PATH: process.env.PATH, [DETACHED_VARIABLE]: treeMarker(token) };
  const child = spawn("sleep", ["60"], { env, stdio: "ignore" });
  try {
    const pid = child.pid as number;
    const processes = createProcesses();
    const tree = new Tree({ token, output: null }, null);
    await until(() => processes.shows(pid, tree.signs) === "detached");
    signalTo(pid, "SIGSTOP");
    await until(() => processes.stat(pid)?.state === "T");
    const stat = processes.stat(pid) as ProcessStat;
    tree.add(stat);
    tree.stopped.set(pid, stat.startTime);
    await stopTree(processes, { key: "1", token }, tree, { limitMs: 5000, withGuard: true });
    await until(() => processes.stat(pid)?.state !== "T");
    expect(tree.stopped.size).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
});

describe("if the kernel does not report the last pid, a tree is at rest", () => {
  test.each([
    ["after two clean passes in a row", [clean, clean], true],
    ["not after one", [busy, clean], false],
    ["not after two with work between them", [clean, busy, clean], false],
    ["not while processes vanish", [clean, hazy, clean, hazy, clean], false],
    ["after ten passes without work, whatever vanishes", Array.from({ length: 10 }, () => hazy), true],
  ])("%s", (_, passes, isCalm) => {
    const calm = createCalm({ lastPid: () => undefined, stat: () => undefined });
    expect(passes.map((each) => calm.endPass(each, () => undefined)).at(-1)).toBe(isCalm);
  });
});

describe("if the kernel reports the last pid, a tree is at rest", () => {
  const stat = (pid: number): ProcessStat => ({
    pid,
    ppid: 1,
    session: 1,
    startTime: 1,
    state: "R",
    command: "x",
  });

  /** Runs one pass. `lasts` are the last pids, scan by scan, and `own` are the pids of the tree. */
  const atRest = (lasts: number[], own: number[], late: Pass = clean) => {
    const seen: number[] = [];
    const left = [...lasts];
    const lastPid = () => (left.length > 1 ? left.shift() : left[0]);
    const calm = createCalm({ lastPid, stat });
    calm.beginPass();
    const isOwn = ({ pid }: ProcessStat) => (own.includes(pid) ? "member" : "stranger");
    const isCalm = calm.endPass({ ...late, late: isOwn }, (pid) => seen.push(pid));
    return { isCalm, seen };
  };

  test("after one pass in which no new pid was assigned", () => {
    expect(atRest([10], [])).toEqual({ isCalm: true, seen: [] });
  });

  test("after a pass in which all new pids belong to other processes", () => {
    expect(atRest([10, 12, 12], [])).toEqual({ isCalm: true, seen: [] });
  });

  test("not if a process of the tree started during the pass, and its pid is reported", () => {
    expect(atRest([10, 12, 12], [11])).toEqual({ isCalm: false, seen: [11] });
  });

  test("not after a pass that found something to do", () => {
    expect(atRest([10], [], busy).isCalm).toBe(false);
  });
});

describe("a line of /proc/<pid>/stat", () => {
  const line = (command: string, state: string, threads: number) =>
    `42 (${command}) ${state} 7 42 42 0 -1 4194304 90 0 0 0 1 2 0 0 20 0 ${threads} 0 179391 2777088 224 1`;

  test.each([
    ["an ordinary one", line("sleep", "S", 1), { command: "sleep", state: "S" }],
    ["with a command that imitates it", line("x) R 1 (y", "T", 1), { command: "x) R 1 (y", state: "T" }],
    ["of a zombie", line("sh", "Z", 1), { command: "sh", state: "Z" }],
    ["whose first thread alone has ended", line("sh", "Z", 3), { command: "sh", state: "Z", threads: 3 }],
  ])("%s is read", (_, text, expected) => {
    expect(parseStat(text)).toMatchObject({ pid: 42, ppid: 7, startTime: 179391, ...expected });
  });

  test("that is cut off is refused", () => {
    expect(parseStat("42 (sle")).toBeUndefined();
  });
});
