import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { it, needsOwnStore, until } from "../harness/index.ts";

const launcher = join(import.meta.dirname, "../../bin/agentctl.js");

it("passes on a program's own --env-file, which Node would use itself", async ({ home }) => {
  const args = ["run", "--wait", "echo", "--env-file", "/not/there"];
  const id = execFileSync(launcher, args, { env: home.env, cwd: home.work, encoding: "utf8" }).trim();
  expect((await home.cli("logs", id)).stdout).toBe("--env-file /not/there\n");
});

it("keeps extra certificates from its own Node, but passes them to tasks", async ({ home }) => {
  needsOwnStore(home, "a cluster keeps no variables of the caller");
  // Node 20 and 22 report at the start that they cannot read the file.
  const env = { ...home.env, NODE_EXTRA_CA_CERTS: "/not/there" };
  const script = "agentctl run --wait true 2>&1; env | grep CA_CERTS";
  const { status, stdout, stderr } = spawnSync(launcher, ["run", "--wait", "sh", "-c", script], {
    env,
    cwd: home.work,
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const printed = (await home.cli("logs", stdout.trim())).stdout;
  expect(printed).toBe("2\nNODE_EXTRA_CA_CERTS=/not/there\n");
});

it("caches the compiled code of a command after its work succeeded", async ({ home }) => {
  const root = join(import.meta.dirname, "../..");
  const dist = join(home.work, "dist");
  cpSync(join(root, "bin"), join(home.work, "bin"), { recursive: true });
  cpSync(join(root, "dist/cli.cjs"), join(dist, "cli.cjs"));
  const call = (...words: string[]) =>
    execFileSync(join(home.work, "bin/agentctl.js"), words, { env: home.env, encoding: "utf8" });
  call("completion", "--help");
  call("--version");
  expect(readdirSync(dist)).toEqual(["cli.cjs"]);
  const compiled = call("completion", "bash");
  expect(readdirSync(dist)).toEqual(["cli.cjs", `cli.cjs.${process.version}.completion.cache`]);
  expect(call("completion", "bash")).toBe(compiled);
  const cache = join(dist, `cli.cjs.${process.version}.completion.cache`);
  for (const damage of [0, 1000, 50_000]) {
    const bytes = readFileSync(cache);
    bytes[damage] = ~(bytes[damage] ?? 0);
    writeFileSync(cache, bytes);
    expect(call("completion", "bash")).toBe(compiled);
  }
});

it("caches the compiled code of a daemon after its start, and more after it has worked", async ({ home }) => {
  const root = join(import.meta.dirname, "../..");
  const dist = join(home.work, "dist");
  cpSync(join(root, "bin"), join(home.work, "bin"), { recursive: true });
  for (const bundle of ["cli.cjs", "daemon.cjs"]) cpSync(join(root, "dist", bundle), join(dist, bundle));
  symlinkSync(join(root, "node_modules"), join(home.work, "node_modules"));
  const call = (...words: string[]) =>
    execFileSync(join(home.work, "bin/agentctl.js"), words, {
      env: home.env,
      cwd: home.work,
      stdio: "ignore",
    });
  call("daemon", "start");
  const cache = join(dist, `daemon.cjs.${process.version}.daemon.cache`);
  await until(() => existsSync(cache), { message: "the compiled code" });
  const [bundle] = readFileSync(join(dist, "daemon.cjs"), "latin1").split("\n");
  expect(`//${readFileSync(cache, "latin1").slice(-16)}`).toBe(bundle);
  const { size } = statSync(cache);
  call("run", "--wait", "true");
  call("daemon", "stop");
  await until(() => statSync(cache).size > size + 20_000, { message: "more compiled code" });
});

it("loads only the Node modules that talking to the daemon needs, for daily commands", async ({ home }) => {
  await home.run("--hold", "true");
  const note = join(home.work, "note.cjs");
  const source =
    "process.on('exit', () => require('fs').writeFileSync('loaded', process.moduleLoadList.join('\\n')))";
  writeFileSync(note, source);
  for (const words of [["list"], ["show", "1"], ["run", "--hold", "true"], ["hold", "1"], ["cancel", "1"]]) {
    const args = ["--require", note, "--", launcher, ...words];
    execFileSync(process.execPath, args, { env: home.env, cwd: home.work, stdio: "ignore" });
    const loaded = readFileSync(join(home.work, "loaded"), "utf8").split("\n");
    // To load each of these takes as long as all of the command's own code.
    expect(loaded, words.join(" ")).not.toContain("NativeModule crypto");
    expect(loaded, words.join(" ")).not.toContain("NativeModule child_process");
    expect(loaded, words.join(" ")).toContain("NativeModule net");
  }
});
