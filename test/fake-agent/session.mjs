/** A conversation on disk, keyed by agent and id, bound to a directory; appended to as it goes on. */

import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const steps = JSON.parse(readFileSync(process.env.FAKE_SCRIPT, "utf8"));

export class Session {
  constructor(agent, id) {
    this.id = id;
    this.file = join(process.env.HOME, ".fake", agent, `${id}.json`);
    this.data = existsSync(this.file)
      ? JSON.parse(readFileSync(this.file, "utf8"))
      : { cwd: process.cwd(), prompts: [], results: {}, deferred: null, resets: {}, tokens: 0, denied: {} };
  }

  static exists(agent, id) {
    return existsSync(join(process.env.HOME, ".fake", agent, `${id}.json`));
  }

  save() {
    mkdirSync(dirname(this.file), { recursive: true });
    // A kill in the middle leaves the conversation as it was.
    writeFileSync(`${this.file}.new`, JSON.stringify(this.data));
    renameSync(`${this.file}.new`, this.file);
  }

  said(text) {
    // Killed before it has written down what it was told, the first time.
    const { FAKE_DEAF: deaf } = process.env;
    if (deaf && !existsSync(deaf)) {
      writeFileSync(deaf, "");
      process.exit(137);
    }
    this.data.prompts.push(text);
    this.save();
    note("prompt", this.data.prompts.length);
  }

  /** The next step that has no result in the history, with its number; undefined when all are done. */
  next() {
    const at = steps.findIndex((step, n) => !this.isDone(step, n));
    return at < 0
      ? undefined
      : { n: at, id: `call_${this.id.slice(0, 8)}_${at}_${this.tries(at)}`, ...steps[at] };
  }

  /** A call that was cut has left no result, and is made again under another id. */
  tries(n) {
    return this.data.tries?.[n] ?? 0;
  }

  isDone(step, n) {
    if (step.limit) return (this.data.resets[n] ?? Number.POSITIVE_INFINITY) <= Date.now();
    return this.data.results[n] !== undefined;
  }

  done(n, result) {
    this.data.results[n] = result;
    this.data.tokens += 100;
    this.save();
    note("told", `step${n}`);
  }

  /** It is gone, and what it had written with it. */
  forget() {
    rmSync(this.file, { force: true });
    process.exit(137);
  }

  again(n) {
    this.data.tries = { ...this.data.tries, [n]: this.tries(n) + 1 };
    this.save();
  }

  resetOf(step) {
    this.data.resets[step.n] ??= Date.now() + step.limit.resetsIn;
    this.save();
    note("limited", `step${step.n}`);
    return Math.ceil(this.data.resets[step.n] / 1000);
  }

  summary() {
    return `done after ${this.data.prompts.length} prompts`;
  }
}

/** Writes a line to the file of the task, so that a test can check afterwards what the conversation held at that time. */
function note(what, text) {
  const { FAKE_WITNESS: folder, AGENTCTL_TASK_ID: id, AGENTCTL_ATTEMPT: attempt } = process.env;
  if (folder) appendFileSync(join(folder, id), `${what} ${attempt} ${text}\n`);
}

/** A command in a session of its own, without the variables whose names sound secret. */
export function tool(cmd) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/TOKEN|KEY|SECRET/.test(key)),
  );
  const child = spawn("bash", ["-c", cmd], { detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const ended = new Promise((resolve) =>
    child.once("close", (code) => resolve({ code: code ?? 137, output })),
  );
  const kill = () => child.exitCode === null && process.kill(-child.pid, "SIGKILL");
  return { ended, kill };
}

export function lines(onLine, onEnd) {
  let rest = "";
  process.stdin.on("data", (chunk) => {
    rest += chunk;
    const parts = rest.split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) onLine(JSON.parse(part));
  });
  process.stdin.on("end", onEnd);
}

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
