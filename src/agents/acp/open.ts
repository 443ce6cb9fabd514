import { Child, startError } from "../adapter/child.ts";
import { listOf, member, objectOf, textOf } from "../adapter/json.ts";
import { AgentRefused, Rpc } from "../adapter/rpc.ts";
import type { AgentRun, Conversation, Exit, Json, Verdict } from "../adapter/types.ts";
import { acpMemory, answerFacts, callOf, refusalFacts, startFacts, updateFacts } from "./lines.ts";

const CLOSE_MS = 5000;

/** How to start an agent with this protocol. */
export interface AcpStart {
  argv: readonly string[];
  env?: Record<string, string>;
}

/** Opens an agent that speaks the Agent Client Protocol. A pause cancels the prompt at the next permission request. */
export async function openAcp(
  run: AgentRun,
  start: AcpStart = { argv: run.facts.argv },
): Promise<Conversation> {
  const acp = new Acp(run, start);
  try {
    await acp.open();
    return acp;
  } catch (error) {
    throw startError(error, await acp.close());
  }
}

class Acp implements Conversation {
  readonly exited: Promise<Exit>;
  readonly #run: AgentRun;
  readonly #child: Child;
  readonly #rpc: Rpc;
  readonly #memory = acpMemory();
  #session = "";
  /** Until this is true, updates are the history of a loaded session and are ignored. */
  #isOpen = false;
  #isPrompting = false;

  constructor(run: AgentRun, { argv, env = {} }: AcpStart) {
    this.#run = run;
    this.#child = new Child({
      argv: [...argv, ...run.args],
      cwd: run.cwd,
      env: { ...run.env, ...env },
      dir: run.dir,
      line: (text) => this.#line(text),
    });
    this.#rpc = new Rpc((text) => this.#child.write(text), { jsonrpc: "2.0" });
    this.exited = this.#child.exited.finally(() => this.#rpc.close());
  }

  async open(): Promise<void> {
    const fs = { readTextFile: false, writeTextFile: false };
    const { agentCapabilities, agentInfo } = await this.#rpc.call("initialize", {
      protocolVersion: 1,
      clientCapabilities: { fs, terminal: false },
      clientInfo: { name: "agentctl", version: __VERSION__ },
    });
    const { session, isNew, cwd } = this.#run;
    const version = textOf(member({ agentInfo }, "agentInfo").version);
    const sessionParams = { cwd, mcpServers: [] };
    if (session === null || isNew) {
      const { sessionId } = await this.#rpc.call("session/new", sessionParams);
      this.#session = textOf(sessionId) ?? "";
    } else {
      await this.#resumeSession(session, sessionParams, member({ agentCapabilities }, "agentCapabilities"));
      this.#session = session;
    }
    this.#isOpen = true;
    this.#run.fact({ is: "session", id: this.#session, ...(version && { version }) });
  }

  async say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later"> {
    if (mode === "steer" || this.#isPrompting) return "later";
    this.#isPrompting = true;
    const prompt = [{ type: "text", text }];
    this.#rpc
      .call("session/prompt", { sessionId: this.#session, prompt })
      .then(
        (result) => answerFacts(result, this.#memory),
        (error) => (error instanceof AgentRefused ? refusalFacts(error.data) : []),
      )
      .then((facts) => {
        this.#isPrompting = false;
        for (const fact of facts) this.#run.fact(fact);
      })
      .catch(() => {});
    return "taken";
  }

  async interrupt(): Promise<void> {
    this.#rpc.notify("session/cancel", { sessionId: this.#session });
  }

  async close(): Promise<Exit> {
    this.#child.touch();
    return await this.#child.close(CLOSE_MS);
  }

  async #resumeSession(sessionId: string, sessionParams: Json, capabilities: Json): Promise<void> {
    const canResume = member(capabilities, "sessionCapabilities").resume !== undefined;
    try {
      await this.#rpc.call(canResume ? "session/resume" : "session/load", { sessionId, ...sessionParams });
    } catch (error) {
      if (!(error instanceof AgentRefused)) throw error;
      this.#run.fact({ is: "end", how: "gone", message: error.message });
      throw error;
    }
  }

  #line(text: string): void {
    this.#run.line(text);
    const json = objectOf(text);
    if (!json || this.#rpc.handleResponse(json)) return;
    if (json.method === "session/update" && this.#isOpen)
      for (const fact of updateFacts(json, this.#memory)) this.#run.fact(fact);
    if (json.method === "session/request_permission") this.#answerPermission(json);
    else if (json.id !== undefined && typeof json.method === "string")
      this.#rpc.refuse(json.id, `agentctl does not answer ${json.method}`);
  }

  #answerPermission({ id, params }: Json): void {
    const { toolCall, options } = {
      toolCall: member(params, "toolCall"),
      options: listOf(member({ params }, "params").options),
    };
    const call = callOf(toolCall, this.#memory);
    for (const fact of startFacts(call, this.#memory)) this.#run.fact(fact);
    this.#run.boundary(true);
    const mayRun = this.#run.mayRun(call);
    const verdict: Verdict =
      mayRun === "run" ? (this.#run.decisionOf(call) ?? this.#run.permit(call)) : mayRun;
    const option = options.find(({ kind }) => kind === (verdict === "run" ? "allow_once" : "reject_once"));
    if (verdict === "stop") this.#rpc.notify("session/cancel", { sessionId: this.#session });
    const outcome =
      verdict === "stop" || !option
        ? { outcome: "cancelled" }
        : { outcome: "selected", optionId: option.optionId };
    this.#rpc.answer(id, { outcome });
  }
}
