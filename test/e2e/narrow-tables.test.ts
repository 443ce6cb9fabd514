import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, needs, until } from "../harness/index.ts";
import { taskModule } from "./story.ts";

/** Returns the lines that a terminal with so many columns shows for a command. */
async function screenOf(home: Home, columns: number, command: string): Promise<string[]> {
  const tmux = (...words: string[]) =>
    execFileSync("tmux", ["-f", "/dev/null", "-S", home.file(`tmux-${columns}`), ...words], {
      env: home.env,
      encoding: "utf8",
    });
  const line = `${process.execPath} ${launcher} ${command}; echo; echo all of it; exec sleep 60`;
  tmux("new-session", "-d", "-x", `${columns}`, "-y", "60", line);
  try {
    const isWhole = () => /^all of it$/m.test(tmux("capture-pane", "-p"));
    await until(isWhole, { message: `the end of ${command}` });
    return tmux("capture-pane", "-p").split("\n\nall of it")[0]?.split("\n") ?? [];
  } finally {
    tmux("kill-server");
  }
}

async function configure(home: Home, hooks: object[]): Promise<void> {
  await home.cli("daemon", "start");
  writeFileSync(join(home.dir, "config.json"), JSON.stringify({ hooks }), { mode: 0o600 });
  const { code, stderr } = await home.cli("config", "reload");
  expect([code, stderr]).toEqual([0, ""]);
}

describe("a narrow terminal", () => {
  beforeEach(({ skip }) => needs(skip, "tmux"));

  it("shows full names and next times in schedule list", async ({ home }) => {
    const add = (...words: string[]) =>
      home.cli("schedule", "add", ...words, "--", "sh", "-c", "x".repeat(300));
    await add("report-of-the-week", "0 0 1 1 *", "--tz", "America/Argentina/Buenos_Aires");
    await add("backup", "30 2 1 1 MON-FRI", "--tz", "Europe/Berlin");
    for (const columns of [40, 60, 80]) {
      const lines = await screenOf(home, columns, "schedule list");
      expect(lines).toHaveLength(3);
      expect(lines[0]).toMatch(/^NAME .*NEXT/);
      expect(lines[1]).toMatch(/^backup .*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( |$)/);
      expect(lines[2]).toMatch(/^report-of-the-week .*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( |$)/);
    }
  });

  it("shows full names of settings in config list, whatever their values", async ({ home }) => {
    const hooks = [{ on: "failed", run: ["/opt/tools/of/the/team/notify", "x".repeat(200)] }];
    await configure(home, hooks);
    const names = (await home.json("config", "list")).map(({ name }: { name: string }) => name);
    for (const columns of [40, 60, 80]) {
      const lines = await screenOf(home, columns, "config list");
      expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(names);
      expect(lines[0]).toContain("VALUE");
    }
  });

  it("shows a hook's error in hook list without the path in the same row", async ({ home }) => {
    const program = "/opt/tools/of/the/team/of/ada/in/a/deep/folder/notify-the-team";
    const where = { queue: "default", labels: { project: "tea", team: "red" } };
    const hooks = [
      { on: ["completed", "failed"], where, run: [program, "--loud"] },
      { on: "failed", run: [program] },
    ];
    await configure(home, hooks);
    await home.run("sh", "-c", "exit 3");
    const failed = async () => (await home.json("hook", "list"))[1].lastError;
    await until(failed, { message: "the error of a hook" });
    expect((await home.cli("hook", "list")).stdout).toContain(`ago: ${program} could not be started`);
    for (const columns of [60, 80]) {
      const lines = await screenOf(home, columns, "hook list");
      expect(lines).toHaveLength(3);
      expect(lines[2]).toMatch(/^2 .* notify-the-te.* \d+s ago: could not be start/);
    }
  });

  it("shows fewer columns in list instead of wrapping rows", async ({ home }) => {
    await home.cli("queue", "set", "builds-of-the-night", "--slots", "1");
    await home.run("--hold", "--queue", "builds-of-the-night", "--name", "m1", "sh", "-c", "x".repeat(200));
    for (const columns of [40, 60, 80]) {
      const lines = await screenOf(home, columns, "list");
      expect(lines).toHaveLength(2);
      expect(lines[1]).toMatch(/^ ?1 +submitted +m1: sh -c/);
    }
  });

  it("shows full names in artifact list and queue list at the cost of other columns", async ({ home }) => {
    const name = "report-of-the-second-quarter.md";
    const file = home.module(taskModule(`await task.artifact(${JSON.stringify(name)}, "x");`), "left.mjs");
    await home.reaches(await home.run(file), "completed");
    await home.cli(
      "queue",
      "set",
      "builds-of-the-night",
      "--slots",
      "2",
      "--numbered",
      "on",
      "--preempt",
      "on",
    );
    for (const columns of [40, 60, 80]) {
      expect((await screenOf(home, columns, "artifact list 1")).slice(1)).toEqual([
        expect.stringMatching(new RegExp(`^${name} `)),
      ]);
      const queues = await screenOf(home, columns + 1, "queue list");
      expect(queues.slice(1).map((line) => line.split(" ")[0])).toEqual(["builds-of-the-night", "default"]);
    }
  });
});
