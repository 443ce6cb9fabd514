/**
 * One process of an agent, from its start to its end: says what is to be said, and stops it where a pause, a budget, a
 * question, a limit or silence wants it stopped.
 */
import { untriedOf } from "../../core/agents.ts";
import { systemClock } from "../../core/time.ts";
import type { AgentTask } from "../../sdk/agent-task.ts";
import { within } from "../adapter/child.ts";
import type { AgentRun, Conversation, Exit, Fact, OpenAgent, ToolCall, Verdict } from "../adapter/types.ts";
import { ConversationLog } from "./conversation-log.ts";
import { isCostDue, overBudget } from "./ledger.ts";
import { Permits } from "./permits.ts";
import { isLimit, isRetry, Record } from "./record.ts";
import { type AgentSpec, type AgentState, openingOf } from "./state.ts";

/** How long an interrupted agent may take to say that its turn is over. */
const INTERRUPT_MS = 5000;
const IDLE_MS = 900_000;
/** For an agent that may say nothing because it waits at a limit. */
const SILENT_MS = 120_000;
/** The longest delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

/** Why the process was stopped; null where it ended by itself. */
type Stop = "pause" | "cut" | "budget" | "cost" | "ask" | "limit" | "stall" | "refused" | null;

/** Of a process that did not begin. */
const NO_EXIT: Exit = { code: null, signal: null, stderr: "" };

/** The agent ends its turn by itself at the call that it may not make. */
const SOFT: readonly Stop[] = [null, "pause", "budget", "cost"];

/** What has become of the process. */
export interface Driven {
  stop: Stop;
  /** The agent's last word; undefined where there was none. */
  end: Extract<Fact, { is: "end" }> | undefined;
  exit: Exit;
  /** The process was to begin its session. */
  isNew: boolean;
  reason?: string;
}

export interface Means {
  task: AgentTask<AgentState>;
  spec: AgentSpec;
  state: AgentState;
  open: OpenAgent;
  /** What the adapter is given beside what this file gives it. */
  run: Pick<AgentRun, "facts" | "env" | "dir" | "programs">;
}

export class Drive {
  readonly #task: AgentTask<AgentState>;
  readonly #spec: AgentSpec;
  readonly #state: AgentState;
  readonly #means: Means;
  readonly #record: Record;
  readonly #log: ConversationLog;
  readonly #permits: Permits;
  readonly #isNew: boolean;
  #stop: Stop = null;
  #reason: string | undefined;
  #end: Extract<Fact, { is: "end" }> | undefined;
  #isGone = false;
  #conversation: Conversation | undefined;
  #idle: NodeJS.Timeout | undefined;
  #wake: () => void = () => {};

  constructor(means: Means) {
    const { task, spec, state, run } = means;
    this.#task = task;
    this.#spec = spec;
    this.#state = state;
    this.#means = means;
    this.#record = new Record(task, state, run.dir);
    this.#log = new ConversationLog((text) => task.log(text), run.dir, task.attempt);
    this.#isNew = !state.isBegun;
    this.#permits = new Permits(state, spec);
  }

  async run(): Promise<Driven> {
    const over = () => this.#cut();
    const { signal, pausing } = this.#task;
    const paused = () => this.#pauseAsked();
    signal.addEventListener("abort", over);
    pausing.addEventListener("abort", paused);
    this.#task.onMessage(() => void this.#messages());
    try {
      return await this.#converse();
    } finally {
      this.#task.onMessage(() => {});
      signal.removeEventListener("abort", over);
      pausing.removeEventListener("abort", paused);
      clearTimeout(this.#idle);
    }
  }

  async #converse(): Promise<Driven> {
    const opening = openingOf(this.#state);
    const conversation = await this.#open().catch((error) => {
      if (this.#end?.how !== "gone") throw error;
    });
    const isNew = this.#isNew;
    if (!conversation) return { stop: null, end: this.#end, exit: NO_EXIT, isNew };
    this.#conversation = conversation;
    void conversation.exited.then(() => {
      this.#isGone = true;
      this.#wake();
    });
    this.#listen();
    // An agent that is gone before it has heard says so by its end.
    if (opening !== null) await this.#say(opening).catch(() => this.#wake());
    await this.#untilStopped();
    const exit = await conversation.close();
    const reason = this.#reason;
    return { stop: this.#stop, end: this.#end, exit, isNew, ...(reason !== undefined && { reason }) };
  }

  async #open(): Promise<Conversation> {
    const { open, run } = this.#means;
    const { session, version, begunAt, deferred, cwd } = this.#state;
    this.#state.begunAt = systemClock.now();
    const { model, permissions, agentArgs } = this.#spec;
    const conversation = await open({
      ...run,
      cwd,
      session,
      isNew: this.#isNew,
      version,
      begunAt,
      deferred,
      model,
      permissions,
      args: agentArgs,
      fact: (fact) => this.#fact(fact),
      line: (text) => {
        this.#log.line(text);
        this.#listen();
      },
      mayRun: (call) => this.#mayRun(call),
      permit: (call) => this.#permit(call),
      decided: (call) => this.#permits.decided(call),
      boundary: (has) => this.#boundary(has),
    });
    // Some wait before they begin.
    this.#state.begunAt = systemClock.now();
    return conversation;
  }

  /** What was said is said: it is not said again by a later process. */
  async #say(text: string): Promise<void> {
    this.#wasSaid();
    this.#state.cut = null;
    this.#state.isBegun = true;
    if (!this.#means.run.facts.asksFirst) this.#record.mayBeCalled();
    this.#log.said(text);
    this.#end = undefined;
    this.#record.save();
    await this.#conversation?.say(text, "turn");
  }

  /** Until the agent has said its last word with nothing left to be said to it, is gone, or was stopped. */
  async #untilStopped(): Promise<void> {
    for (;;) {
      while (!this.#end && !this.#isGone && SOFT.includes(this.#stop)) await this.#woken();
      if (!this.#end && !this.#isGone) {
        void this.#conversation?.interrupt();
        await within(this.#woken(), INTERRUPT_MS);
      }
      const isOver = this.#isGone || this.#stop || this.#end?.how !== "done" || this.#task.pausing.aborted;
      if (isOver) return;
      await this.#takeMessages();
      if (this.#state.inbox.length === 0 || this.#conversation?.isOneTurn) return;
      await this.#say(this.#state.inbox.join("\n\n"));
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #fact(fact: Fact): void {
    this.#log.fact(fact);
    if (fact.is === "session") this.#noteVersion(fact.version);
    this.#record.take(fact).catch((error: Error) => {
      this.#reason = error.message;
      this.#halt("refused");
    });
    if (fact.is === "limit" && isRetry(fact) && isLimit(fact)) this.#halt("limit");
    if (fact.is === "end") {
      this.#end = fact;
      this.#wake();
    }
    this.#listen();
  }

  /** Once for each version, before it is recorded. */
  #noteVersion(version = this.#state.version): void {
    const untried = untriedOf(this.#means.run.facts, version);
    if (untried !== undefined && version !== this.#state.version) this.#log.note(untried);
  }

  #mayRun(call: ToolCall): Verdict {
    const budget = overBudget(this.#state, this.#spec);
    if (budget !== undefined) {
      this.#reason ??= budget;
      this.#halt("budget");
    }
    if (this.#task.pausing.aborted) this.#halt("pause");
    // The call is deferred, and run by the next process: nothing is asked of the model for it.
    if (this.#means.run.facts.costsAtEnd && isCostDue(this.#state, this.#spec)) this.#halt("cost");
    if (this.#stop) return "stop";
    this.#record.calls();
    // As a process begins, this call runs without being told of.
    if (this.#state.deferred?.id === call.id) this.#record.toolBegan(call);
    return this.#permits.forbidden(call) ?? "run";
  }

  #permit(call: ToolCall): Verdict {
    const verdict = this.#permits.permit(call);
    if (verdict === "stop") this.#halt("ask");
    return verdict;
  }

  #boundary(has: boolean): void {
    if (this.#state.boundary === has) return;
    this.#state.boundary = has;
    this.#pauseAsked();
    void this.#record.report();
  }

  /** Where there is no place between two calls, what runs is cut off. */
  #pauseAsked(): void {
    if (this.#state.boundary === false && this.#task.pausing.aborted) this.#cut();
  }

  /** The grace time is over: what runs is cut off, and named. */
  #cut(): void {
    this.#record.cut();
    this.#halt("cut");
  }

  /** The first reason is the one that counts, unless what it waits for is cut off. */
  #halt(stop: Exclude<Stop, null>): void {
    if (this.#stop !== null && stop !== "cut") return;
    this.#stop = stop;
    this.#wake();
  }

  /** Silence counts while no tool runs. */
  #listen(): void {
    clearTimeout(this.#idle);
    if (this.#state.open.length > 0 || this.#end) return;
    const usual = this.#means.run.facts.silentAtLimit ? SILENT_MS : IDLE_MS;
    const ms = this.#spec.idleTimeoutMs ?? usual;
    this.#idle = setTimeout(() => this.#halt("stall"), Math.min(ms, LONGEST_MS));
  }

  /** Into the running turn where the agent takes it, else as the next turn. */
  async #messages(): Promise<void> {
    if (!this.#conversation || this.#end || this.#task.pausing.aborted) return;
    await this.#takeMessages();
    const text = this.#state.inbox.join("\n\n");
    if (text === "" || this.#end) return;
    if ((await this.#conversation.say(text, "steer")) === "later") return;
    this.#log.said(text);
    this.#wasSaid();
    this.#record.save();
  }

  #wasSaid(): void {
    this.#state.said.push(...this.#state.inbox.splice(0));
  }

  /** A pause that is asked for meanwhile keeps what was sent for the next attempt. */
  async #takeMessages(): Promise<void> {
    const { pausing } = this.#task;
    const paused = new Promise<string[]>((resolve) => {
      if (pausing.aborted) resolve([]);
      pausing.addEventListener("abort", () => resolve([]), { once: true });
    });
    this.#state.inbox.push(...(await Promise.race([this.#task.messages(), paused])));
    this.#record.save();
  }
}
