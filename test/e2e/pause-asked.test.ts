import { describe, expect } from "vitest";
import { it } from "../harness/index.ts";
import { noted, notes, open, pidOf, taskModule, ticking } from "./story.ts";

const saves = "echo saved | agentctl checkpoint save";

describe("pause mode auto", () => {
  it("freezes a program that does not use agentctl", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    await noted(home, 1, "ticks");
    expect((await home.json("pause", `${id}`)).task.pause).toMatchObject({
      mode: "freeze",
      outcome: "frozen",
    });
  });

  it("pauses a program by checkpoint if it saved one in this attempt", async ({ home }) => {
    const id = await home.run("sh", "-c", `${saves}; ${ticking}`);
    await noted(home, 1, "ticks");
    const pause = { mode: "checkpoint", outcome: "cooperative" };
    expect((await home.json("pause", `${id}`)).task.pause).toMatchObject(pause);
  });

  it("pauses a task module by checkpoint", async ({ home }) => {
    const id = await home.run(
      home.module(
        taskModule('await task.step("a", () => note("on")); await gate("go"); await task.save(1);'),
      ),
    );
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    expect((await home.json("pause", `${id}`)).task.pause).toMatchObject({
      mode: "checkpoint",
      outcome: "cooperative",
    });
  });

  it("yields to run --pause-mode, which yields to pause --mode", async ({ home }) => {
    const id = await home.run("--pause-mode", "freeze", "sh", "-c", `${saves}; ${ticking}`);
    await noted(home, 1, "ticks");
    expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("frozen");
    const other = await home.run("--pause-mode", "freeze", "sh", "-c", `${saves}; ${ticking}`);
    await noted(home, notes(home, "ticks").length + 1, "ticks");
    expect((await home.json("pause", `${other}`, "--mode", "checkpoint")).task.pause.outcome).toBe(
      "cooperative",
    );
  });
});

describe("the request to pause", () => {
  const greeter = `#!/usr/bin/env node
const note = (line) => require("node:fs").appendFileSync("notes", line + "\\n");
const { AGENTCTL_SOCKET, AGENTCTL_TOKEN: token } = process.env;
const socket = require("node:net").connect(AGENTCTL_SOCKET);
const say = (id, method, params) => socket.write(JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\\n");
process.on("SIGTERM", () => note("TERM"));
say("hello", "attempt/hello", { token });
socket.on("data", (bytes) => {
  const message = JSON.parse(bytes);
  note(message.method ?? message.id);
  if (message.method === "attempt/pause") say("checkpoint", "attempt/checkpoint", { value: { at: 3 } });
  if (message.id === "checkpoint") process.exit(75);
});`;

  it("goes only to the socket of a program that said hello there", async ({ home }) => {
    const id = await home.run(home.script(greeter));
    await noted(home, 1);
    const { task } = await home.json("pause", `${id}`);
    expect(task).toMatchObject({
      pause: { mode: "checkpoint", outcome: "cooperative" },
      checkpoint: { seq: 1 },
    });
    expect(notes(home)).toEqual(["hello", "attempt/pause", "checkpoint"]);
    expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe('{"at":3}');
  });

  it("signals the program itself, not its children", async ({ home }) => {
    const save = "(until [ -e go ]; do sleep 0.02; done; echo slowly) | agentctl checkpoint save";
    const id = await home.run(
      home.script(`trap 'exit 75' TERM; ${saves}; echo on >> notes; ${save}; exit 1`),
    );
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("cooperative");
    expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("slowly\n");
  });

  it("uses the signal of --pause-signal", async ({ home }) => {
    const script = home.script(
      `trap 'echo USR1 >> notes; exit 75' USR1; trap 'exit 1' TERM; ${saves}; ${ticking}`,
    );
    const id = await home.run("--pause-signal", "USR1", script);
    await noted(home, 1, "ticks");
    expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("cooperative");
    expect(notes(home)).toEqual(["USR1"]);
  });

  it("ends with a kill of the tree if the program ignores the signal", async ({ home }) => {
    const id = await home.run(home.script(`trap '' TERM; ${saves}; ${ticking}`));
    await noted(home, 1, "ticks");
    const { task } = await home.json("pause", `${id}`, "--grace", "300ms");
    expect(task).toMatchObject({
      state: "suspended",
      pid: null,
      pause: { outcome: "forced" },
      checkpoint: { seq: 1 },
    });
    const { stderr } = await home.cli("resume", `${id}`);
    expect(stderr).toBe("");
  });
});

describe("a program that ends after a request to pause", () => {
  const suspended = [
    ["exit 75", "trap 'exit 75' TERM", "auto"],
    ["death by the pause signal", "", "auto"],
    ["exit 128 + the signal", "trap 'exit 143' TERM", "auto"],
    ["another non-zero exit", "trap 'exit 3' TERM", "auto"],
    ["exit 0 with a checkpoint saved since", `trap '${saves}; exit 0' TERM`, "auto"],
    ["exit 0 with --pause-mode checkpoint", "trap 'exit 0' TERM", "checkpoint"],
  ] as const;

  it.for(suspended)("is suspended after %s", async ([, trap, mode], { home }) => {
    const id = await home.run("--pause-mode", mode, home.script(`${trap}\n${saves}; ${ticking}`));
    await noted(home, 1, "ticks");
    const { ok, task } = await home.json("pause", `${id}`);
    expect(ok).toBe(true);
    expect(task).toMatchObject({
      state: "suspended",
      pid: null,
      exitCode: null,
      pause: { outcome: "cooperative" },
    });
  });

  it("completes after exit 0 without a new checkpoint, which pause reports as an error", async ({ home }) => {
    const id = await home.run(home.script(`trap 'exit 0' TERM; ${saves}; ${ticking}`));
    await noted(home, 1, "ticks");
    expect((await home.cli("pause", `${id}`)).code).toBe(4);
    expect(await home.task(id)).toMatchObject({ state: "completed", exitCode: 0 });
    expect((await home.json("pause", `${id}`)).error).toMatchObject({
      name: "TaskNotPausable",
      data: { state: "completed" },
    });
  });

  it("starts again on resume with --pause-mode checkpoint, even without a checkpoint", async ({ home }) => {
    const id = await home.run(
      "--pause-mode",
      "checkpoint",
      "sh",
      "-c",
      `echo $AGENTCTL_ATTEMPT >> notes; ${ticking}`,
    );
    await noted(home, 1, "ticks");
    const pid = await pidOf(home, id);
    await home.cli("pause", `${id}`);
    expect((await home.cli("show", `${id}`)).stdout).toContain(`\n  agentctl resume ${id}\n`);
    open(home);
    expect((await home.cli("resume", `${id}`)).code).toBe(0);
    expect((await home.cli("wait", `${id}`)).code).toBe(7);
    expect(notes(home)).toEqual(["1", "2"]);
    expect((await home.task(id)).pid).not.toBe(pid);
  });
});
