/** The file of an artifact and its row change together, regardless of who changes them and when the daemon dies. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, isAlive, it, sqlite, until } from "../harness/index.ts";
import { check } from "./checker.ts";
import { shellTask } from "./fixtures.ts";
import { atWork, submit, wake } from "./stories.ts";

const points = {
  "artifact:before-commit": "old",
  "artifact:after-commit": "new",
  "artifact:before-rename": "new",
  "artifact:after-rename": "new",
};

/** Starts a task with the artifact "report", whose content is "old". Returns its id and token. */
async function withReport(home: Home): Promise<{ id: number; token: string }> {
  const id = await submit(home, shellTask(home, "exec sleep 300"));
  await atWork(home, id);
  const [{ token }] = sqlite(home, "select token from attempts where task_id = ?", [id]);
  writeFileSync(home.file("report"), "old");
  await home.rpc("attempt/artifact", { token, name: "report", path: home.file("report") });
  return { id, token };
}

/** Returns the content of the report's file, after checking it against its row. */
async function report(home: Home, id: number): Promise<string> {
  const { artifact } = await home.rpc("artifacts/get", { id, name: "report" });
  const bytes = readFileSync(artifact.path);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(artifact.sha256);
  return bytes.toString();
}

it.for(Object.entries(points))(
  "an artifact is whole after the daemon died at %s",
  async ([point, left], { home }) => {
    const { id, token } = await withReport(home);
    const pid = await home.killDaemon();
    home.env.AGENTCTL_FAULT = point;
    await wake(home);
    delete home.env.AGENTCTL_FAULT;
    writeFileSync(home.file("report"), "new");
    const asked = home.rpc("attempt/artifact", { token, name: "report", path: home.file("report") });
    await expect(asked).rejects.toThrow("closed");
    await until(async () => (await home.daemonPid()) === null && !isAlive(pid));
    await wake(home);
    expect(await report(home, id)).toBe(left);
    const files = readdirSync(join(home.dir, "tasks", `${id}.kept`), { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => /(report|\.new)$/.test(name))).toHaveLength(1);
    await check(home, { ids: [id] });
  },
);

it("an artifact is not changed by an attempt that was superseded while copying", async ({ home }) => {
  const { id, token } = await withReport(home);
  // Large enough that copying and hashing it takes longer than a pause.
  writeFileSync(home.file("large"), "");
  truncateSync(home.file("large"), 512 * 1024 * 1024);
  const asked = home.rpc("attempt/artifact", { token, name: "report", path: home.file("large") });
  asked.catch(() => undefined);
  await home.rpc("tasks/pause", { id, mode: "checkpoint", graceMs: 0 });
  await expect(asked).rejects.toMatchObject({ data: { name: "StaleAttempt" } });
  expect(await report(home, id)).toBe("old");
  await check(home, { ids: [id] });
});

it("a pipe is refused as an artifact", async ({ home }) => {
  const { token } = await withReport(home);
  execFileSync("mkfifo", [home.file("pipe")]);
  const call = () => home.rpc("attempt/artifact", { token, name: "pipe", path: home.file("pipe") });
  await expect(call()).rejects.toMatchObject({ data: { field: "path" } });
});
