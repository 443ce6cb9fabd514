import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { type Home, it } from "../harness/index.ts";

/** The number of tasks. A refusal stores nothing. */
const stored = async (home: Home) => (await home.rpc("tasks/list", {})).tasks.length;

/** Options of `run`, with the exit code and the message of the command. */
const commands: [words: string[], code: number, says: string | RegExp][] = [
  [["--cwd", "/no/such", "true"], 2, "--cwd: /no/such does not exist"],
  [["--cwd", "/etc/passwd", "true"], 2, "--cwd: /etc/passwd is not a directory"],
  [["--cwd", "", "true"], 2, "--cwd: may not be empty"],
  [["--env-file", "", "true"], 2, "--env-file: may not be empty"],
  [["--stdin", "", "cat"], 2, "--stdin: may not be empty"],
  [["./missing.ts"], 2, /missing\.ts does not exist/],
  [["--env-file", "gone.env", "true"], 2, /--env-file: .*gone\.env cannot be read: there is no such file/],
  [["no-such-program"], 127, "cannot start no-such-program: it was not found on the PATH"],
  [["no-such.mjs"], 127, /no-such\.mjs: it was not found on the PATH, nor as a task module in \/.*\/work\n/],
  [["--cwd", "/", "./data"], 127, "cannot start ./data: it was not found in /\n"],
  [["./data"], 126, "cannot start ./data: it is not executable\n  chmod +x ./data makes it executable\n"],
  [["--name", " ", "true"], 2, "--name: may not be blank"],
  [["--timeout", "0s", "true"], 2, "--timeout: must be at least 1ms"],
  [["--at", "2020-01-01", "true"], 2, '--at: "2020-01-01" is in the past'],
  [["--env", "=x", "true"], 2, "--env: "],
  [["--env-file", "export.env", "true"], 2, /line 2 of .*export\.env has a space in the name "export K"/],
  [["--env-file", "junk.env", "true"], 2, /line 1 of .*junk\.env is not of the form NAME=value/],
  [["--env-file", "noname.env", "true"], 2, /line 3 of .*noname\.env has no name before its =/],
  [["--env-file", "latin1.env", "true"], 2, /line 2 of .*latin1\.env is not valid UTF-8/],
];

function furnish(home: Home): void {
  writeFileSync(home.file("data"), "no program", { mode: 0o644 });
  writeFileSync(home.file("export.env"), "A=1\nexport K=secret\n");
  writeFileSync(home.file("junk.env"), "secret\n");
  writeFileSync(home.file("noname.env"), "# comment\n\n=x\n");
  writeFileSync(home.file("latin1.env"), Buffer.from("A=1\nB=\xe9\n", "latin1"));
}

describe("a submission that cannot work", () => {
  it("is refused by run, which names the option and the line, but no value of a file", async ({ home }) => {
    furnish(home);
    for (const [words, code, says] of commands) {
      const result = await home.cli("run", ...words);
      expect([words, result.code, result.stdout]).toEqual([words, code, ""]);
      expect(result.stderr).toMatch(says);
      expect(result.stderr).not.toContain("secret");
    }
    expect(await stored(home)).toBe(0);
  });

  it("is refused by tasks/create, which names the field, and batch names the line", async ({ home }) => {
    furnish(home);
    await home.cli("daemon", "start");
    const env = { PATH: process.env.PATH };
    const refused: [object, string, number?][] = [
      [{ argv: ["true"], cwd: "/no/such" }, "cwd"],
      [{ module: "/no/such.ts" }, "module"],
      [{ argv: ["true"], envFile: home.file("junk.env") }, "envFile"],
      [{ argv: ["no-such-program"] }, "argv", 127],
      [{ argv: ["true"], notBefore: "2020-01-01T00:00:00Z" }, "notBefore"],
      [{ argv: ["true"], env: { "": "x" } }, "env"],
      [{ argv: ["true"], env: { "A=B": "x" } }, "env"],
      [{ argv: ["echo", "half \ud83d"] }, "argv.1"],
      [{ argv: ["echo", "x".repeat(200_000)] }, "argv"],
      [{ argv: ["echo", ...Array(100).fill("x".repeat(100_000))] }, "argv"],
    ];
    for (const [params, field, exitCode] of refused) {
      const error = await home.rpc("tasks/create", { env, ...params }).catch((thrown) => thrown);
      expect([error.code, error.data?.exitCode]).toEqual([-32602, exitCode]);
      expect(error.data.field).toMatch(new RegExp(`^${field}`));
      const input = `{"argv":["true"]}\n\n${JSON.stringify(params)}\n`;
      const batch = await home.cli("batch", { input });
      expect([batch.code, batch.stdout]).toEqual([exitCode ?? 2, ""]);
      expect(batch.stderr).toContain("line 3");
    }
    expect(await stored(home)).toBe(0);
  });

  it("is accepted again with the key of a stored task, and with --accept-missing", async ({ home }) => {
    const program = home.script("echo ran", "later");
    const first = await home.run("--key", "k", "--hold", program);
    execFileSync("/bin/rm", [program]);
    expect(await home.run("--key", "k", "--hold", program)).toBe(first);
    const refused = await home.cli("run", program);
    expect([refused.code, refused.stderr]).toEqual([127, expect.stringContaining("--accept-missing")]);
    const later = ["--accept-missing", "--hold", "--cwd", home.file("sub"), "--env-file", "e", "./prog"];
    const id = await home.run(...later);
    mkdirSync(home.file("sub"));
    writeFileSync(home.file("e"), "A=1\n");
    home.script('echo "$A"', "sub/prog");
    await home.cli("release", `${id}`);
    await home.reaches(id, "completed");
    expect((await home.cli("logs", `${id}`)).stdout).toBe("1\n");
    await home.cli("cancel", `${first}`);
    expect((await home.cli("rerun", `${first}`)).code).toBe(127);
  });
});

describe("a shell command line as one word", () => {
  const line = "make test && echo 'ok'";
  const quoted = "sh -c 'make test && echo '\\''ok'\\'''";

  it("is refused with the command that passes it to a shell", async ({ home }) => {
    const id = await home.run("--hold", "true");
    const ended = await home.run("true");
    await home.reaches(ended, "completed");
    const commands: [words: string[], helps: string][] = [
      [["run", line], `agentctl run ${quoted}`],
      [["edit", `${id}`, "--", line], `agentctl edit ${id} -- ${quoted}`],
      [["rerun", `${ended}`, "--", line], `agentctl rerun ${ended} -- ${quoted}`],
      [["schedule", "add", "s", "@daily", line], `agentctl schedule add s @daily ${quoted}`],
    ];
    for (const [words, helps] of commands) {
      const { code, stderr } = await home.cli(...words);
      expect([words, code !== 0]).toEqual([words, true]);
      expect(stderr).toContain(`\n  ${helps} has a shell read it\n`);
    }
    const input = `${JSON.stringify({ argv: [line] })}\n`;
    const { stderr } = await home.cli("batch", { input });
    expect(stderr).toContain(`\n  "argv":${JSON.stringify(["sh", "-c", line])} has a shell read it\n`);
  });

  it("is distinguished from a missing program, for which --accept-missing helps", async ({ home }) => {
    const later = "submits it all the same, for what exists only later";
    const { stderr } = await home.cli("run", "no-such-program");
    expect(stderr).toContain(`\n  --accept-missing ${later}\n`);
    const batch = await home.cli("batch", { input: '{"argv":["no-such-program"]}\n' });
    expect(batch.stderr).toContain(`\n  acceptMissing ${later}\n`);
  });
});

it("refuses only commands that need the current directory after it was deleted", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const lines = `mkdir gone; cd gone; rmdir ../gone
    for words in list "show ${id}" "run --cwd / pwd" "cancel ${id}" "run true"; do agentctl $words >/dev/null 2>&3; echo $?; done`;
  const { stdout, stderr } = await home.sh(`exec 3>&2 2>/dev/null; ${lines}`);
  expect(stdout).toBe("0\n0\n0\n0\n2\n");
  expect(stderr).toContain("the current directory does not exist any more");
});

it.skipIf(process.platform !== "linux")(
  "names a current directory that is not valid UTF-8",
  async ({ home }) => {
    const lines =
      'd=$(printf \'d\\377\'); mkdir "$d"; cd "$d"; agentctl run pwd; echo $?; agentctl run --cwd / pwd';
    const { stdout, stderr } = await home.sh(lines);
    expect([stdout, stderr]).toEqual(["2\n1\n", expect.stringContaining("not valid UTF-8")]);
  },
);

it("reads a time as local only if it knows the time zone", async ({ home }) => {
  const at = async (TZ: string, time: string) => {
    const { code, stdout, stderr } = await home.cli("run", "--json", "--at", time, "true", { env: { TZ } });
    return code === 0 ? JSON.parse(stdout).waiting.until : [code, stderr.includes(TZ) || stdout.includes(TZ)];
  };
  const noon = "2031-01-15T12:00";
  expect(await at("EST5EDT,M3.2.0,M11.1.0", noon)).toEqual([2, true]);
  expect(await at("<+05>-5", noon)).toBe("2031-01-15T07:00:00.000Z");
  expect(await at("EST5EDT,M3.2.0,M11.1.0", `${noon}-05:00`)).toBe("2031-01-15T17:00:00.000Z");
  expect(await at("America/New_York", noon)).toBe("2031-01-15T17:00:00.000Z");
  expect(await at("JST-9", noon)).toBe("2031-01-15T03:00:00.000Z");
});

it("computes with the time zone file that TZ names, and refuses a schedule in an unknown zone", async ({
  home,
  skip,
}) => {
  const file = "/usr/share/zoneinfo/America/New_York";
  skip(!existsSync(file), "there are no files of zones here");
  symlinkSync(file, home.file("localtime"));
  const late = await home.json("run", "--at", "2031-01-15T12:00", "true", {
    env: { TZ: `:${home.file("localtime")}` },
  });
  expect(late.waiting.until).toBe("2031-01-15T17:00:00.000Z");
  const zones = [`:${file}`, ":Europe/Berlin", "JST-9", "UTC0", ""];
  const added: string[] = [];
  for (const [n, TZ] of zones.entries())
    added.push((await home.json("schedule", "add", `s${n}`, "@daily", "--", "true", { env: { TZ } })).tz);
  expect(added.slice(0, 4)).toEqual(["America/New_York", "Europe/Berlin", "Etc/GMT-9", "UTC"]);
  expect(await home.cli("schedule", "add", "no", "@daily", "true", { env: { TZ: "Foo/Bar" } })).toMatchObject(
    {
      code: 2,
      stderr: expect.stringContaining("TZ=Foo/Bar is none that agentctl can compute with; give --tz"),
    },
  );
});

it("names the option as typed, not the daemon's parameter, if the daemon refuses it", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const long = "x".repeat(5000);
  const commands: [words: string[], names: string][] = [
    [["pause", `${id}`, "--reason", long], "--reason"],
    [["cancel", `${id}`, "--reason", long], "--reason"],
    [["queue", "set", "a b", "--slots", "1"], "<queue>"],
    [["queue", "set", "a", "--slots", "9999999999"], "--slots"],
    [["schedule", "add", "a b", "@daily", "true"], "<name>"],
    [["schedule", "add", "a", "61 * * * *", "true"], "<cron>"],
    [["schedule", "add", "a", "@daily", "--tz", "No/Zone", "true"], "--tz"],
    [["schedule", "add", "a", "@daily", "--name", "3", "true"], "--name"],
    [["schedule", "add", "a", "@daily", "--cwd", "/no/such", "true"], "--cwd"],
  ];
  for (const [words, names] of commands) {
    const { code, stderr } = await home.cli(...words);
    expect([words, code, stderr]).toEqual([words, 2, expect.stringMatching(`^agentctl: ${names}: `)]);
  }
});

it("explains in words why a file cannot be read", async ({ home }) => {
  const [missing, folder] = ["there is no such file", "it is a directory"];
  const commands: [words: string[], problem: string][] = [
    [["batch", "gone"], missing],
    [["batch", "."], folder],
    [["task", "import", "gone"], missing],
    [["task", "import", "."], folder],
    [["task", "import", "gone", "--passphrase-file", "."], folder],
    [["run", "--input", "@gone", home.module("export default 1")], missing],
  ];
  for (const [words, problem] of commands) {
    const { code, stderr } = await home.cli(...words);
    expect([words, code]).toEqual([words, 2]);
    expect(stderr).toContain(`cannot be read: ${problem}\n`);
  }
});
