/**
 * A renamed file survives a power failure only if its folder was synced to disk. No test can cut the power; this one
 * checks which calls the shipped programs make to the system, and in which order.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { expect } from "vitest";
import { type Home, it, sqlite, until } from "../harness/index.ts";
import { shellTask } from "./fixtures.ts";
import { atWork, submit } from "./stories.ts";

/** Makes every Node program of this home log its renames and fsyncs. Returns a function that gives those of `path`. */
function traced(home: Home): (path: RegExp) => string[] {
  const log = home.file("trace");
  const preload = home.file("trace.cjs");
  writeFileSync(
    preload,
    `const fs = require("node:fs");
     const { openSync, fsyncSync, renameSync, appendFileSync } = fs;
     const paths = new Map();
     const note = (what, path) => appendFileSync(${JSON.stringify(log)}, what + " " + path + "\\n");
     fs.openSync = (path, ...rest) => {
       const fd = openSync(path, ...rest);
       paths.set(fd, path);
       return fd;
     };
     fs.fsyncSync = (fd) => (fsyncSync(fd), note("fsync", paths.get(fd)));
     fs.renameSync = (from, to) => (renameSync(from, to), note("rename", to));`,
  );
  home.env.NODE_OPTIONS = `--require ${preload}`;
  return (path) => {
    const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
    return lines
      .map((line) => line.replace(/ .*/, (name) => ` ${relative(home.dir, name.slice(1)) || "."}`))
      .filter((line) => path.test(line));
  };
}

it("the settings are synced before their rename, and their folder after it", async ({ home }) => {
  const seen = traced(home);
  expect((await home.cli("config", "set", "backup.keep", "3")).code).toBe(0);
  expect(seen(/ (\.|config\.json.*)$/)).toEqual([
    expect.stringMatching(/^fsync config\.json\..*new$/),
    "rename config.json",
    "fsync .",
  ]);
});

it("the folders of an artifact are synced before and after its rename", async ({ home }) => {
  const seen = traced(home);
  home.spawn("daemon", "run");
  await until(() => home.rpc("daemon/status"));
  delete home.env.NODE_OPTIONS;
  const id = await submit(home, shellTask(home, "exec sleep 300"));
  await atWork(home, id);
  const [{ token }] = sqlite(home, "select token from attempts where task_id = ?", [id]);
  writeFileSync(home.file("report"), "text");
  const asked = { token, name: "report", path: home.file("report") };
  const { artifact } = await home.rpc("attempt/artifact", asked);
  const place = relative(home.dir, dirname(artifact.path));
  expect(seen(/ tasks/).slice(-3)).toEqual([
    `fsync ${dirname(place)}`,
    `rename ${place}/report`,
    `fsync ${place}`,
  ]);
  expect(seen(/^fsync tasks$/)).toHaveLength(1);
});
