import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { closeHome, Home, installed, it, sshdFor } from "../harness/index.ts";
import { notes, open, taskModule } from "./story.ts";

/** The environment of a login on the machine of `box`, as shell code. */
function login(box: Home): string {
  return `export HOME="${box.work}" AGENTCTL_HOME="${box.dir}" PATH="${installed(box)}:$PATH"`;
}

/** A replacement for ssh that runs the command here, as the machine of `box` would, and notes its arguments. */
function insteadOfSsh(box: Home): string {
  return box.script(
    `echo "$*" >> "${box.file("ssh-words")}"
     while :; do case $1 in -p) shift 2 ;; -*) shift ;; *) break ;; esac; done
     [ "$1" != away ] || { echo "ssh: connect to host away port 22: No route to host" >&2; exit 255; }
     shift
     ${login(box)}
     cd "$HOME" && exec sh -c "$*"`,
    "ssh",
  );
}

/** Another user's machine, without a daemon and without access to the box's home. */
function laptop(ssh: string): Home {
  const near = new Home();
  delete near.env.AGENTCTL_HOME;
  near.env.AGENTCTL_SSH = ssh;
  onTestFinished(async () => {
    await near.disconnect();
    expect(existsSync(join(near.work, ".agentctl"))).toBe(false);
    expect(await closeHome(near)).toEqual([]);
  });
  return near;
}

it("runs every command on another machine as if typed there", async ({ home }) => {
  const near = laptop(insteadOfSsh(home));
  const on = (...words: string[]) => near.cli("--host", "ssh://ada@box", ...words);
  const ran = await on("run", "-f", "sh", "-c", 'echo "$PWD|$COLOUR|$GIVEN"; exit 7', "");
  expect(ran).toMatchObject({ code: 7, stdout: `${home.work}||\n` });
  expect(notes(home, "ssh-words")[0]).toBe(
    "-T -oRemoteCommand=none -oClearAllForwardings=yes ada@box agentctl daemon stdio",
  );
  const given = await near.cli(
    "run",
    "--host=ssh://box",
    "--env",
    "GIVEN",
    "-w",
    "sh",
    "-c",
    'echo "$GIVEN"',
    {
      env: { COLOUR: "red", GIVEN: "yes" },
    },
  );
  expect(given).toMatchObject({ code: 0, stdout: "2\n" });
  expect((await on("logs", "2")).stdout).toBe("yes\n");
  const asking = home.module(taskModule('return (await task.ask("which?")) + input;'));
  const id = Number((await on("run", asking, "--input", "7")).stdout);
  expect(id).toBe(3);
  await home.reaches(id, "input-required");
  expect(await on("answer", `${id}`, "tea")).toMatchObject({ code: 0 });
  expect(await near.cli("wait", `${id}`, "--host", "ssh://box")).toMatchObject({ code: 0 });
  const long = Number(
    (await on("run", "sh", "-c", "until [ -e go ]; do sleep 0.02; done; echo end; exit 5")).stdout,
  );
  const following = near.spawn("logs", "-f", `${long}`, "--host", "ssh://box");
  expect(await on("pause", `${long}`)).toMatchObject({ code: 0 });
  expect(await near.json("list", "--host", "ssh://box")).toMatchObject([{}, {}, {}, { state: "suspended" }]);
  expect(await on("resume", `${long}`)).toMatchObject({ code: 0 });
  open(home);
  expect(await following.ended).toMatchObject({ code: 0, stdout: "end\n" });
  expect(await on("wait", `${long}`)).toMatchObject({ code: 5 });
  expect(await on("cancel", `${long}`)).toEqual(await home.cli("cancel", `${long}`));
  expect(await on("show", "99")).toMatchObject({ code: 3 });
  expect(await on("daemon", "status")).toMatchObject({ code: 0 });
});

it("refuses commands that work only on this machine, and suggests what helps", async ({ home }) => {
  const near = laptop(insteadOfSsh(home));
  const on = (...words: string[]) => near.cli("--host", "ssh://box:2222", ...words);
  const doctor = await on("doctor");
  expect(doctor.code).toBe(4);
  expect(doctor.stderr).toContain("ssh -p 2222 box agentctl doctor");
  const typed = ["config", "set", "a2a", '{"name": "x"}'] as const;
  const odd = await near.cli(...typed, "--host", "ssh://a;id@box/with a space");
  const line = odd.stderr.split("\n").at(-2)?.replace("  ssh ", "printf '%s\\n' ");
  const words = (await near.sh(`${line}`)).stdout.split("\n").slice(0, -1);
  const there = ["env", "AGENTCTL_HOME='/with a space'", "agentctl", "config", "set", "a2a"];
  expect(words).toEqual(["a;id@box", ...there, `'{"name": "x"}'`]);
  expect((await on("hook", "list")).stderr).toContain("config.json of ssh://box:2222 lists no hooks");
  writeFileSync(near.file("here.mjs"), "");
  for (const module of ["task.ts", "here.mjs"]) {
    const relative = await on("run", module);
    expect(relative.code).toBe(2);
    expect(relative.stderr).toContain(`${module} is a relative path`);
  }
  for (const host of ["ssh://-oProxyCommand=x", "ssh://-l@box", "box", "unix://relative", "ssh://"])
    expect((await near.cli("list", "--host", host)).code).toBe(2);
  const away = await near.cli("list", "--host", "ssh://away");
  expect(away.code).toBe(5);
  expect(away.stderr).toContain("No route to host");
  expect(away.stderr).toContain("ssh away agentctl daemon status");
  const socket = await near.cli("list", "--host", `unix://${home.socket}.none`);
  expect(socket).toMatchObject({ code: 5 });
});

it("manages contexts; an option wins over a variable, a variable over the current one", async ({ home }) => {
  const near = laptop(insteadOfSsh(home));
  const other = join(near.root, "other");
  await home.run("--name", "theirs", "true");
  expect((await near.cli("context", "add", "box", `ssh://box${home.dir}`)).code).toBe(0);
  expect((await near.cli("context", "add", "socket", `unix://${home.socket}`)).code).toBe(0);
  const added = await near.cli("context", "add", "other", "../other");
  expect([added.code, added.stderr]).toEqual([
    0,
    expect.stringContaining(`context other is the home ${other};`),
  ]);
  const again = await near.cli("context", "add", "other", other.replace(/other$/, "another"));
  expect(again.stderr).toContain(`another, and no longer the home ${other};`);
  await near.cli("context", "add", "other", "../other");
  const fixed = await near.cli("context", "add", "default", "/elsewhere");
  expect([fixed.code, fixed.stderr]).toEqual([
    2,
    expect.stringContaining("is always the home of this machine"),
  ]);
  for (const typo of ["ssh:/box", "ssh:box", "unix:/a/socket"])
    expect((await near.cli("context", "add", "typo", typo)).code).toBe(2);
  expect((await near.cli("context", "add", "-x", "ssh://box")).code).toBe(2);
  expect((await near.cli("context", "use", "nothing")).code).toBe(3);
  const names = async (env: Record<string, string> = {}, ...words: string[]) => {
    const { stdout } = await near.cli("list", "--all", "--json", ...words, { env });
    return JSON.parse(stdout).map(({ name }: { name: string }) => name);
  };
  expect(await names({}, "--context", "box")).toEqual(["theirs"]);
  expect(await names({ AGENTCTL_CONTEXT: "socket" })).toEqual(["theirs"]);
  expect(await names({ AGENTCTL_HOST: "ssh://away" }, "--context", "socket")).toEqual(["theirs"]);
  expect(await names({ AGENTCTL_CONTEXT: "socket", AGENTCTL_HOME: other })).toEqual(["theirs"]);
  expect(await names({ AGENTCTL_HOST: "ssh://away" }, "--host", `unix://${home.socket}`)).toEqual(["theirs"]);
  expect((await near.cli("context", "use", "socket")).code).toBe(0);
  expect(await names()).toEqual(["theirs"]);
  expect(await names({ AGENTCTL_HOME: other })).toEqual([]);
  expect(await near.json("context", "list")).toEqual([
    { name: "box", host: `ssh://box${home.dir}`, home: null, current: false },
    { name: "socket", host: `unix://${home.socket}`, home: null, current: true },
    { name: "other", host: null, home: other, current: false },
  ]);
  expect(await near.cli("context", "remove", "socket")).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("it was the current context"),
  });
  expect((await near.json("context", "list")).some(({ current }: { current: boolean }) => current)).toBe(
    false,
  );
});

it("keeps contexts in the file that a link leads to, and names the command that writes them", async ({
  home,
}) => {
  const near = laptop(insteadOfSsh(home));
  const [kept, link] = [join(near.root, "kept.json"), join(near.root, "config/agentctl/contexts.json")];
  mkdirSync(join(near.root, "config/agentctl"), { recursive: true });
  writeFileSync(kept, "{}");
  symlinkSync(kept, link);
  const env = { XDG_CONFIG_HOME: join(near.root, "config") };
  expect((await near.cli("context", "add", "box", "ssh://box", { env })).code).toBe(0);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(JSON.parse(readFileSync(kept, "utf8"))).toMatchObject({ contexts: { box: { host: "ssh://box" } } });
  writeFileSync(kept, "{,}");
  expect(await near.cli("list", { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("agentctl context add writes a new one"),
  });
});

it("reaches a machine over a real sshd", async ({ home, skip }) => {
  const near = laptop("");
  const { host } = await sshdFor(home, near, { skip });
  const ran = await near.cli("run", "--host", host, "-f", "sh", "-c", "echo over ssh; exit 9");
  expect(ran).toMatchObject({ code: 9, stdout: "over ssh\n" });
  expect(readFileSync(join(home.dir, "logs", "1", "1.log"), "utf8")).toBe("over ssh\n");
});
