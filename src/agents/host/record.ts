import { systemClock } from "../../core/time.ts";
import type { AgentTask } from "../../sdk/agent-task.ts";
import type { Fact, ToolCall } from "../adapter/types.ts";
import { noteCall } from "./beginning.ts";
import { Ledger } from "./ledger.ts";
import { noteRunning } from "./running-call.ts";
import { type AgentState, reportOf } from "./state.ts";

/** A retry that the agent announces for later than this counts as a limit. */
const RETRY_MS = 120_000;

/** Takes what an agent tells into the state of its task, saves it, and says what `show` says of it. */
export class Record {
  readonly #task: AgentTask<AgentState>;
  readonly #state: AgentState;
  readonly #ledger: Ledger;
  readonly #dir: string;
  #isReporting = false;
  #isStale = false;
  #hasProgressed = false;
  /** The call that is noted as running; undefined as long as nothing was. */
  #noted: string | null | undefined;

  constructor(task: AgentTask<AgentState>, state: AgentState, dir: string) {
    this.#dir = dir;
    this.#task = task;
    this.#state = state;
    this.#ledger = new Ledger(state);
  }

  /** Rejects with `SessionInUse` where another task has the session that the agent tells. */
  async take(fact: Fact): Promise<void> {
    const state = this.#state;
    this.#ledger.take(fact);
    let claim: Promise<void> | undefined;
    if (fact.is === "session") claim = this.#session(fact);
    if (fact.is === "turn" || (fact.is === "end" && fact.how !== "gone")) this.#heard();
    if (fact.is === "tool") this.toolBegan(fact.call);
    if (fact.is === "tool-end") this.#toolEnded(fact.id);
    if (fact.is === "limit") this.#limited(fact);
    if (fact.is === "end") {
      state.deferred = fact.deferred ?? null;
      state.open = [];
      if (fact.how === "done") this.calls();
      this.#noteRunning();
    }
    void this.report();
    await claim;
  }

  /** From here on a tool may be called without a word to the host. */
  mayBeCalled(): void {
    noteCall(this.#state, this.#dir);
    this.#state.said = [];
  }

  /** The agent is about to call a tool: it has heard what was said to it. */
  calls(): void {
    this.mayBeCalled();
    this.#state.isHeard = true;
  }

  toolBegan(call: ToolCall): void {
    this.calls();
    this.#state.open.push({ call: shortened(call), at: systemClock.now() });
    if (this.#state.deferred?.id === call.id) this.#state.deferred = null;
    this.save();
  }

  /** What runs is cut off now. */
  cut(): void {
    const running = this.#state.open[0];
    if (!running) return;
    this.#state.cut = { call: running.call, afterMs: systemClock.now() - running.at };
    this.save();
  }

  /** Durable soon; nothing waits for it. */
  save(): void {
    this.#noteRunning();
    this.#task.save(structuredClone(this.#state)).catch(() => {});
  }

  #noteRunning(): void {
    const { session, open } = this.#state;
    const call = open[0]?.call ?? null;
    const id = call?.id ?? null;
    // A call may be told before its session is.
    if (session === null || id === this.#noted) return;
    this.#noted = id;
    noteRunning(this.#dir, session, call);
  }

  #heard(): void {
    if (this.#state.isHeard) return;
    this.#state.isHeard = true;
    this.save();
  }

  /** Of what changes while it is told, only the last is told again. */
  async report(): Promise<void> {
    this.#isStale = true;
    if (this.#isReporting) return;
    this.#isReporting = true;
    while (this.#isStale) {
      this.#isStale = false;
      const progressed = this.#hasProgressed;
      this.#hasProgressed = false;
      await this.#task.report(reportOf(this.#state), progressed ? { progressed } : {}).catch(() => {});
    }
    this.#isReporting = false;
  }

  #session({ id, model, version }: Extract<Fact, { is: "session" }>): Promise<void> | undefined {
    const state = this.#state;
    state.model = model ?? state.model;
    state.version = version ?? state.version;
    if (id === undefined || id === state.session) return undefined;
    state.session = id;
    state.isBegun = true;
    this.save();
    return this.#task.report(reportOf(state), { session: id });
  }

  #toolEnded(id: string): void {
    const state = this.#state;
    state.open = state.open.filter(({ call }) => call.id !== id);
    if (state.deferred?.id === id) state.deferred = null;
    state.limits = 0;
    state.stalls = 0;
    state.limit = null;
    this.#hasProgressed = true;
    this.save();
  }

  #limited(fact: Extract<Fact, { is: "limit" }>): void {
    const { kind, resetsAt, retryMs } = fact;
    if (!isLimit(fact)) return;
    const { limit } = this.#state;
    const at = retryMs === undefined ? resetsAt : systemClock.now() + retryMs;
    const time = at === null ? (limit?.resetsAt ?? null) : new Date(at).toISOString();
    this.#state.limit = { kind: limit?.kind ?? kind, resetsAt: time, guessed: false };
  }
}

/** Whether it keeps the agent from working: no warning, and nothing that the agent waits out by itself. */
export function isLimit(fact: Extract<Fact, { is: "limit" }>): boolean {
  const { used = 1 } = fact;
  return used >= 1 && (!isRetry(fact) || waitOf(fact) > RETRY_MS);
}

/** The agent waits, and tries again by itself. */
export function isRetry({ retryMs, isRetry }: Extract<Fact, { is: "limit" }>): boolean {
  return retryMs !== undefined || isRetry === true;
}

function waitOf({ retryMs, resetsAt }: Extract<Fact, { is: "limit" }>): number {
  return retryMs ?? (resetsAt === null ? 0 : resetsAt - systemClock.now());
}

/** An input may be a whole file; its beginning names the call. */
const INPUT_CHARS = 4000;

function shortened(call: ToolCall): ToolCall {
  const text = JSON.stringify(call.input ?? null);
  const title = call.title.slice(0, INPUT_CHARS);
  if (text.length <= INPUT_CHARS) return { ...call, title };
  return { ...call, title, input: `${text.slice(0, INPUT_CHARS)}…` };
}
