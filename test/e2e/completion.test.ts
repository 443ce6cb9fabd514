import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { beforeEach, describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, needs } from "../harness/index.ts";

/** Runs a shell in this home with agentctl on its PATH, and returns its output. */
function shell(home: Home, argv: [string, ...string[]]): string {
  const bin = home.file("bin");
  if (!existsSync(bin)) {
    mkdirSync(bin);
    symlinkSync(launcher, home.file("bin/agentctl"));
  }
  const env = { ...home.env, PATH: [bin, home.env.PATH].join(delimiter), TERM: "dumb" };
  const { stdout, stderr } = spawnSync(argv[0], argv.slice(1), { encoding: "utf8", env, cwd: home.work });
  expect(stderr).toBe("");
  return stdout;
}

/** What each shell offers after `agentctl` and these words, sorted. */
const shells: Record<string, (home: Home, words: string[]) => string[]> = {
  zsh(home, words) {
    const script = 'eval "$(agentctl completion zsh)"; _agentctl_candidates "$@"';
    const lines = shell(home, ["zsh", "-f", "-c", script, "zsh", ...words]).split("\n");
    // zsh itself filters these by the start of the word.
    const typed = words.at(-1)?.replace(/^--\w+=/, "") ?? "";
    return lines
      .flatMap((line) => line.split("\t")[0] || [])
      .filter((word) => word.startsWith(typed))
      .sort();
  },
  bash(home, words) {
    const typed = words.flatMap((word) => word.split(/(?<==)|(?==)/));
    const script = `eval "$(agentctl completion bash)"
COMP_WORDS=(agentctl "$@"); COMP_CWORD=$#; _agentctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shell(home, ["bash", "-c", script, "bash", ...typed])
      .split("\n")
      .filter(Boolean)
      .sort();
  },
  fish(home, words) {
    const script = "agentctl completion fish | source; complete -C $argv[1]";
    const lines = shell(home, ["fish", "--no-config", "-c", script, `agentctl ${words.join(" ")}`]).split(
      "\n",
    );
    return lines.flatMap((line) => line.split("\t")[0] || []).sort();
  },
};

function hasTerminals(home: Home): boolean {
  return shell(home, ["zsh", "-f", "-c", "zmodload zsh/zpty 2>/dev/null && echo yes || echo no"]) === "yes\n";
}

/** What each shell offers where programs and files may stand, including the shell's own completions. */
const programs: Record<string, (home: Home, words: string[]) => string[]> = {
  bash(home, words) {
    const script = `eval "$(agentctl completion bash)"
compopt() { case "$*" in *default*) asked=1 ;; esac; }
COMP_WORDS=(agentctl "$@"); COMP_CWORD=$#; _agentctl
[ -z "$asked" ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shell(home, ["bash", "-c", script, "bash", ...words])
      .split("\n")
      .filter(Boolean)
      .sort();
  },
  zsh(home, words) {
    const script = `zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PS1=rea""dy; unsetopt list_ambiguous; autoload -U compinit; compinit -D -u; eval "$(agentctl completion zsh)"'
zpty -r inner seen '*ready*'
zpty -w -n inner "agentctl $*"$'\t'
zpty -w inner $'\x15echo en""ded'
zpty -r inner seen '*ended*'
zpty -d inner
print -r -- "$seen"`;
    const seen = shell(home, ["zsh", "-f", "-c", script, "zsh", ...words]);
    return [...new Set(seen.match(/\bown-(program|file|folder)\b/g) ?? [])].sort();
  },
  fish: (home, words) => shells.fish?.(home, words) ?? [],
};

describe.for(Object.entries(shells))("%s", ([name, complete]) => {
  beforeEach(({ skip }) => needs(skip, name));

  it("completes commands, options and the arguments of each command", async ({ home }) => {
    const held = await home.run("--hold", "true");
    const working = await home.run("--name", "build-a", "sleep", "60");
    await home.reaches(working, "working");
    const ended = await home.run("true");
    await home.reaches(ended, "completed");
    await home.cli("schedule", "add", "backup", "@daily", "true");
    await home.cli("queue", "set", "nightly", "--slots", "1");
    await home.cli("config", "set", "hooks", '[{"on": ["failed"], "run": ["true"]}]');
    const offered = (...words: string[]) => complete(home, words);
    expect(offered("pa")).toEqual(["pause"]);
    expect(offered("queue", "re")).toEqual(["release", "remove"]);
    expect(offered("queue", "set", "x", "--sl")).toEqual(["--slots"]);
    expect(offered("queue", "set", "")).toEqual(["default", "nightly"]);
    expect(offered("run", "--queue", "ni")).toEqual(["nightly"]);
    expect(offered("run", "--after", "")).toEqual([`${held}`, `${working}`, `${ended}`, "build-a"]);
    expect(offered("pause", "--mode", "")).toEqual(["auto", "checkpoint", "freeze"]);
    expect(offered("pause", "--color", "n")).toEqual(["never"]);
    expect(offered("pause", "")).toEqual([`${working}`, "build-a"]);
    expect(offered("pause", "--grace", "5s", "bu")).toEqual(["build-a"]);
    expect(offered("release", "")).toEqual([`${held}`]);
    expect(offered("rerun", "")).toEqual([`${ended}`]);
    expect(offered("schedule", "pause", "")).toEqual(["backup"]);
    expect(offered("hook", "test", "")).toEqual(["1"]);
    expect(offered("help", "paus")).toEqual(["pause", "pausing"]);
    expect(offered("list", "--state", "su")).toEqual(["submitted", "suspended"]);
    expect(offered("config", "get", "pause")).toEqual(["pause.grace"]);
    if (name !== "fish") {
      expect(offered("run", "--queue=ni")).toEqual(["nightly"]);
      expect(offered("run", "--name", "")).toEqual([]);
      expect(offered("queue", "set", "default", "")).toEqual([]);
      expect(offered("cancel", `${held}`, "--grace", "1s", "")).toEqual([`${held}`, `${working}`, "build-a"]);
      expect(offered("send", `${held}`, "")).toEqual([]);
      expect(offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
    }
    const left =
      "import { defineTask } from 'agentctl';" +
      "export default defineTask(async (task) => { await task.save(1); await task.artifact('report', 'text'); })";
    const module = await home.run(home.module(left));
    await home.reaches(module, "completed");
    expect(offered("artifact", "get", `${module}`, "")).toEqual(["report"]);
    expect(offered("checkpoint", "get", `${module}`, "--seq", "")).toEqual(["1"]);
    expect(offered("rerun", `${module}`, "--from", "")).toEqual(["1"]);
    await home.cli("daemon", "stop");
    // Without a daemon the completion offers no tasks, and it starts no daemon.
    expect(offered("pause", "").filter((word) => word !== "bin/")).toEqual([]);
    expect(await home.daemonPid()).toBeNull();
  });
});

describe.for(Object.entries(shells))("%s", ([name, complete]) => {
  beforeEach(({ skip }) => needs(skip, name));

  it("completes contexts, also without a daemon", async ({ home }) => {
    await home.cli("context", "add", "box", "ssh://box");
    await home.cli("context", "add", "far", "/far");
    await home.cli("context", "use", "box");
    const places = [
      ["context", "use"],
      ["context", "remove"],
      ["list", "--context"],
    ];
    for (const place of [...places, ["artifact", "get", "1", "--context"]])
      expect([place, complete(home, [...place, ""])]).toEqual([place, ["box", "default", "far"]]);
    expect(await home.daemonPid()).toBeNull();
  });

  it("completes columns, also after a comma, and names after an alias of a command", async ({ home }) => {
    await home.cli("queue", "set", "nightly", "--slots", "1");
    const offered = (...words: string[]) => complete(home, words);
    expect(offered("list", "--sort", "st")).toEqual(["started", "state"]);
    expect(offered("list", "--columns", "st")).toEqual(["started", "state"]);
    expect(offered("list", "--columns", "id,name,st")).toEqual(["id,name,started", "id,name,state"]);
    if (name !== "fish") expect(offered("list", "--columns=id,pr").length).toBe(2);
    expect(offered("queue", "rm", "ni")).toEqual(["nightly"]);
    expect(offered("queue", "l")).toEqual(["list"]);
  });

  it("completes programs and files after run, and only files after a program", ({ home, skip }) => {
    if (name === "zsh") skip(!hasTerminals(home), "this zsh has no module for terminals");
    expect(complete(home, ["pa"])).toEqual(["pause"]);
    home.script("true", "bin/own-program");
    mkdirSync(home.file("own-folder"));
    writeFileSync(home.file("own-file"), "");
    const behind = (...words: string[]) =>
      programs[name]?.(home, words).map((word) => word.replace(/\/$/, ""));
    const files = ["own-file", "own-folder"];
    for (const words of [["run"], ["run", "-q", "a", "--"], ["edit", "3", "--"], ["rerun", "3", "--"]])
      expect([words, behind(...words, "own-")]).toEqual([words, [...files, "own-program"]]);
    expect(behind("schedule", "add", "x", "@daily", "own-")).toEqual([...files, "own-program"]);
    for (const words of [
      ["run", "make"],
      ["edit", "3", "--", "make"],
    ])
      expect([words, behind(...words, "own-")]).toEqual([words, files]);
    expect(behind("pause", "own-")).toEqual([]);
  });
});

it("completes in zsh at the first Tab if the script is in fpath", async ({ home, skip }) => {
  needs(skip, "zsh");
  writeFileSync(home.file("_agentctl"), (await home.cli("completion", "zsh")).stdout);
  const script = `zmodload zsh/zpty || { echo no zpty; exit }
zpty inner zsh -f -i
zpty -w inner 'fpath=($PWD $fpath); autoload -U compinit; compinit -D -u; echo rea""dy'
zpty -r inner seen '*ready*'
zpty -w -n inner $'agentctl pau\t'
zpty -r inner seen '*pause *'
zpty -d inner
print -r -- "$seen"`;
  const seen = shell(home, ["zsh", "-f", "-c", script]);
  if (seen === "no zpty\n") skip("this zsh has no module for terminals");
  expect(seen).toContain("pause ");
});
