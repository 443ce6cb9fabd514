import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../core/time.ts";
import { openAcp } from "../acp/open.ts";
import { Child } from "../adapter/child.ts";
import { type Gate, openGate } from "../adapter/gate.ts";
import { objectOf, textOf, titleOf } from "../adapter/json.ts";
import type { AgentRun, Conversation, Exit, Json, Verdict } from "../adapter/types.ts";
import { dropEmptyFiles, geminiHome } from "./home.ts";
import { geminiFacts, geminiMemory } from "./lines.ts";

const CLOSE_MS = 5000;
const EMPTY_OUTPUT = "{}";
/** Exit codes for a session that does not exist or that was begun in another directory. */
const GONE_CODES = [42];

/**
 * Opens Gemini CLI with one process per turn. For a pause, a hook stops the turn before its next call, and the next
 * turn asks the model again. In this mode Gemini asks nobody, so if its own rules must hold, we use `openAsking`.
 */
export async function openGemini(run: AgentRun): Promise<Conversation> {
  if (run.permissions !== "all") return await openAsking(run);
  const gemini = new Gemini(run);
  await gemini.open();
  return gemini;
}

const MINUTE_MS = 60_000;

/**
 * Over the Agent Client Protocol, Gemini asks as its own rules require. A session that is loaded in the same minute in
 * which it was begun overwrites its own file, so we wait for the next minute. To be safe, we do so after a load, too.
 */
async function openAsking(run: AgentRun): Promise<Conversation> {
  const now = systemClock.now();
  const isSameMinute =
    run.begunAt !== null && Math.floor(run.begunAt / MINUTE_MS) === Math.floor(now / MINUTE_MS);
  if (!run.isNew && isSameMinute) await sleep(MINUTE_MS - (now % MINUTE_MS) + 100);
  const model = run.model === null ? [] : ["--model", run.model];
  const argv = [...run.facts.argv, "--acp", ...model];
  const env = { GEMINI_CLI_NO_RELAUNCH: "true", GEMINI_CLI_HOME: geminiHome(run.dir, run.env, null) };
  const conversation = await openAcp(run, { argv, env });
  const { session } = run;
  if (session !== null) void conversation.exited.then(() => dropEmptyFiles(run.env, session)).catch(() => {});
  return conversation;
}

class Gemini implements Conversation {
  readonly exited: Promise<Exit>;
  readonly isOneTurn = true;
  readonly #run: AgentRun;
  readonly #memory = geminiMemory();
  readonly #askedCalls = new Set<string>();
  #gate!: Gate;
  #home = "";
  #child: Child | undefined;
  #hasEnded = false;
  #settle!: (exit: Exit) => void;

  constructor(run: AgentRun) {
    this.#run = run;
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async open(): Promise<void> {
    const { dir, env, programs } = this.#run;
    this.#gate = await openGate(dir, async (question) => this.#beforeTool(question));
    const command = [programs.node, programs.hook, this.#gate.path].map((word) => `'${word}'`).join(" ");
    this.#home = geminiHome(dir, env, command);
  }

  /** Takes no text while a turn runs. */
  async say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later"> {
    if (mode === "steer" || this.#child) return "later";
    const { facts, cwd, env, dir } = this.#run;
    const child = new Child({
      argv: [...facts.argv, ...this.#args(text)],
      cwd,
      env: { ...env, GEMINI_CLI_NO_RELAUNCH: "true", GEMINI_CLI_HOME: this.#home },
      dir,
      line: (line) => this.#line(line),
    });
    this.#child = child;
    child.end();
    void child.exited.then((exit) => this.#exited(exit));
    return "taken";
  }

  async interrupt(): Promise<void> {
    this.#child?.kill("SIGTERM");
  }

  async close(): Promise<Exit> {
    this.#child?.touch();
    if (this.#child) return await this.#child.close(CLOSE_MS);
    this.#gate.close();
    return { code: 0, signal: null, stderr: "" };
  }

  #args(text: string): string[] {
    const { session, isNew, model, args } = this.#run;
    return [
      ...["-p", text, isNew ? "--session-id" : "-r", session ?? ""],
      ...["-o", "stream-json", "--skip-trust", "--yolo"],
      ...(model === null ? [] : ["--model", model]),
      ...args,
    ];
  }

  #exited(exit: Exit): void {
    this.#gate.close();
    const isGone = !this.#hasEnded && exit.code !== null && GONE_CODES.includes(exit.code);
    if (isGone) this.#run.fact({ is: "end", how: "gone", message: exit.stderr.split("\n").at(-1) ?? "" });
    this.#settle(exit);
  }

  #line(text: string): void {
    this.#run.line(text);
    const json = objectOf(text);
    if (!json) return;
    for (const fact of geminiFacts(json, this.#memory)) {
      if (fact.is === "end") this.#hasEnded = true;
      if (fact.is === "tool-end" && this.#askedCalls.size === 0) this.#run.boundary(false);
      this.#run.fact(fact);
    }
  }

  #beforeTool(question: Json): string {
    const name = textOf(question.tool_name) ?? "tool";
    const input = question.tool_input ?? null;
    // The hook's input may lack the id of the call.
    const id = textOf(question.tool_id) ?? `${name} ${JSON.stringify(input)}`;
    const call = { id, name, input, title: titleOf(name, input) };
    this.#askedCalls.add(id);
    this.#run.boundary(true);
    const verdict = this.#run.mayRun(call);
    return hookOutput(verdict);
  }
}

function hookOutput(verdict: Verdict): string {
  if (verdict === "run") return EMPTY_OUTPUT;
  if (verdict === "stop") return JSON.stringify({ continue: false, stopReason: "paused by agentctl" });
  return JSON.stringify({ decision: "deny", reason: verdict.deny });
}
