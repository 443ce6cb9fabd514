/** A home with coding agents on its PATH: one program that acts as each of them, and a script of what it does. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Home } from "../harness/index.ts";
import { notes } from "./story.ts";

const program = join(import.meta.dirname, "../fake-agent/agent.mjs");
export const agents = ["claude", "codex", "opencode", "gemini"] as const;

type Step = Record<string, unknown>;

/** A command that waits for a file `go-<n>` where it is gated, and leaves a line in `progress.log`. */
export function step(n: number, options: { gated?: boolean } & Step = {}): Step {
  const { gated = false, ...more } = options;
  const wait = gated ? `echo begun-${n} >> begun.log; while [ ! -e go-${n} ]; do sleep 0.05; done; ` : "";
  return { tool: true, cmd: `${wait}echo step-${n} >> progress.log; echo done-${n}`, ...more };
}

/** What a task is submitted with so that it runs as an agent that does these steps. */
export function agentTask(home: Home, name: string, steps: Step[], env: Record<string, string> = {}) {
  const bin = home.file("bin");
  mkdirSync(bin, { recursive: true });
  mkdirSync(home.file("agent-home"), { recursive: true });
  for (const agent of ["claude", "codex", "opencode", "gemini", "acp", "own"]) {
    try {
      symlinkSync(program, join(bin, agent));
    } catch {
      // It is there from an earlier task.
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

/** The same as options of `run`. */
export function agentOptions(
  home: Home,
  name: string,
  steps: Step[],
  env: Record<string, string> = {},
): string[] {
  const given = agentTask(home, name, steps, env).env;
  // Its rules ask for each command: what is tested here is something else.
  const more = name === "gemini" ? ["--permissions", "all"] : [];
  const variables = Object.entries(given).flatMap(([key, text]) => ["--env", `${key}=${text}`]);
  return ["--agent", name, ...more, ...variables];
}

/** What the tools have left, as a list of steps. */
export function progress(home: Home): string[] {
  return notes(home, "progress.log");
}
