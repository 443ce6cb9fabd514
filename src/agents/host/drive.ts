/**
 * Drives one process of an agent from its start to its end. Sends it the messages, and stops it for a pause, a budget,
 * a question, a limit or silence.
 */
import { untestedWarning } from "../../core/agents.ts";
import { systemClock } from "../../core/time.ts";
import type { AgentTask } from "../../sdk/agent-task.ts";
import { withTimeout } from "../adapter/child.ts";
import type { AgentRun, Conversation, Exit, Fact, OpenAgent, ToolCall, Verdict } from "../adapter/types.ts";
import { ConversationLog } from "./conversation-log.ts";
import { isCostDue, overBudget } from "./ledger.ts";
import { Permits } from "./permits.ts";
import { isLimit, isRetry, Recorder } from "./recorder.ts";
import { type AgentSpec, type AgentState, openingOf } from "./state.ts";

/** How long an interrupted agent may take to report that its turn is over. */
const INTERRUPT_TIMEOUT_MS = 5000;
const IDLE_TIMEOUT_MS = 900_000;
/** The idle time for an agent that may be silent because it waits for a limit. */
const SILENT_IDLE_TIMEOUT_MS = 120_000;
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Why the host stopped the process; null if it did not. */
type Stop = "pause" | "cut" | "budget" | "cost" | "ask" | "limit" | "stall" | "refused" | null;

/** The exit of a process that did not start. */
const NO_EXIT: Exit = { code: null, signal: null, stderr: "" };

/** Stops that need no interrupt: the agent ends its turn itself when a call is refused. */
const SOFT_STOPS: readonly Stop[] = [null, "pause", "budget", "cost"];

/** How the process ended. */
export interface DriveResult {
  stop: Stop;
  /** The agent's own report of the end of its turn; undefined if there was none. */
  end: Extract<Fact, { is: "end" }> | undefined;
  exit: Exit;
  /** Whether the process was to begin its session. */
  isNew: boolean;
  reason?: string;
}

export interface DriveOptions {
  task: AgentTask<AgentState>;
  spec: AgentSpec;
  state: AgentState;
  open: OpenAgent;
  /** The fields of the adapter's input that {@link Drive} does not set. */
  run: Pick<AgentRun, "facts" | "env" | "dir" | "programs">;
}

export class Drive {
  readonly #task: AgentTask<AgentState>;
  readonly #spec: AgentSpec;
  readonly #state: AgentState;
  readonly #options: DriveOptions;
  readonly #recorder: Recorder;
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

  constructor(options: DriveOptions) {
    const { task, spec, state, run } = options;
    this.#task = task;
    this.#spec = spec;
    this.#state = state;
    this.#options = options;
    this.#recorder = new Recorder(task, state, run.dir);
    this.#log = new ConversationLog((text) => task.log(text), run.dir, task.attempt);
    this.#isNew = !state.isBegun;
    this.#permits = new Permits(state, spec);
  }

  async run(): Promise<DriveResult> {
    const onAbort = () => this.#cut();
    const { signal, pausing } = this.#task;
    const onPause = () => this.#cutForPause();
    signal.addEventListener("abort", onAbort);
    pausing.addEventListener("abort", onPause);
    this.#task.onMessage(() => void this.#forwardMessages());
    try {
      return await this.#converse();
    } finally {
      this.#task.onMessage(() => {});
      signal.removeEventListener("abort", onAbort);
      pausing.removeEventListener("abort", onPause);
      clearTimeout(this.#idle);
    }
  }

  async #converse(): Promise<DriveResult> {
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
    // If the agent is gone before it gets the message, its exit reports the failure.
    if (opening !== null) await this.#say(opening).catch(() => this.#wake());
    await this.#untilStopped();
    const exit = await conversation.close();
    const reason = this.#reason;
    return { stop: this.#stop, end: this.#end, exit, isNew, ...(reason !== undefined && { reason }) };
  }

  async #open(): Promise<Conversation> {
    const { open, run } = this.#options;
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
      decisionOf: (call) => this.#permits.decisionOf(call),
      boundary: (has) => this.#boundary(has),
    });
    // Some adapters wait before they start the process.
    this.#state.begunAt = systemClock.now();
    return conversation;
  }

  /** Sends `text` as a turn, and saves that the inbox was sent. */
  async #say(text: string): Promise<void> {
    this.#markSent();
    this.#state.cut = null;
    this.#state.isBegun = true;
    if (!this.#options.run.facts.asksFirst) this.#recorder.notePossibleCall();
    this.#log.logMessage(text);
    this.#end = undefined;
    this.#recorder.save();
    await this.#conversation?.say(text, "turn");
  }

  /** Waits until the agent has ended its turn and the inbox is empty, or the agent is gone or was stopped. */
  async #untilStopped(): Promise<void> {
    for (;;) {
      while (!this.#end && !this.#isGone && SOFT_STOPS.includes(this.#stop)) await this.#nextWake();
      if (!this.#end && !this.#isGone) {
        void this.#conversation?.interrupt();
        await withTimeout(this.#nextWake(), INTERRUPT_TIMEOUT_MS);
      }
      const isDone = this.#isGone || this.#stop || this.#end?.how !== "done" || this.#task.pausing.aborted;
      if (isDone) return;
      await this.#takeMessages();
      if (this.#state.inbox.length === 0 || this.#conversation?.isOneTurn) return;
      await this.#say(this.#state.inbox.join("\n\n"));
    }
  }

  #nextWake(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #fact(fact: Fact): void {
    this.#log.fact(fact);
    if (fact.is === "session") this.#noteVersion(fact.version);
    this.#recorder.take(fact).catch((error: Error) => {
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

  /** Logs a note about an untried version, once per version. Called before the version is recorded. */
  #noteVersion(version = this.#state.version): void {
    const untried = untestedWarning(this.#options.run.facts, version);
    if (untried !== undefined && version !== this.#state.version) this.#log.note(untried);
  }

  #mayRun(call: ToolCall): Verdict {
    const budget = overBudget(this.#state, this.#spec);
    if (budget !== undefined) {
      this.#reason ??= budget;
      this.#halt("budget");
    }
    if (this.#task.pausing.aborted) this.#halt("pause");
    // The agent defers the call and the next process runs it, so stopping here costs no request to the model.
    if (this.#options.run.facts.costsAtEnd && isCostDue(this.#state, this.#spec)) this.#halt("cost");
    if (this.#stop) return "stop";
    this.#recorder.beforeCall();
    // The agent does not report the start of a deferred call.
    if (this.#state.deferred?.id === call.id) this.#recorder.toolStarted(call);
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
    this.#cutForPause();
    void this.#recorder.report();
  }

  /** Cuts off the running work for a pause if the agent cannot be stopped between two calls. */
  #cutForPause(): void {
    if (this.#state.boundary === false && this.#task.pausing.aborted) this.#cut();
  }

  /** Cuts off the running call and records which one it was. Also called when the grace time is over. */
  #cut(): void {
    this.#recorder.cut();
    this.#halt("cut");
  }

  /** Stops the process. The first reason counts; only `cut` replaces it. */
  #halt(stop: Exclude<Stop, null>): void {
    if (this.#stop !== null && stop !== "cut") return;
    this.#stop = stop;
    this.#wake();
  }

  /** Restarts the idle timer. It runs only while no tool runs. */
  #listen(): void {
    clearTimeout(this.#idle);
    if (this.#state.open.length > 0 || this.#end) return;
    const defaultMs = this.#options.run.facts.silentAtLimit ? SILENT_IDLE_TIMEOUT_MS : IDLE_TIMEOUT_MS;
    const ms = this.#spec.idleTimeoutMs ?? defaultMs;
    this.#idle = setTimeout(() => this.#halt("stall"), Math.min(ms, MAX_TIMER_MS));
  }

  /** Sends new messages into the running turn. If the agent does not take them, they stay for the next turn. */
  async #forwardMessages(): Promise<void> {
    if (!this.#conversation || this.#end || this.#task.pausing.aborted) return;
    await this.#takeMessages();
    const text = this.#state.inbox.join("\n\n");
    if (text === "" || this.#end) return;
    if ((await this.#conversation.say(text, "steer")) === "later") return;
    this.#log.logMessage(text);
    this.#markSent();
    this.#recorder.save();
  }

  #markSent(): void {
    this.#state.said.push(...this.#state.inbox.splice(0));
  }

  /** Moves new messages to the inbox. If a pause is requested meanwhile, they stay for the next attempt. */
  async #takeMessages(): Promise<void> {
    const { pausing } = this.#task;
    const pauseRequest = new Promise<string[]>((resolve) => {
      if (pausing.aborted) resolve([]);
      pausing.addEventListener("abort", () => resolve([]), { once: true });
    });
    this.#state.inbox.push(...(await Promise.race([this.#task.messages(), pauseRequest])));
    this.#recorder.save();
  }
}
