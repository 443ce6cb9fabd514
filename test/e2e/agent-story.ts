/** A home with coding agents on its PATH: one program that acts as each of them, by a script. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Home } from "../harness/index.ts";
import { notes } from "./story.ts";

const program = join(import.meta.dirname, "../fake-agent/agent.mjs");
export const agents = ["claude", "codex", "opencode", "gemini"] as const;

type Step = Record<string, unknown>;

/** A command that adds a line to `progress.log`. If gated, it first waits for the file `go-<n>`. */
export function step(n: number, options: { gated?: boolean } & Step = {}): Step {
  const { gated = false, ...more } = options;
  const wait = gated ? `echo begun-${n} >> begun.log; while [ ! -e go-${n} ]; do sleep 0.05; done; ` : "";
  return { tool: true, cmd: `${wait}echo step-${n} >> progress.log; echo done-${n}`, ...more };
}

/** Returns the fields to submit a task that runs as this agent with these steps. */
export function agentTask(home: Home, name: string, steps: Step[], env: Record<string, string> = {}) {
  const bin = home.file("bin");
  mkdirSync(bin, { recursive: true });
  mkdirSync(home.file("agent-home"), { recursive: true });
  for (const agent of ["claude", "codex", "opencode", "gemini", "acp", "own"]) {
    try {
      symlinkSync(program, join(bin, agent));
    } catch {
      // An earlier task has created the link.
    }
  }
  const script = home.file(`script-${name}-${Math.random()}.json`);
  writeFileSync(script, JSON.stringify(steps));
  const given = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: home.file("agent-home"),
    FAKE_SCRIPT: script,
    ...env,
  };
  return { agent: name, prompt: "do it", env: given };
}

/** The same task as {@link agentTask}, as options of `run`. */
export function agentOptions(
  home: Home,
  name: string,
  steps: Step[],
  env: Record<string, string> = {},
): string[] {
  const given = agentTask(home, name, steps, env).env;
  // By its default rules this agent asks before each command, which these tests do not cover.
  const more = name === "gemini" ? ["--permissions", "all"] : [];
  const variables = Object.entries(given).flatMap(([key, text]) => ["--env", `${key}=${text}`]);
  return ["--agent", name, ...more, ...variables];
}

/** The steps that the tools have noted in `progress.log`. */
export function progress(home: Home): string[] {
  return notes(home, "progress.log");
}
