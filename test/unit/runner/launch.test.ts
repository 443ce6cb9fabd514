import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { isAlive, processes, signalTo } from "../../harness/processes.ts";
import { until } from "../../harness/until.ts";
import { it } from "./fixture.ts";

const endedAt = expect.any(Number);

/** Returns the path of the shell with this name, if this machine has it. */
function shellNamed(name: string, dir: string): string | undefined {
  const file = ["/bin", "/usr/bin"].map((place) => join(place, name)).find((path) => existsSync(path));
  if (name !== "busybox" || !file) return file;
  const link = join(dir, "ash");
  symlinkSync(file, link);
  return link;
}

describe("the end of a program", () => {
  it.for([
    [["true"], 0, null],
    [["false"], 1, null],
    [["sh", "-c", "exit 7"], 7, null],
    [["sh", "-c", "kill -TERM $$"], 143, "SIGTERM"],
    [["sh", "-c", "kill -KILL $$"], 137, "SIGKILL"],
    [["sh", "-c", "kill -ABRT $$"], 134, "SIGABRT"],
    [["sh", "-c", "exit 255"], 255, null],
    [["no-such-program"], 127, null],
    [["/"], 126, null],
  ] as const)("%j gives %j, signal %j", async ([argv, exitCode, signal], { room }) => {
    const { ended } = await room.run([...argv]);
    expect(ended).toEqual({ exitCode, signal, endedAt, lost: false });
  });

  it("is the exit status of the kernel, not a shell's reading of it", async ({ room }) => {
    const codes = Array.from({ length: 159 - 129 + 1 }, (_, at) => 129 + at);
    const ends = await Promise.all(codes.map((code) => room.launch(["sh", "-c", `exit ${code}`]).ended));
    expect(ends).toEqual(codes.map((exitCode) => ({ exitCode, signal: null, endedAt, lost: false })));
  });

  it.for(["sh", "dash", "bash", "busybox"])(
    "is known with %s as the shell of guards",
    async (name, { room, skip }) => {
      const shell = shellNamed(name, room.dir);
      if (!shell) return skip(`there is no ${name} here`);
      const runner = room.another(shell);
      const end = async (script: string) => {
        const { exitCode, signal } = await runner.launch(room.spec(["sh", "-c", script])).ended;
        return [exitCode, signal];
      };
      expect(await end("exit 130")).toEqual([130, null]);
      expect(await end("exit 141")).toEqual([141, null]);
      expect(await end("kill -INT $$")).toEqual([130, "SIGINT"]);
      expect(await end("kill -PIPE $$")).toEqual([141, "SIGPIPE"]);
      expect(await end("kill -KILL $$")).toEqual([137, "SIGKILL"]);
      expect(await end("exec >/dev/null 2>&1; sleep 0.3; exit 143")).toEqual([143, null]);
      if (process.platform === "linux") expect(await end("kill -36 $$")).toEqual([164, "SIGRTMIN+2"]);
      expect(await end("trap 'kill 0' EXIT; exit 3")).toEqual([143, "SIGTERM"]);
    },
  );

  it("is known while a process that it left behind keeps its output open", async ({ room }) => {
    const running = room.launch(["sh", "-c", "sleep 60 & exit 137"]);
    expect(await running.ended).toEqual({ exitCode: 137, signal: null, endedAt, lost: false });
    await room.runner.sweep(running, { graceMs: 1000 });
  });

  it("is known even if many programs end at once", async ({ room }) => {
    const codes = Array.from({ length: 30 }, (_, at) => at);
    const runs = codes.map((code) => room.launch(["sh", "-c", `exit ${code}`]));
    expect((await Promise.all(runs.map((run) => run.ended))).map((ended) => ended.exitCode)).toEqual(codes);
    const programs = await Promise.all(runs.map((run) => run.started));
    expect(new Set(programs.map(({ pid }) => pid)).size).toBe(30);
  });

  it("is 126 with the cause if no process could be started for it", async ({ room }) => {
    const running = room.runner.launch({ ...room.spec(["true"]), cwd: room.path("nowhere") });
    await expect(running.started).rejects.toThrow("ENOENT");
    expect(await running.ended).toEqual({ exitCode: 126, signal: null, endedAt, lost: false });
    const unlogged = room.runner.launch({ ...room.spec(["true"]), logFile: room.path("no/such/log") });
    await expect(unlogged.started).rejects.toThrow("ENOENT");
  });

  it("is reported at once on a full disk, and recorded when there is space", async ({ room }) => {
    const spec = room.spec(["sh", "-c", 'mv "$1" kept && ln -s /dev/full "$1"; exit 9', "sh", "task-1.run"]);
    const file = room.path(`${spec.key}.run`);
    const running = room.runner.launch(spec);
    expect((await running.ended).exitCode).toBe(9);
    await room.runner.sweep(running, { graceMs: 0 });
    expect(processes(room.dir).some(({ command }) => command.includes("agentctl-guard"))).toBe(true);
    renameSync(room.path("kept"), file);
    await until(() => /\n#ended task-1 9\/2304 \d+\n$/.test(readFileSync(file, "utf8")));
    expect(await room.another().adopt(spec)).toEqual({
      ended: { exitCode: 9, signal: null, endedAt, lost: false },
    });
  });
});

describe("what a program prints", () => {
  it("is in its log, even through /dev/stderr and /dev/stdout", async ({ room }) => {
    const script =
      "echo one; echo two | tee /dev/stderr >/dev/null; echo three >/dev/stderr; echo four >/dev/stdout; echo five";
    expect((await room.run(["sh", "-c", script])).output).toBe("one\ntwo\nthree\nfour\nfive\n");
  });

  it("is completely in its log when its end is reported, even if a child keeps the output open", async ({
    room,
  }) => {
    const spec = room.spec(["sh", "-c", "sleep 60 & seq 200000"]);
    const running = room.runner.launch(spec);
    expect((await running.ended).exitCode).toBe(0);
    expect(readFileSync(spec.logFile, "utf8").endsWith("\n200000\n")).toBe(true);
    await room.runner.sweep(running, { graceMs: 1000 });
  });
});

describe("a program gets", () => {
  it("its arguments byte for byte", async ({ room }) => {
    const words = ["a b", "'", '"', "line\nline", "", "ünïcødé ☃", "-n", "--", "$HOME `x` \\ *", "tab\t"];
    const { output } = await room.run([
      "node",
      "-p",
      "JSON.stringify(process.argv.slice(1))",
      "--",
      ...words,
    ]);
    expect(JSON.parse(output)).toEqual(words);
  });

  it("exactly the environment that was given", async ({ room }) => {
    const odd = { "A.B": "dot", "BASH_FUNC_f%%": "() { echo 'x'\n}", IFS: ",", OPTIND: "7", PPID: "1" };
    const env = { ...odd, EMPTY: "", MULTI: "a\nb", agentctl_line: "mine", QUOTE: "it's" };
    const spec = room.spec(["node", "-p", "JSON.stringify(process.env)"], env);
    await room.runner.launch(spec).ended;
    const { agentctl_line: _, ...others } = spec.env;
    expect(JSON.parse(readFileSync(spec.logFile, "utf8"))).toMatchObject(others);
    expect(Object.keys(JSON.parse(readFileSync(spec.logFile, "utf8"))).sort()).toEqual(
      Object.keys(spec.env).sort(),
    );
  });

  it("an empty stdin, no other descriptor, and the runner's umask", async ({ room }) => {
    const script = "cat; umask; cd /proc/self/fd && echo [0-9]; exec readlink 0";
    const { output } = await room.run(["bash", "-c", script]);
    expect(output.split("\n")).toEqual([
      process.umask().toString(8).padStart(4, "0"),
      "0 1 2 3",
      "/dev/null",
      "",
    ]);
  });

  it("the default action for every signal", async ({ room }) => {
    for (const signal of ["INT", "PIPE", "HUP"]) {
      const { ended } = await room.run(["sh", "-c", `kill -${signal} $$; sleep 5`]);
      expect(ended.signal).toBe(`SIG${signal}`);
    }
    // Every bash ignores QUIT.
    const { ended } = await room.run([
      "node",
      "-e",
      "process.kill(process.pid, 'SIGQUIT'); setTimeout(() => {}, 5000)",
    ]);
    expect(ended.signal).toBe("SIGQUIT");
    if (process.platform !== "linux") return;
    // This includes the two signals that glibc reserves for itself.
    const { output } = await room.run(["grep", "SigIgn", "/proc/self/status"]);
    expect(output).toMatch(/SigIgn:\s+0{16}\n/);
  });

  it("its own pid, not the guard's", async ({ room }) => {
    const running = await room.ready("echo $$ > pid; : > ready; exec sleep 60");
    expect((await running.started).pid).toBe(Number(await room.appears("pid")));
    expect(running.guard?.pid).not.toBe(running.program?.pid);
    expect(room.runner.signal(running, "SIGTERM")).toBe(true);
    expect((await running.ended).signal).toBe("SIGTERM");
    expect(room.runner.signal(running, "SIGTERM")).toBe(false);
  });

  it("run even if it has the name of a builtin or of an option", async ({ room }) => {
    writeFileSync(room.path("-prog"), '#!/bin/sh\necho "$0" "$@"\n');
    chmodSync(room.path("-prog"), 0o755);
    expect((await room.run(["exit", "0"])).ended.exitCode).toBe(127);
    expect(await room.run(["echo", "-e", "\\t"])).toMatchObject({ ended: { exitCode: 0 } });
    const { output } = await room.run(["-prog", "--x"], { PATH: `${room.dir}:${process.env.PATH}` });
    expect(output).toBe(`${room.path("-prog")} --x\n`);
  });
});

describe("a program with = in its name", () => {
  it("gets variables that no shell can set", async ({ room }) => {
    writeFileSync(room.path("a=b"), '#!/bin/sh\ntr "\\0" "\\n" </proc/$$/environ; echo "$@"\n');
    chmodSync(room.path("a=b"), 0o755);
    const { ended, output } = await room.run(["./a=b", "-u", "x=y"], { "X.Y": "1", "-x": "2" });
    expect([ended.exitCode, output.split("\n").filter((line) => /^(X\.Y|-x|-u)/.test(line))]).toEqual([
      0,
      expect.arrayContaining(["X.Y=1", "-x=2", "-u x=y"]),
    ]);
  });
});

describe("secrets", () => {
  it("are in no argument, and every file is private", async ({ room }) => {
    const spec = room.spec(["sh", "-c", ": > ready; exec sleep 60"], { "A.B": "hidden-value" });
    const running = room.runner.launch(spec);
    await room.appears("ready");
    const lines = processes(room.dir).map(({ command }) => command);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.includes(spec.token) || line.includes("hidden-value"))).toEqual([]);
    const files = ["log", "run"].map((ending) => room.path(`${spec.key}.${ending}`));
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    await room.runner.terminate(running, { graceMs: 1000 });
    await running.ended;
    room.runner.forget(spec.key);
    expect(files.map((file) => existsSync(file))).toEqual([true, false]);
    const kept = readdirSync(room.dir).map((name) => room.path(name));
    expect(kept.filter((file) => readFileSync(file, "utf8").includes("hidden-value"))).toEqual([]);
  });
});

describe("the guard", () => {
  it("is written again if a power failure emptied its script", async ({ room }) => {
    await room.run(["true"]);
    const script = readdirSync(room.dir).find((name) => name.startsWith("agentctl-guard")) ?? "";
    writeFileSync(room.path(script), "");
    expect((await room.run(["sh", "-c", "exit 3"])).ended.exitCode).toBe(3);
  });

  it("does not run a program whose run file was emptied, and reports a failure", async ({ room }) => {
    const shell = room.path("emptying");
    writeFileSync(shell, '#!/bin/sh\n: >"$2/$4.run"\nexec /bin/sh "$@"\n', { mode: 0o755 });
    const spec = room.spec(["true"]);
    const ended = await room.another(shell).launch(spec).ended;
    const log = readFileSync(spec.logFile, "utf8");
    expect({ ...ended, log }).toMatchObject({
      exitCode: 126,
      lost: false,
      log: expect.stringContaining("the program was not started"),
    });
  });

  it("that ends at once is not started again without end", async ({ room }) => {
    const running = room.another("/bin/false").launch(room.spec(["true"]));
    await expect(running.started).rejects.toThrow("agentctl doctor");
    expect(await running.ended).toMatchObject({ exitCode: 126, lost: false });
  });

  it("survives the signals that it can catch, and reports the program's end", async ({ room }) => {
    const running = await room.ready(": > ready; exec sleep 60");
    const guard = running.guard?.pid ?? 0;
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGPIPE"] as const) {
      signalTo(guard, signal);
    }
    room.runner.signal(running, "SIGUSR1");
    expect(await running.ended).toMatchObject({ exitCode: 138, signal: "SIGUSR1" });
  });

  it.for(["dash", "bash"])(
    "under %s ends even if the keeper of its output was killed",
    async (name, { room, skip }) => {
      const shell = shellNamed(name, room.dir);
      if (!shell) return skip(`there is no ${name} here`);
      const spec = room.spec(["sh", "-c", "until [ -e go ]; do sleep 0.05; done; exit 9"]);
      const running = room.another(shell).launch(spec);
      const program = await running.started;
      const others = [running.guard?.pid, program.pid];
      const keepers = () =>
        processes(room.dir).filter(
          ({ pid, command }) => command.includes("agentctl-guard") && !others.includes(pid),
        );
      await until(() => keepers().length > 0, { message: "the keeper" });
      for (const { pid } of keepers()) signalTo(pid, "SIGKILL");
      writeFileSync(room.path("go"), "");
      expect((await running.ended).exitCode).toBe(9);
    },
  );

  it("when killed leaves a program that the runner still supervises", async ({ room }) => {
    const running = await room.ready(": > ready; exec sleep 60");
    signalTo(running.guard?.pid ?? 0, "SIGKILL");
    await until(() => running.guard === null);
    expect(isAlive(running.program?.pid ?? 0)).toBe(true);
    expect(room.runner.isGone(running)).toBe(false);
    const before = Date.now();
    room.runner.signal(running, "SIGTERM");
    const ended = await running.ended;
    expect(ended).toEqual({ exitCode: null, signal: null, endedAt, lost: true });
    expect(ended.endedAt).toBeGreaterThanOrEqual(before);
  });

  it("when killed together with its program leaves the attempt lost", async ({ room }) => {
    const running = await room.ready(": > ready; exec sleep 60");
    signalTo(-(running.guard?.pid ?? 0), "SIGKILL");
    expect(await running.ended).toEqual({ exitCode: null, signal: null, endedAt, lost: true });
  });
});
