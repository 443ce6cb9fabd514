import { PassThrough } from "node:stream";
import type { Context } from "../../../src/cli/command/context.ts";
import { aliasesOf, verb, verbNames } from "../../../src/cli/command/verbs.ts";
import { type ColorChoice, Output } from "../../../src/cli/text/output.ts";
import { pathsOf } from "../../../src/home/paths.ts";
import type { TaskJson } from "../../../src/protocol/methods.ts";

/** Half past noon, UTC. */
export const NOW = Date.parse("2026-05-01T12:30:00Z");

/** Returns a task as it is just after its submission, with `changes`. */
export function aTask(changes: Partial<TaskJson> = {}): TaskJson {
  return {
    id: 12,
    uuid: "019f0000-0000-7000-8000-000000000012",
    name: null,
    kind: "program",
    state: "submitted",
    held: false,
    waiting: null,
    queue: "default",
    priority: 0,
    labels: {},
    argv: ["make", "test"],
    module: null,
    prompt: null,
    agent: null,
    usage: null,
    worktree: null,
    cwd: "/work",
    after: [],
    slots: 1,
    slotNumbers: null,
    retries: 0,
    backoffMs: 1000,
    timeoutMs: null,
    attemptTimeoutMs: null,
    nice: null,
    attempt: null,
    schedule: null,
    edits: 0,
    stdin: null,
    maxAttempts: 1,
    moving: null,
    progress: null,
    pid: null,
    machine: null,
    createdAt: "2026-05-01T12:25:00.000Z",
    startedAt: null,
    updatedAt: "2026-05-01T12:25:00.000Z",
    endedAt: null,
    runMs: 0,
    pausedMs: 0,
    pause: null,
    checkpoint: null,
    question: null,
    exitCode: null,
    signal: null,
    result: null,
    error: null,
    ...changes,
  };
}

/** Returns an Output on real streams, with functions that return what was written. */
export function printed(options: { json?: boolean; color?: ColorChoice; env?: Record<string, string> } = {}) {
  const { json = false, color = "auto", env = {} } = options;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  // Without a size, Node 26 returns only the data of one write.
  const text = (stream: PassThrough) =>
    (stream.read(stream.readableLength) as Buffer | null)?.toString("utf8") ?? "";
  const out = new Output({
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    env,
    json,
    color,
  });
  return { out, stdout: () => text(stdout), stderr: () => text(stderr) };
}

/** Returns a context that does not depend on this process. */
export function aContext(env: Record<string, string> = {}, cwd = "/work"): Context {
  return {
    env,
    cwd,
    stdin: () => {
      throw new Error("nothing is on stdin");
    },
    host: null,
    reads: false,
    paths: pathsOf({ HOME: "/home/me", ...env }),
    clock: { now: () => NOW, mono: () => 0 },
    command: { name: "", summary: "", args: [], options: {}, examples: [], run: async () => 0 },
    table: { verb, verbNames, aliasesOf },
    out: printed({ env }).out,
  };
}
