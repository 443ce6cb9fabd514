import { systemClock } from "../../core/time.ts";
import type { AgentTask } from "../../sdk/agent-task.ts";
import type { Fact, ToolCall } from "../adapter/types.ts";
import { noteCall } from "./beginning.ts";
import { Ledger } from "./ledger.ts";
import { noteRunning } from "./running-call.ts";
import { type AgentState, reportOf } from "./state.ts";

/** A retry that the agent announces for later than this counts as a limit, in ms. */
const MAX_RETRY_WAIT_MS = 120_000;

/** Takes what an agent reports into the state of its task, saves the state, and sends the report that `show` prints. */
export class Recorder {
  readonly #task: AgentTask<AgentState>;
  readonly #state: AgentState;
  readonly #ledger: Ledger;
  readonly #dir: string;
  #isReporting = false;
  #isStale = false;
  #hasProgressed = false;
  /** The id of the call that is noted as running; null if none runs, undefined before the first note. */
  #notedCallId: string | null | undefined;

  constructor(task: AgentTask<AgentState>, state: AgentState, dir: string) {
    this.#dir = dir;
    this.#task = task;
    this.#state = state;
    this.#ledger = new Ledger(state);
  }

  /** Takes a fact into the state. Rejects with `SessionInUse` if another task has the session in the fact. */
  async take(fact: Fact): Promise<void> {
    const state = this.#state;
    this.#ledger.take(fact);
    let claim: Promise<void> | undefined;
    if (fact.is === "session") claim = this.#noteSession(fact);
    if (fact.is === "turn" || (fact.is === "end" && fact.how !== "gone")) this.#noteHeard();
    if (fact.is === "tool") this.toolStarted(fact.call);
    if (fact.is === "tool-end") this.#toolEnded(fact.id);
    if (fact.is === "limit") this.#noteLimit(fact);
    if (fact.is === "end") {
      state.deferred = fact.deferred ?? null;
      state.open = [];
      if (fact.how === "done") this.beforeCall();
      this.#noteRunning();
    }
    void this.report();
    await claim;
  }

  /** Records that a tool may be called from now on, perhaps without asking the host. */
  notePossibleCall(): void {
    noteCall(this.#state, this.#dir);
    this.#state.said = [];
  }

  /** Records that the agent is about to call a tool, so it has received its messages. */
  beforeCall(): void {
    this.notePossibleCall();
    this.#state.isHeard = true;
  }

  toolStarted(call: ToolCall): void {
    this.beforeCall();
    this.#state.open.push({ call: shorten(call), at: systemClock.now() });
    if (this.#state.deferred?.id === call.id) this.#state.deferred = null;
    this.save();
  }

  /** Records that the running call is cut off now. */
  cut(): void {
    const running = this.#state.open[0];
    if (!running) return;
    this.#state.cut = { call: running.call, afterMs: systemClock.now() - running.at };
    this.save();
  }

  /** Saves the state without waiting for it. */
  save(): void {
    this.#noteRunning();
    this.#task.save(structuredClone(this.#state)).catch(() => {});
  }

  #noteRunning(): void {
    const { session, open } = this.#state;
    const call = open[0]?.call ?? null;
    const id = call?.id ?? null;
    // The agent may report a call before it reports its session.
    if (session === null || id === this.#notedCallId) return;
    this.#notedCallId = id;
    noteRunning(this.#dir, session, call);
  }

  #noteHeard(): void {
    if (this.#state.isHeard) return;
    this.#state.isHeard = true;
    this.save();
  }

  /** Sends the report. Changes during the sending cause one more report, with the latest state. */
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

  #noteSession({ id, model, version }: Extract<Fact, { is: "session" }>): Promise<void> | undefined {
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

  #noteLimit(fact: Extract<Fact, { is: "limit" }>): void {
    const { kind, resetsAt, retryMs } = fact;
    if (!isLimit(fact)) return;
    const { limit } = this.#state;
    const resetMs = retryMs === undefined ? resetsAt : systemClock.now() + retryMs;
    const time = resetMs === null ? (limit?.resetsAt ?? null) : new Date(resetMs).toISOString();
    this.#state.limit = { kind: limit?.kind ?? kind, resetsAt: time, guessed: false };
  }
}

/** Whether a limit stops the agent: it is not a warning, and not a short wait after which the agent itself retries. */
export function isLimit(fact: Extract<Fact, { is: "limit" }>): boolean {
  const { used = 1 } = fact;
  return used >= 1 && (!isRetry(fact) || waitOf(fact) > MAX_RETRY_WAIT_MS);
}

/** Whether the agent waits for the limit and retries itself. */
export function isRetry({ retryMs, isRetry }: Extract<Fact, { is: "limit" }>): boolean {
  return retryMs !== undefined || isRetry === true;
}

function waitOf({ retryMs, resetsAt }: Extract<Fact, { is: "limit" }>): number {
  return retryMs ?? (resetsAt === null ? 0 : resetsAt - systemClock.now());
}

/** How much of an input is kept: it may be a whole file, but its beginning identifies the call. */
const INPUT_CHARS = 4000;

function shorten(call: ToolCall): ToolCall {
  const text = JSON.stringify(call.input ?? null);
  const title = call.title.slice(0, INPUT_CHARS);
  if (text.length <= INPUT_CHARS) return { ...call, title };
  return { ...call, title, input: `${text.slice(0, INPUT_CHARS)}…` };
}
