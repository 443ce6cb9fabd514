import { rmSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { it, needsOwnStore } from "../harness/index.ts";
import { notes, taskModule } from "./story.ts";

it("submits the same task again with a new id and the caller's environment", async ({ home }) => {
  needsOwnStore(home, "the shell that submits gives nothing in a cluster");
  const id = await home.run("--label", "team=red", "sh", "-c", 'echo "$COLOUR" >> notes; exit 3', {
    env: { COLOUR: "red" },
  });
  await home.reaches(id, "failed");
  const { stdout } = await home.cli("rerun", `${id}`, { env: { COLOUR: "blue" } });
  expect(stdout).toBe(`${id + 1}\n`);
  expect(await home.reaches(id + 1, "failed")).toMatchObject({ labels: { team: "red" }, exitCode: 3 });
  expect(notes(home)).toEqual(["red", "blue"]);
});

it("starts the new task at a checkpoint of the old one with --from", async ({ home }) => {
  const source = taskModule(`
    for (const name of ["a", "b", "c"]) {
      await task.step(name, () => note(name));
      await task.save(name);
    }
    if (task.id === 1) throw new Error("too late");`);
  const id = await home.run(home.module(source));
  await home.reaches(id, "failed");
  await home.cli("rerun", `${id}`, "--from", "2");
  await home.reaches(id + 1, "completed");
  expect(notes(home)).toEqual(["a", "b", "c", "c"]);
});

it("copies the task's folder with --from, including unusual files", async ({ home }) => {
  const fill = `[ "$AGENTCTL_TASK_ID" = 1 ] || exit 0
    cd "$AGENTCTL_TASK_DIR"
    d=$(printf 'd\\377') && mkdir "$d" && echo odd > "$d/$(printf '\\376')" && chmod 500 "$d"
    echo tool > tool && chmod 750 tool && touch -t 202001020304 tool
    ln -s nowhere link && mkfifo pipe
    echo 1 | agentctl checkpoint save`;
  const id = await home.run("sh", "-c", fill);
  await home.reaches(id, "completed");
  await home.cli("rerun", `${id}`, "--from", "1");
  await home.reaches(id + 1, "completed");
  const look = `cd "${home.dir}/tasks/$N" && for f in d* tool link; do ls -ldn "$f"; done | cut -c1-10 && cat d*/* tool && [ tool -ot . ] && readlink link; ls`;
  const [old, copy] = await Promise.all([id, id + 1].map((n) => home.sh(look, { env: { N: `${n}` } })));
  expect(old?.stdout).toMatch(/^dr-x-{6}\n-rwxr-x---\nlrwx.*\nodd\ntool\nnowhere\n/);
  expect(copy?.stdout).toBe(old?.stdout.replace("pipe\n", ""));
});

it("refuses to rerun a task that has not ended", async ({ home }) => {
  const id = await home.run("--hold", "true");
  expect((await home.cli("rerun", `${id}`)).code).toBe(4);
});

it("keeps each dependency, on the new task if that one is rerun too, else on the old one", async ({
  home,
}) => {
  const gate = 'until [ -s go ]; do sleep 0.02; done; [ "$(cat go)" = good ]';
  const build = await home.run("--name", "build", "sh", "-c", gate);
  const deploy = await home.run("--name", "deploy", "--after", "build", "true");
  const last = await home.run("--after-any", "deploy", "--after", "build", "true");
  writeFileSync(home.file("go"), "bad");
  await home.reaches(last, "failed");
  const after = (id: number) => home.task(id).then((task) => task.after);

  const alone = Number((await home.cli("rerun", "deploy")).stdout);
  expect(await after(alone)).toEqual([{ id: build, when: "completed" }]);
  await home.reaches(alone, "failed");

  rmSync(home.file("go"));
  // The ids are in the wrong order.
  const { stdout, code } = await home.cli("rerun", `${last}`, `${deploy}`, `${build}`);
  const [newBuild = 0, newDeploy = 0, newLast = 0] = stdout.trim().split("\n").map(Number);
  expect(code).toBe(0);
  expect(await after(newDeploy)).toEqual([{ id: newBuild, when: "completed" }]);
  expect(await after(newLast)).toEqual([
    { id: newBuild, when: "completed" },
    { id: newDeploy, when: "ended" },
  ]);
  writeFileSync(home.file("go"), "good");
  await home.reaches(newLast, "completed");

  // The dependencies of a task that ran were fulfilled, so its rerun has none.
  const again = Number((await home.cli("rerun", `${newDeploy}`)).stdout);
  expect(await after(again)).toEqual([]);
});

it("orders several reruns by their dependencies, and drops dependencies on deleted tasks", async ({
  home,
}) => {
  const first = await home.run("--hold", "--name", "first", "true");
  const second = await home.run("--hold", "--name", "second", "false");
  const gone = await home.run("false");
  await home.reaches(gone, "failed");
  // The first task was submitted earlier, but comes after the second.
  await home.cli("edit", `${first}`, "--after", `${second}`, "--after-failed", `${gone}`);
  await home.cli("release", `${first}`, `${second}`);
  await home.reaches(first, "failed");
  await home.cli("delete", `${gone}`);
  const { stdout, code } = await home.cli("rerun", "first", "second");
  expect(code).toBe(0);
  const [newSecond = 0, newFirst = 0] = stdout.trim().split("\n").map(Number);
  expect((await home.task(newFirst)).after).toEqual([{ id: newSecond, when: "completed" }]);
  expect((await home.task(newSecond)).after).toEqual([]);
});
