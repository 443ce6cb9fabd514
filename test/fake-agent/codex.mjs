/** Codex: `codex app-server`, which asks before each command and forgets its policy with the process. */
import { randomUUID } from "node:crypto";
import { lines, Session, say, tool } from "./session.mjs";

export async function run(args) {
  if (args.at(-1) !== "app-server") throw new Error(`unexpected arguments: ${args.join(" ")}`);
  const codex = new Codex();
  lines(
    (line) => codex.heard(line),
    () => process.exit(0),
  );
}

class Codex {
  answers = new Map();
  asks = 0;

  heard({ id, method, params, result }) {
    if (method === undefined) return this.answers.get(id)?.(result.decision);
    const answer = (given) => say({ id, result: given });
    switch (method) {
      case "initialize":
        return answer({
          userAgent: `${params.clientInfo.name}/${process.env.FAKE_VERSION ?? "0.171.0"} (fake)`,
        });
      case "thread/start": {
        const approvalPolicy = params.approvalPolicy ?? process.env.FAKE_POLICY ?? "on-request";
        const session = new Session("codex", randomUUID());
        if (!params.ephemeral) this.begin(session, params);
        return answer({
          thread: { id: session.id, ephemeral: params.ephemeral === true },
          approvalPolicy,
          model: "fake",
        });
      }
      case "thread/resume":
        if (!Session.exists("codex", params.threadId))
          return say({
            id,
            error: { code: -32600, message: `no rollout found for thread id ${params.threadId}` },
          });
        this.begin(new Session("codex", params.threadId), params);
        return answer({
          thread: { id: params.threadId },
          approvalPolicy: params.approvalPolicy,
          model: "fake",
        });
      case "turn/start":
        this.session.said(params.input[0].text);
        this.turnId = randomUUID();
        answer({ turn: { id: this.turnId, status: "inProgress" } });
        return this.turn();
      case "turn/steer":
        this.session.said(params.input[0].text);
        return answer({ turnId: this.turnId });
      case "turn/interrupt":
        this.isInterrupted = true;
        answer({});
        // The tool lives on a little.
        return setTimeout(() => {
          this.running?.kill();
          this.over("interrupted");
        }, 300);
    }
  }

  begin(session, { approvalPolicy, cwd }) {
    this.session = session;
    this.policy = approvalPolicy;
    this.cwd = cwd;
    session.save();
  }

  async turn() {
    this.isInterrupted = false;
    for (let step = this.session.next(); step; step = this.session.next()) {
      if (step.limit) return this.limited(step);
      if (step.hang) return;
      if (step.forget) this.session.forget();
      if (step.crash) process.exit(0);
      if (step.fail) return this.over("failed", { message: step.fail });
      if (step.say) {
        this.text(step.say);
        this.session.done(step.n, "said");
      } else if (await this.call(step)) return;
    }
    this.text(this.session.summary());
    this.over("completed");
  }

  async call(step) {
    const item = {
      type: "commandExecution",
      id: step.id,
      command: `/bin/bash -lc '${step.cmd}'`,
      commandActions: [{ type: "unknown", command: step.cmd }],
      status: "inProgress",
    };
    say({ method: "item/started", params: { item } });
    const decision = this.policy === "untrusted" && !step.harmless ? await this.asked(item, step) : "accept";
    if (decision === "cancel" || decision === "decline") {
      say({ method: "item/completed", params: { item: { ...item, status: "declined", exitCode: null } } });
      if (decision === "decline") this.session.done(step.n, "declined");
      else this.session.again(step.n);
      if (decision === "cancel") this.over("interrupted");
      return decision === "cancel";
    }
    this.running = tool(step.cmd);
    const { code, output } = await this.running.ended;
    if (this.isInterrupted) {
      this.session.again(step.n);
      return true;
    }
    const ended = {
      ...item,
      status: code === 0 ? "completed" : "failed",
      exitCode: code,
      aggregatedOutput: output,
    };
    say({ method: "item/completed", params: { item: ended } });
    this.session.done(step.n, output);
    const { tokens } = this.session.data;
    const total = {
      inputTokens: tokens * 0.9,
      outputTokens: tokens * 0.1,
      cachedInputTokens: 0,
      totalTokens: tokens,
    };
    say({ method: "thread/tokenUsage/updated", params: { tokenUsage: { total } } });
    return false;
  }

  asked({ id, command, commandActions }, { ask }) {
    const request = this.asks++;
    const params = { itemId: id, command, commandActions, ...(ask && { reason: "needs the network" }) };
    const answer = new Promise((resolve) => this.answers.set(request, resolve));
    say({ method: "item/commandExecution/requestApproval", id: request, params });
    return answer;
  }

  limited(step) {
    const primary = { usedPercent: 100, windowDurationMins: 300, resetsAt: this.session.resetOf(step) };
    say({ method: "account/rateLimits/updated", params: { rateLimits: { primary, secondary: null } } });
    const error = { message: "You've hit your usage limit", codexErrorInfo: "usageLimitExceeded" };
    say({ method: "error", params: { error, willRetry: false } });
    this.over("failed", error);
  }

  text(text) {
    say({ method: "item/completed", params: { item: { type: "agentMessage", id: randomUUID(), text } } });
  }

  over(status, error = null) {
    say({ method: "turn/completed", params: { turn: { id: this.turnId, status, error } } });
  }
}
