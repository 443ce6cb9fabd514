import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter } from "node:path";
import { beforeEach, describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, needs } from "../harness/index.ts";

/** A shell of this home, on whose PATH agentctl is. */
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

/** What each shell offers behind `agentctl` and these words, sorted. */
const shells: Record<string, (home: Home, words: string[]) => string[]> = {
  zsh(home, words) {
    // As zsh's own bashcompinit calls it.
    const script = `compdef() { :; }
eval "$(agentctl completion zsh)"
offered() {
  emulate -L sh; setopt kshglob noshglob braceexpand
  COMP_WORDS=(agentctl "$@"); COMP_CWORD=$#; _agentctl; printf '%s\\n' "\${COMPREPLY[@]}"
}
offered "$@"`;
    const lines = shell(home, ["zsh", "-f", "-c", script, "zsh", ...words]).split("\n");
    // It takes from these what begins as the word does.
    const fitting = lines.filter((line) => line.startsWith(words.at(-1) ?? ""));
    return fitting.flatMap((line) => line.replace(/^--\w+=/, "").trim() || []).sort();
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

describe.for(Object.entries(shells))("%s completes", ([name, complete]) => {
  beforeEach(({ skip }) => needs(skip, name));

  it("commands, options, and what may stand in each place", async ({ home }) => {
    const held = await home.run("--hold", "true");
    await home.cli("queue", "set", "nightly", "--slots", "1");
    const offered = (...words: string[]) => complete(home, words);
    expect(offered("pa")).toEqual(["pause"]);
    expect(offered("queue", "re")).toEqual(["release", "remove"]);
    expect(offered("queue", "set", "x", "--sl")).toEqual(["--slots"]);
    expect(offered("queue", "set", "")).toEqual(["default", "nightly"]);
    expect(offered("run", "--queue", "ni")).toEqual(["nightly"]);
    expect(offered("run", "--after", "")).toEqual([`${held}`]);
    expect(offered("pause", "--mode", "")).toEqual(["auto", "checkpoint", "freeze"]);
    expect(offered("pause", "--color", "n")).toEqual(["never"]);
    expect(offered("pause", "")).toEqual([`${held}`]);
    expect(offered("list", "--state", "su")).toEqual(["submitted", "suspended"]);
    expect(offered("config", "get", "pause")).toEqual(["pause.grace"]);
    if (name !== "fish") {
      expect(offered("run", "--queue=ni")).toEqual(["nightly"]);
      expect(offered("run", "--name", "")).toEqual([]);
      expect(offered("queue", "set", "default", "")).toEqual([]);
      expect(offered("pause", `${held}`, "")).toEqual([`${held}`]);
      expect(offered("send", `${held}`, "")).toEqual([]);
      expect(offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
    }
    await home.cli("daemon", "stop");
    // Without a daemon nobody is asked, and none is started.
    expect(offered("pause", "").filter((word) => word !== "bin/")).toEqual([]);
    expect(await home.daemonPid()).toBeNull();
  });
});
