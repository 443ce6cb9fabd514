/** An agent that speaks the Agent Client Protocol and asks before each call. */
import { randomUUID } from "node:crypto";
import { lines, Session, say, tool } from "./session.mjs";

export async function run(_args, name = "acp") {
  const acp = new Acp(name);
  lines(
    (line) => acp.heard(line),
    () => process.exit(0),
  );
}

class Acp {
  answers = new Map();
  asks = 0;

  constructor(name) {
    this.name = name;
  }

  heard({ id, method, params, result }) {
    if (method === undefined) return this.answers.get(id)?.(result.outcome);
    const answer = (given) => say({ jsonrpc: "2.0", id, result: given });
    switch (method) {
      case "initialize":
        return answer({
          protocolVersion: 1,
          agentCapabilities: { loadSession: true },
          agentInfo: { version: "1.0.0" },
        });
      case "session/new":
        this.session = new Session(this.name, randomUUID());
        this.session.save();
        return answer({ sessionId: this.session.id });
      case "session/load":
        if (!Session.exists(this.name, params.sessionId))
          return say({ jsonrpc: "2.0", id, error: { code: -32002, message: "Resource not found" } });
        this.session = new Session(this.name, params.sessionId);
        for (const _ of this.session.data.prompts) this.text("an old answer");
        return answer({});
      case "session/prompt":
        this.session.said(params.prompt[0].text);
        this.isStopped = false;
        return this.turn(answer, id);
      case "session/cancel":
        this.isStopped = true;
        this.running?.kill();
        for (const outcome of this.answers.values()) outcome({ outcome: "cancelled" });
    }
  }

  async turn(answer, id) {
    for (let step = this.session.next(); step && !this.isStopped; step = this.session.next()) {
      if (step.hang) return;
      if (step.crash) process.exit(0);
      if (step.limit) {
        this.session.resetOf(step);
        return say({
          jsonrpc: "2.0",
          id,
          error: { code: 429, message: "You have exhausted your daily quota." },
        });
      }
      if (step.say) {
        this.text(step.say);
        this.session.done(step.n, "said");
      } else await this.call(step);
    }
    if (this.isStopped) return answer({ stopReason: "cancelled" });
    this.text(this.session.summary());
    answer({
      stopReason: "end_turn",
      _meta: { quota: { token_count: { input_tokens: 90, output_tokens: 10 } } },
    });
  }

  async call(step) {
    const about = { toolCallId: step.id, title: step.cmd, kind: "execute", rawInput: { command: step.cmd } };
    const request = this.asks++;
    const options = ["allow_always", "allow_once", "reject_once"].map((kind) => ({
      optionId: `o-${kind}`,
      name: kind,
      kind,
    }));
    const outcome = new Promise((resolve) => this.answers.set(request, resolve));
    const params = { sessionId: this.session.id, toolCall: { ...about, status: "pending" }, options };
    say({ jsonrpc: "2.0", id: request, method: "session/request_permission", params });
    const { outcome: what, optionId } = await outcome;
    this.answers.delete(request);
    if (what === "cancelled") return this.session.again(step.n);
    if (optionId === "o-reject_once") {
      this.session.done(step.n, "rejected");
      return this.update({ sessionUpdate: "tool_call_update", toolCallId: step.id, status: "failed" });
    }
    this.running = tool(step.cmd);
    const { code, output } = await this.running.ended;
    if (this.isStopped) return this.session.again(step.n);
    this.session.done(step.n, output);
    const content = [{ type: "content", content: { type: "text", text: output } }];
    this.update({
      sessionUpdate: "tool_call_update",
      ...about,
      status: code === 0 ? "completed" : "failed",
      content,
    });
  }

  text(text) {
    this.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  }

  update(update) {
    say({ jsonrpc: "2.0", method: "session/update", params: { sessionId: this.session.id, update } });
  }
}
