/** opencode: `opencode serve`, which tells events to who listens and asks where its configuration says so. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Session, tool } from "./session.mjs";

const config = JSON.parse(process.env.OPENCODE_CONFIG_CONTENT ?? "{}");
const users = { permission: JSON.parse(process.env.FAKE_RULES ?? "{}") };

export async function run(args) {
  if (args[0] !== "serve") throw new Error(`unexpected arguments: ${args.join(" ")}`);
  const opencode = new Opencode();
  const port = Number(args[args.indexOf("--port") + 1]);
  const expected = `Basic ${Buffer.from(`opencode:${process.env.OPENCODE_SERVER_PASSWORD}`).toString("base64")}`;
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== expected) return response.writeHead(401).end();
    let text = "";
    for await (const chunk of request) text += chunk;
    opencode.serve(request, response, text ? JSON.parse(text) : {});
  });
  server.listen(port, "127.0.0.1", () =>
    console.log(`opencode server listening on http://127.0.0.1:${port}`),
  );
  // A kill leaves its tools running.
  process.on("SIGTERM", () => process.exit(0));
}

class Opencode {
  listeners = new Set();
  answers = new Map();

  serve(request, response, body) {
    const [path] = request.url.split("?");
    const json = (status, value) =>
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(value === undefined ? "" : JSON.stringify(value));
    const [, kind, id, what] = path.split("/");
    if (path === "/event") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      this.listeners.add(response);
      response.write(`data: ${JSON.stringify({ type: "server.connected", properties: {} })}\n\n`);
      return;
    }
    if (path === "/config") return json(200, config.permission ? { ...users, ...config } : users);
    if (kind === "permission") {
      this.answers.get(id)?.(body.reply);
      return json(200, true);
    }
    if (path === "/session") {
      this.session = new Session("opencode", `ses_${randomUUID().slice(0, 12)}`);
      this.session.save();
      return json(200, this.about());
    }
    if (!Session.exists("opencode", id)) return json(404, { name: "NotFoundError" });
    this.session ??= new Session("opencode", id);
    if (what === "prompt_async") {
      this.session.said(body.parts[0].text);
      json(204);
      return void (this.isBusy || this.turn());
    }
    if (what === "abort") {
      this.isStopped = true;
      this.running?.kill();
      for (const answer of this.answers.values()) answer("abort");
      return json(200, true);
    }
    return json(200, this.about());
  }

  about() {
    const { tokens } = this.session.data;
    const used = { input: tokens * 0.9, output: tokens * 0.1, reasoning: 0, cache: { read: 0, write: 0 } };
    return { id: this.session.id, version: "1.18.33", cost: tokens / 10_000, tokens: used };
  }

  tell(type, properties) {
    const event = {
      id: `evt_${randomUUID()}`,
      type,
      properties: { sessionID: this.session.id, ...properties },
    };
    for (const listener of this.listeners) listener.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  part(part) {
    this.tell("message.part.updated", {
      part: { id: `prt_${randomUUID()}`, messageID: this.message, ...part },
    });
  }

  begin() {
    this.message = `msg_${randomUUID()}`;
    this.tell("message.updated", { info: { id: this.message, role: "assistant", modelID: "fake-model" } });
  }

  async turn() {
    this.isBusy = true;
    this.isStopped = false;
    const user = `msg_${randomUUID()}`;
    this.tell("message.updated", { info: { id: user, role: "user" } });
    this.tell("message.part.updated", {
      part: { id: "p", type: "text", text: this.session.data.prompts.at(-1), messageID: user },
    });
    for (let step = this.session.next(); step && !this.isStopped; step = this.session.next()) {
      this.begin();
      if (step.limit) {
        const next = this.session.resetOf(step) * 1000;
        this.tell("session.status", { status: { type: "retry", attempt: 1, message: "usage limit", next } });
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())));
        continue;
      }
      if (step.hang) return;
      if (step.forget) this.session.forget();
      if (step.crash) process.exit(0);
      if (step.fail) {
        this.tell("session.error", { error: { name: "APIError", data: { message: step.fail } } });
        return this.idle();
      }
      if (step.say) {
        this.text(step.say);
        this.session.done(step.n, "said");
      } else await this.call(step);
    }
    if (this.isStopped) {
      this.tell("session.error", { error: { name: "MessageAbortedError", data: { message: "Aborted" } } });
      this.idle();
      return this.idle();
    }
    this.begin();
    this.text(this.session.summary());
    this.idle();
  }

  async call(step) {
    const input = { command: step.cmd };
    const about = { type: "tool", tool: "bash", callID: step.id };
    this.part({ ...about, state: { status: "pending", input: {} } });
    this.part({ ...about, state: { status: "running", input } });
    if (config.permission?.bash === "ask") {
      const id = `per_${randomUUID()}`;
      const answer = new Promise((resolve) => this.answers.set(id, resolve));
      this.tell("permission.asked", {
        id,
        permission: "bash",
        patterns: [step.cmd],
        metadata: input,
        tool: { callID: step.id },
      });
      const reply = await answer;
      if (reply === "reject") {
        this.session.done(step.n, "rejected");
        return this.part({ ...about, state: { status: "error", input, error: "rejected" } });
      }
      if (reply === "abort") return this.session.again(step.n);
    }
    this.running = tool(step.cmd);
    const { code, output } = await this.running.ended;
    if (this.isStopped) return this.session.again(step.n);
    this.part({ ...about, state: { status: "completed", input, output, metadata: { exit: code } } });
    this.session.done(step.n, output);
    this.part({ type: "step-finish", reason: "tool-calls", tokens: {}, cost: 0 });
  }

  text(text) {
    this.part({ type: "text", text, time: { start: 1, end: 2 } });
  }

  idle() {
    this.isBusy = false;
    this.tell("session.status", { status: { type: "idle" } });
    this.tell("session.idle", {});
  }
}
