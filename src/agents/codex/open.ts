import { Child, startError } from "../adapter/child.ts";
import { member, objectOf, textOf } from "../adapter/json.ts";
import { AgentRefused, Rpc } from "../adapter/rpc.ts";
import type { AgentRun, Conversation, Exit, Json, ToolCall, Verdict } from "../adapter/types.ts";
import { callOf, codexFacts, codexMemory } from "./lines.ts";

const CLOSE_MS = 5000;

/** The approvals that Codex requests, and the policy under which it does so for every call it does not trust. */
const APPROVALS = ["item/commandExecution/requestApproval", "item/fileChange/requestApproval"];
const ASK_ALL = "untrusted";

/**
 * Turns off a file in which a running Codex keeps the shell's exported variables, including keys: a killed Codex leaves
 * it behind. `--agent-arg` can turn it on again.
 */
const NO_SNAPSHOT = ["-c", "features.shell_snapshot=false"];

const sandboxes = { own: undefined, edits: "workspace-write", all: "danger-full-access", plan: "read-only" };

/** Opens Codex: `codex app-server`. A pause cancels the turn at the next approval; the thread gets another turn. */
export async function openCodex(run: AgentRun): Promise<Conversation> {
  const codex = new Codex(run);
  try {
    await codex.open();
    return codex;
  } catch (error) {
    throw startError(error, await codex.close());
  }
}

class Codex implements Conversation {
  readonly exited: Promise<Exit>;
  readonly #run: AgentRun;
  readonly #memory = codexMemory();
  readonly #child: Child;
  readonly #rpc: Rpc;
  readonly #calls = new Map<string, ToolCall>();
  #thread = "";
  #turn: string | undefined;
  #isProbing = false;
  /** The approval policy in the user's own settings. */
  #policy: string | undefined;

  constructor(run: AgentRun) {
    this.#run = run;
    const { facts, args, cwd, env, dir } = run;
    this.#child = new Child({
      argv: [...facts.argv, ...NO_SNAPSHOT, ...args, "app-server"],
      cwd,
      env,
      dir,
      line: (text) => this.#line(text),
    });
    this.#rpc = new Rpc((text) => this.#child.write(text));
    this.exited = this.#child.exited.finally(() => this.#rpc.close());
    // Avoids an unhandled rejection when nobody awaits `exited`.
    this.exited.catch(() => {});
  }

  async open(): Promise<void> {
    const { session, cwd, model, permissions } = this.#run;
    await this.#rpc.call("initialize", { clientInfo: { name: "agentctl", version: __VERSION__ } });
    this.#rpc.notify("initialized", {});
    if (permissions === "own") this.#policy = await this.#ownPolicy();
    const sandbox = sandboxes[permissions];
    const params = {
      cwd,
      approvalPolicy: ASK_ALL,
      ...(sandbox && { sandbox }),
      ...(model !== null && { model }),
    };
    const { thread } =
      session === null
        ? await this.#rpc.call("thread/start", params)
        : await this.#resume(session, { threadId: session, excludeTurns: true, ...params });
    this.#thread = textOf(member({ thread }, "thread").id) ?? session ?? "";
  }

  async say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later"> {
    const input = [{ type: "text", text, text_elements: [] }];
    if (mode === "turn") {
      const { turn } = await this.#rpc.call("turn/start", { threadId: this.#thread, input });
      this.#turn = textOf(member({ turn }, "turn").id);
      return "taken";
    }
    if (this.#turn === undefined) return "later";
    const steer = { threadId: this.#thread, input, expectedTurnId: this.#turn };
    return await this.#rpc.call("turn/steer", steer).then(
      () => "taken",
      () => "later",
    );
  }

  async interrupt(): Promise<void> {
    if (this.#turn === undefined) return;
    await this.#rpc.call("turn/interrupt", { threadId: this.#thread, turnId: this.#turn }).catch(() => {});
  }

  async close(): Promise<Exit> {
    this.#child.touch();
    return await this.#child.close(CLOSE_MS);
  }

  /** Returns the policy of a thread for which nobody chooses one. Codex does not save the thread of this probe. */
  async #ownPolicy(): Promise<string | undefined> {
    const probe = { cwd: this.#run.cwd, ephemeral: true };
    this.#isProbing = true;
    const { approvalPolicy } = await this.#rpc.call("thread/start", probe).catch((): Json => ({}));
    this.#isProbing = false;
    return textOf(approvalPolicy);
  }

  async #resume(session: string, params: Json): Promise<Json> {
    try {
      return await this.#rpc.call("thread/resume", params);
    } catch (error) {
      if (!(error instanceof AgentRefused)) throw error;
      this.#run.fact({
        is: "end",
        how: "gone",
        message: `codex has no session ${session}: ${error.message}`,
      });
      throw error;
    }
  }

  #line(text: string): void {
    this.#run.line(text);
    const json = objectOf(text);
    if (!json) return;
    // Messages about the probe thread are not about the task's session.
    for (const fact of this.#isProbing ? [] : codexFacts(json, this.#memory)) {
      if (fact.is === "tool") this.#calls.set(fact.call.id, fact.call);
      if (fact.is === "end") this.#turn = undefined;
      this.#run.fact(fact);
    }
    if (this.#rpc.handleResponse(json)) return;
    if (json.id !== undefined && typeof json.method === "string") this.#answerRequest(json.method, json);
  }

  #answerRequest(method: string, { id, params }: Json): void {
    if (!APPROVALS.includes(method)) {
      this.#rpc.refuse(id, `agentctl does not answer ${method}`);
      return;
    }
    const call = this.#callOf(method, member({ params }, "params"));
    this.#run.boundary(true);
    const verdict = this.#verdict(call, member({ params }, "params"));
    const refusal = verdict === "stop" ? "cancel" : "decline";
    this.#rpc.answer(id, { decision: verdict === "run" ? "accept" : refusal });
  }

  #callOf(method: string, params: Json): ToolCall {
    const id = textOf(params.itemId) ?? "";
    const type = method.includes("fileChange") ? "fileChange" : "commandExecution";
    const requested = callOf({ ...params, id, type }) as ToolCall;
    const existing = this.#calls.get(id);
    return existing && type === "fileChange" ? existing : requested;
  }

  /** Decides on a call. If the user's own policy would not ask, the host does not ask either. */
  #verdict(call: ToolCall, { reason }: Json): Verdict {
    const verdict = this.#run.mayRun(call);
    if (verdict !== "run") return verdict;
    const decision = this.#run.decisionOf(call);
    if (decision) return decision;
    if (this.#run.permissions === "own" && !this.#wouldAsk(reason)) return "run";
    return this.#run.permit(call);
  }

  #wouldAsk(reason: unknown): boolean {
    if (this.#policy === "never" || this.#policy === "on-failure") return false;
    return this.#policy !== "on-request" || typeof reason === "string";
  }
}
