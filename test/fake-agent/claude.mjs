/** Claude Code: streams both ways, a hook before each call, a call that can be deferred, questions on stdout. */
import { spawn } from "node:child_process";
import { lines, Session, say, tool } from "./session.mjs";

const version = process.env.FAKE_VERSION ?? "2.1.197";

export async function run(args) {
  const option = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const hook = JSON.parse(option("--settings")).hooks.PreToolUse[0].hooks[0].command;
  const id = option("--session-id") ?? option("--resume");
  const isResume = args.includes("--resume");
  const session = new Session("claude", id);
  const common = { session_id: id };
  if (isResume && (!Session.exists("claude", id) || session.data.cwd !== process.cwd())) {
    const errors = [`No conversation found with session ID: ${id}`];
    say({ type: "result", subtype: "error_during_execution", is_error: true, errors, ...common });
    process.exitCode = 1;
    return;
  }
  const agent = new Claude({ session, hook, common, isAsking: args.includes("--permission-prompt-tool") });
  if (isResume && session.data.deferred) await agent.turn();
}

class Claude {
  constructor(given) {
    Object.assign(this, given);
    this.inbox = [];
    this.answers = new Map();
    this.messages = 0;
    this.used = 0;
    lines(
      (line) => this.heard(line),
      () => {
        this.isClosed = true;
        if (!this.isBusy) process.exit(0);
      },
    );
  }

  heard(line) {
    if (line.type === "user") {
      this.inbox.push(line.message.content);
      if (!this.isBusy) void this.turn();
    }
    if (line.type === "control_response")
      this.answers.get(line.response.request_id)?.(line.response.response);
    if (line.type === "control_request") {
      say({ type: "control_response", response: { subtype: "success", request_id: line.request_id } });
      this.isInterrupted = true;
      this.running?.kill();
      for (const answer of this.answers.values()) answer({ behavior: "deny", message: "interrupted" });
    }
  }

  async turn() {
    this.isBusy = true;
    this.isInterrupted = false;
    for (const text of this.inbox.splice(0)) this.session.said(text);
    const { deferred } = this.session.data;
    if (deferred) {
      this.session.data.deferred = null;
      this.session.save();
      if (await this.call(deferred)) return this.over();
    }
    say({
      type: "system",
      subtype: "init",
      model: "fake-model",
      claude_code_version: version,
      ...this.common,
    });
    for (let step = this.session.next(); step; step = this.session.next()) {
      if (await this.step(step)) return this.over();
    }
    const text = this.session.summary();
    this.message([{ type: "text", text }]);
    this.result({ subtype: "success", is_error: false, result: text, terminal_reason: "completed" });
    this.over();
  }

  over() {
    this.isBusy = false;
    if (this.inbox.length > 0) void this.turn();
    else if (this.isClosed) process.exit(0);
  }

  /** True when the turn is over with it. */
  async step(step) {
    if (step.limit) return this.limited(step);
    if (step.hang) return new Promise(() => {});
    if (step.forget) this.session.forget();
    if (step.crash) process.exit(step.crash === true ? 0 : step.crash);
    if (step.fail) {
      this.result({ subtype: "error_max_turns", is_error: true, errors: [step.fail] });
      return true;
    }
    if (step.say) {
      this.message([{ type: "text", text: step.say }]);
      this.session.done(step.n, "said");
      return false;
    }
    const calls = [step];
    if (step.beside) calls.push({ ...step, cmd: step.beside, id: `${step.id}b`, isBeside: true });
    this.message(
      calls.map((call) => ({ type: "tool_use", id: call.id, name: "Bash", input: { command: call.cmd } })),
    );
    const ends = await Promise.all(calls.map((call) => this.call(call)));
    return ends.some(Boolean);
  }

  async call(step) {
    const input = { command: step.cmd };
    const about = { tool_name: "Bash", tool_input: input, tool_use_id: step.id, cwd: process.cwd() };
    const said = await this.hooked({ ...this.common, ...about });
    if (said === "defer") {
      this.session.data.deferred = step;
      this.session.save();
      const deferred_tool_use = { id: step.id, name: "Bash", input };
      this.result({
        subtype: "success",
        is_error: false,
        result: "",
        stop_reason: "tool_deferred",
        deferred_tool_use,
      });
      return true;
    }
    if (said !== "allow" && (said === "deny" || (step.ask && (await this.asked(step, input)) === "deny"))) {
      if (this.isInterrupted) return this.aborted(step);
      this.toolResult(step.id, "denied", true);
      this.session.done(step.n, "denied");
      return false;
    }
    if (this.isInterrupted) return this.aborted(step);
    this.running = tool(step.cmd);
    const { code, output } = await this.running.ended;
    if (this.isInterrupted) return this.aborted(step);
    this.toolResult(step.id, output, code !== 0);
    if (!step.isBeside) this.session.done(step.n, output);
    return false;
  }

  aborted(step) {
    this.session.again(step.n);
    this.result({
      subtype: "error_during_execution",
      is_error: true,
      terminal_reason: "aborted_tools",
      errors: ["x"],
    });
    return true;
  }

  limited(step) {
    const resetsAt = this.session.resetOf(step);
    say({
      type: "rate_limit_event",
      rate_limit_info: { status: "rejected", resetsAt, rateLimitType: "five_hour" },
    });
    const result = "You've hit your limit";
    this.result({
      subtype: "success",
      is_error: true,
      api_error_status: 429,
      result,
      terminal_reason: "api_error",
    });
    return true;
  }

  async asked(step, input) {
    if (!this.isAsking) return "deny";
    const request_id = `ask-${step.id}`;
    const answer = new Promise((resolve) => this.answers.set(request_id, resolve));
    const request = { subtype: "can_use_tool", tool_name: "Bash", input, tool_use_id: step.id };
    say({ type: "control_request", request_id, request });
    return (await answer).behavior;
  }

  async hooked(about) {
    const child = spawn("sh", ["-c", this.hook], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify(about));
    let text = "";
    for await (const chunk of child.stdout) text += chunk;
    return text ? JSON.parse(text).hookSpecificOutput.permissionDecision : undefined;
  }

  message(blocks) {
    this.messages++;
    const id = `msg_${process.pid}_${this.messages}`;
    const event = (body) =>
      say({ type: "stream_event", event: body, parent_tool_use_id: null, ...this.common });
    event({ type: "message_start", message: { id } });
    for (const [index, block] of blocks.entries()) {
      event({ type: "content_block_start", index, content_block: block });
      say({
        type: "assistant",
        message: { id, model: "fake-model", content: [block] },
        parent_tool_use_id: null,
      });
    }
    this.used += 100;
    this.session.data.spent = (this.session.data.spent ?? 0) + 100;
    this.session.save();
    event({ type: "message_delta", usage: { input_tokens: 90, output_tokens: 10 } });
    event({ type: "message_stop" });
  }

  toolResult(tool_use_id, content, is_error) {
    const block = { type: "tool_result", tool_use_id, content, is_error };
    say({ type: "user", message: { role: "user", content: [block] }, parent_tool_use_id: null });
  }

  result(result) {
    const usage = {
      input_tokens: this.used * 0.9,
      output_tokens: this.used * 0.1,
      cache_read_input_tokens: 0,
    };
    const spent = version === "2.1.332" ? this.session.data.spent : this.used;
    say({ type: "result", ...result, usage, total_cost_usd: spent / 10_000, ...this.common });
  }
}
