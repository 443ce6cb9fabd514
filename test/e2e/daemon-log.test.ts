import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Home, it, needsLinux, signalTo, until } from "../harness/index.ts";
import { noted, notes, open, pidOf, taskModule } from "./story.ts";

const logOf = (home: Home) => readFileSync(join(home.dir, "daemon.log"), "utf8");

/** The messages of a log. Throws if a line is not JSON. */
function messages(text: string): string[] {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line).msg as string);
}

it("opens no debugger on SIGUSR1 in the daemon and in a module's host", async ({ home }) => {
  const id = await home.run(
    home.module(
      taskModule(`
        const { url } = await import("node:inspector");
        note("ready");
        await gate("go");
        note(url());
      `),
    ),
  );
  await noted(home, 1);
  signalTo(await pidOf(home, id), "SIGUSR1");
  const daemon = (await home.daemonPid()) as number;
  signalTo(daemon, "SIGUSR1");
  // Each command starts a process, which gives Node time to open the port and report it.
  expect((await home.json("daemon", "status")).pid).toBe(daemon);
  open(home);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(["ready", "undefined"]);
  expect((await home.cli("logs", `${id}`)).stdout).toBe("");
  expect(messages(logOf(home))).toContain("ready");
});

it("logs a Node warning and a crash as lines of JSON", async ({ home }) => {
  home.allowedInLog.push(/"level":60/);
  const preload = home.file("preload.cjs");
  writeFileSync(
    preload,
    `const { existsSync } = require("node:fs");
     if (process.argv.includes("daemon")) setTimeout(function look() {
       if (!existsSync("warn")) return setTimeout(look, 10);
       process.emitWarning("an odd option", "OddWarning");
       setTimeout(() => { throw new Error("a bug"); }, 10);
     }, 10).unref();`,
  );
  const daemon = home.spawn("daemon", "run", { env: { NODE_OPTIONS: `--require ${preload}` } });
  await until(() => home.rpc("daemon/status"));
  open(home, "warn");
  const { stdout, stderr } = await daemon.ended;
  const said = messages(stdout);
  expect(said).toContain("an odd option");
  expect(said.at(-1)).toContain("uncaught");
  expect(stderr).toBe("");
});

it("adds what Node printed at a crash to the log at the next start", async ({ home, skip }) => {
  needsLinux(skip);
  await home.cli("daemon", "start");
  const pid = (await home.daemonPid()) as number;
  appendFileSync(`/proc/${pid}/fd/2`, "FATAL ERROR: heap out of memory\n at once\n");
  await home.killDaemon();
  home.allowedInLog.push(/heap out of memory/);
  await home.cli("daemon", "start");
  const lines = logOf(home).trimEnd().split("\n");
  const [line, ...more] = lines.map((each) => JSON.parse(each)).filter(({ stderr }) => stderr !== undefined);
  expect(line).toMatchObject({ stderr: "FATAL ERROR: heap out of memory\n at once\n" });
  await home.cli("daemon", "restart");
  expect(more).toEqual([]);
  expect(logOf(home).split("heap out of memory").length).toBe(2);
});
