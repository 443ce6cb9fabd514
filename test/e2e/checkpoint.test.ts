import { describe, expect } from "vitest";
import { it } from "../harness/index.ts";
import { noted, notes, open, speaker, taskModule } from "./story.ts";

describe("a shell script", () => {
  it("saves checkpoints and continues from $AGENTCTL_CHECKPOINT", async ({ home }) => {
    const counting = home.script(`
      n=$(cat "\${AGENTCTL_CHECKPOINT:-/dev/null}"); n=\${n:-0}
      while [ "$n" -lt 5 ]; do
        n=$((n + 1)); echo "$n" > state; agentctl checkpoint save state > /dev/null; echo "$n" >> notes
        while [ "$n$AGENTCTL_ATTEMPT" = 31 ]; do sleep 0.02; done
      done`);
    const id = await home.run(counting);
    await noted(home, 3);
    expect((await home.json("pause", `${id}`)).task).toMatchObject({ pid: null, checkpoint: { seq: 3 } });
    await home.cli("resume", `${id}`);
    expect((await home.cli("wait", `${id}`)).code).toBe(0);
    expect(notes(home)).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("continues from an older checkpoint with --from, and from none with --from-start", async ({ home }) => {
    const saving = home.script(`echo "from $(cat $AGENTCTL_CHECKPOINT)" >> notes
      for n in 1 2 3; do [ "$AGENTCTL_ATTEMPT" = 1 ] && echo $n | agentctl checkpoint save; done
      echo saved >> saves; sleep 60`);
    const id = await home.run(saving);
    await noted(home, 1, "saves");
    await home.cli("pause", `${id}`);
    await home.cli("resume", `${id}`, "--from", "2");
    await noted(home, 2, "saves");
    await home.cli("pause", `${id}`, "--mode", "checkpoint");
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 3, "saves");
    expect(notes(home)).toEqual(["from ", "from 2", "from "]);
  });

  it("saves bytes from stdin unchanged", async ({ home }) => {
    const script =
      "printf 'a\\000\\377\\n' | agentctl checkpoint save --label odd; agentctl checkpoint get | od -An -tx1";
    const id = await home.run(home.script(script));
    expect((await home.cli("wait", `${id}`)).code).toBe(0);
    expect((await home.cli("logs", `${id}`)).stdout).toBe("1\n 61 00 ff 0a\n");
    expect(await home.json("checkpoint", "list", `${id}`)).toMatchObject([{ seq: 1, size: 4, label: "odd" }]);
  });

  it("gets exit code 3 while it has no checkpoint", async ({ home }) => {
    const id = await home.run(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is for the shell
      home.script('agentctl checkpoint get; echo "$? ${AGENTCTL_CHECKPOINT-unset}" >> notes'),
    );
    await home.cli("wait", `${id}`);
    expect(notes(home)).toEqual(["3 unset"]);
  });
});

it("keeps the last three checkpoints of a task", async ({ home }) => {
  const saving = "for n in 1 2 3 4 5; do echo $n | agentctl checkpoint save; done";
  const id = await home.run(home.script(saving));
  await home.cli("wait", `${id}`);
  const kept = await home.json("checkpoint", "list", `${id}`);
  expect(kept.map(({ seq }: { seq: number }) => seq)).toEqual([3, 4, 5]);
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("5\n");
  expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "3")).stdout).toBe("3\n");
  expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "2")).code).toBe(3);
});

it("says with checkpoint get that none was saved, and does not mention a resume", async ({ home }) => {
  const id = await home.run("true");
  await home.reaches(id, "completed");
  const { code, stderr } = await home.cli("checkpoint", "get", `${id}`);
  expect([code, stderr]).toEqual([
    3,
    `agentctl: task ${id} has saved no checkpoint\n  agentctl checkpoint list ${id}\n`,
  ]);
});

it("refuses checkpoint save outside of a task with exit code 2", async ({ home }) => {
  expect((await home.cli("checkpoint", "save", { input: "x" })).code).toBe(2);
});

it("names the part of a value that JSON would lose, and keeps the previous checkpoint", async ({ home }) => {
  const source = taskModule(`
    await task.save({ good: true });
    const loop = {}; loop.self = loop;
    const lossy = [{ run() {} }, { deep: [1, { n: NaN }] }, { big: 1n }, loop, { seen: new Map() }, undefined];
    for (const value of lossy) await task.save(value).catch((error) => note(error.name + ": " + error.message));
    await task.step("lossy", () => () => 1).catch((error) => note(error.message));
    await task.step("hold", () => gate("go"));`);
  const id = await home.run(home.module(source));
  await noted(home, 7);
  expect(notes(home)).toMatchInlineSnapshot(`
    [
      "TypeError: value.run is a function, which JSON cannot hold",
      "TypeError: value.deep[1].n is NaN, which JSON cannot hold",
      "TypeError: value.big is a bigint, which JSON cannot hold",
      "TypeError: value.self leads back to value, which JSON cannot hold",
      "TypeError: value.seen is a Map, which JSON cannot hold",
      "TypeError: value is undefined, which JSON cannot hold",
      "step "lossy": result is a function, which JSON cannot hold",
    ]
  `);
  const { checkpoints } = await home.json("show", `${id}`);
  expect(checkpoints).toMatchObject([{ seq: 1 }]);
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe('{"good":true}');
  expect((await home.task(id)).state).toBe("working");
});

it("refuses a checkpoint larger than 8 MiB and keeps the previous one", async ({ home }) => {
  const source = taskModule(`
    await task.save("small");
    await task.save("x".repeat(8 * 1024 * 1024 + 1)).catch(({ name, data }) => note(name + " " + data.limit));
    await task.save("x".repeat(8 * 1024 * 1024 - 2));`);
  const id = await home.run(home.module(source));
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(["CheckpointTooLarge 8388608"]);
  const kept = await home.json("checkpoint", "list", `${id}`);
  expect(kept.map(({ size }: { size: number }) => size)).toEqual([7, 8 * 1024 * 1024]);
});

it("refuses checkpoint data that is not base64 and keeps the previous checkpoint", async ({ home }) => {
  const { id, token } = await speaker(home);
  const save = (data: string) => home.rpc("attempt/checkpoint", { token, data });
  expect(await save("/+8=")).toEqual({ seq: 1 });
  for (const data of ["!!!", "abc", "_-8=", "/+8", "/+9="]) {
    const error = await save(data).catch((refused) => refused);
    expect([data, error.code, error.data?.field]).toEqual([data, -32602, "data"]);
  }
  const bytes = Buffer.from([255, 239]);
  expect(await home.rpc("checkpoints/get", { id })).toMatchObject({
    checkpoint: { seq: 1 },
    data: bytes.toString("base64"),
  });
  const large = Buffer.alloc(8 * 1024 * 1024, 255).toString("base64");
  expect(await save(large)).toEqual({ seq: 2 });
  expect(await save("")).toEqual({ seq: 3 });
  // The program `base64` breaks its lines like this.
  expect(await save("/+\n8=\n")).toEqual({ seq: 4 });
});

it("keeps an acknowledged checkpoint after the daemon is killed", async ({ home }) => {
  const id = await home.run(
    home.script(
      "echo half | agentctl checkpoint save; echo saved >> notes; until [ -e go ]; do sleep 0.02; done",
    ),
  );
  await noted(home, 1);
  await home.killDaemon();
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("half\n");
  open(home);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
});
