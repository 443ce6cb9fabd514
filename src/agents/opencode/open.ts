import { AgentFailed } from "../adapter/failed.ts";
import { member, objectOf, textOf } from "../adapter/json.ts";
import type { AgentRun, Conversation, Exit, Json, ToolCall, Verdict } from "../adapter/types.ts";
import { opencodeFacts, opencodeMemory, usedOf } from "./lines.ts";
import { ruleFor } from "./rules.ts";
import { Server } from "./server.ts";

/** Makes every call ask the host. This is where a pause can stop the agent between two calls. */
const ASK_ALL = { bash: "ask", edit: "ask", webfetch: "ask" };

/** Opens opencode: `opencode serve`. A pause aborts the session at the next call that asks; a later server resumes. */
export async function openOpencode(run: AgentRun): Promise<Conversation> {
  const permission = run.permissions === "own" ? await ownRules(run) : undefined;
  const config = { permission: ASK_ALL, ...(run.model !== null && { model: run.model }) };
  const server = await Server.start(run, config);
  const opencode = new Opencode(run, server, permission);
  try {
    await opencode.open();
    return opencode;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Returns the user's own rules, from a server without ours. If the server does not give them, every call asks. */
async function ownRules(run: AgentRun): Promise<unknown> {
  const server = await Server.start(run, {});
  try {
    const { status, body } = await server.ask("GET", "/config");
    return status === 200 ? (body.permission ?? {}) : "ask";
  } finally {
    await server.stop();
  }
}

class Opencode implements Conversation {
  readonly exited: Promise<Exit>;
  readonly #run: AgentRun;
  readonly #server: Server;
  readonly #rules: unknown;
  #memory = opencodeMemory("");

  constructor(run: AgentRun, server: Server, rules: unknown) {
    this.#run = run;
    this.#server = server;
    this.#rules = rules;
    this.exited = server.child.exited;
  }

  async open(): Promise<void> {
    const { session } = this.#run;
    await this.#server.listen((text) => this.#event(text));
    const response =
      session === null
        ? await this.#server.ask("POST", "/session", {})
        : await this.#server.ask("GET", `/session/${session}`);
    if (response.status >= 400) {
      const problem = session === null ? "began no session" : `has no session ${session}`;
      const message = `opencode ${problem} (HTTP ${response.status})`;
      if (session !== null) this.#run.fact({ is: "end", how: "gone", message });
      throw new AgentFailed(message);
    }
    const id = textOf(response.body.id) ?? session ?? "";
    const version = textOf(response.body.version);
    this.#memory = opencodeMemory(id);
    this.#run.fact({ is: "session", id, ...(version && { version }) });
  }

  async say(text: string): Promise<"taken" | "later"> {
    const parts = [{ type: "text", text }];
    const { status, body } = await this.#post("prompt_async", { parts });
    if (status >= 400)
      throw new AgentFailed(`opencode refused the prompt (HTTP ${status}): ${JSON.stringify(body)}`);
    return "taken";
  }

  async interrupt(): Promise<void> {
    await this.#post("abort").catch(() => {});
  }

  async close(): Promise<Exit> {
    await this.#reportUsage();
    return await this.#server.stop();
  }

  #post(action: string, body: Json = {}): Promise<{ status: number; body: Json }> {
    return this.#server.ask("POST", `/session/${this.#memory.session}/${action}`, body);
  }

  #event(text: string): void {
    const json = objectOf(text);
    if (!json || json.type === "server.heartbeat" || json.type === "message.part.delta") return;
    this.#run.line(text);
    const properties = member(json, "properties");
    if (json.type === "permission.asked") void this.#answerPermission(properties).catch(() => {});
    if (member(properties, "part").type === "step-finish") void this.#reportUsage();
    for (const fact of opencodeFacts(json, this.#memory)) this.#run.fact(fact);
  }

  async #reportUsage(): Promise<void> {
    const response = await this.#server.ask("GET", `/session/${this.#memory.session}`).catch(() => undefined);
    for (const fact of response?.status === 200 ? usedOf(response.body) : []) this.#run.fact(fact);
  }

  async #answerPermission(question: Json): Promise<void> {
    const metadata = member(question, "metadata");
    const name = textOf(question.permission) ?? "tool";
    const patterns = Array.isArray(question.patterns) ? question.patterns.join(", ") : name;
    const title = textOf(metadata.command) ?? textOf(metadata.filepath) ?? patterns;
    const id = textOf(member(question, "tool").callID) ?? "";
    this.#run.boundary(true);
    const verdict = this.#verdict({ id, name, input: metadata, title });
    if (verdict === "stop") return await this.interrupt();
    const reply = verdict === "run" ? { reply: "once" } : { reply: "reject", message: verdict.deny };
    await this.#server.ask("POST", `/permission/${textOf(question.id)}/reply`, reply);
  }

  #verdict(call: ToolCall): Verdict {
    const verdict = this.#run.mayRun(call);
    if (verdict !== "run") return verdict;
    const decision = this.#run.decisionOf(call);
    if (decision) return decision;
    if (this.#run.permissions !== "own") return this.#run.permit(call);
    const rule = ruleFor(this.#rules, call.name, call.title);
    if (rule === "ask") return this.#run.permit(call);
    return rule === "allow" ? "run" : { deny: "The rules of opencode deny it." };
  }
}
