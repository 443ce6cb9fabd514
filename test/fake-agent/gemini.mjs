/** Gemini CLI: one process for each turn, a hook from its settings, text between its lines, no result after TERM. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Session, say, tool } from "./session.mjs";

export async function run(args) {
  if (args.includes("--acp")) return (await import("./acp.mjs")).run(args, "gemini-acp");
  const option = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const id = option("--session-id") ?? option("-r");
  const session = new Session("gemini", id);
  if (args.includes("-r") && (!Session.exists("gemini", id) || session.data.cwd !== process.cwd())) {
    console.error(`Error resuming session: Invalid session identifier "${id}"`);
    process.exitCode = 42;
    return;
  }
  console.log("YOLO mode is enabled. All tool calls will be automatically approved.");
  const settings = JSON.parse(
    readFileSync(join(process.env.GEMINI_CLI_HOME, ".gemini/settings.json"), "utf8"),
  );
  const hook = settings.hooks.BeforeTool.at(-1).hooks[0].command;
  process.on("SIGTERM", () => process.exit(0));
  say({ type: "init", session_id: id, model: "fake-model" });
  session.said(option("-p"));
  say({ type: "message", role: "user", content: option("-p") });
  let calls = 0;
  const result = (more) => {
    const stats = { input_tokens: calls * 90, output_tokens: calls * 10, cached: 0, tool_calls: calls };
    say({ type: "result", ...more, stats });
  };
  for (let step = session.next(); step; step = session.next()) {
    if (step.limit) {
      session.resetOf(step);
      const message = "[API Error: You have exhausted your daily quota on this model.]";
      result({ status: "error", error: { type: "unknown", message } });
      process.exitCode = 173;
      return;
    }
    if (step.hang) return void setInterval(() => {}, 1000);
    if (step.forget) session.forget();
    if (step.crash) process.exit(0);
    if (step.fail) return result({ status: "error", error: { type: "unknown", message: step.fail } });
    if (step.say) {
      say({ type: "message", role: "assistant", content: step.say, delta: true });
      session.done(step.n, "said");
      continue;
    }
    calls++;
    const about = { tool_name: "run_shell_command", tool_input: { command: step.cmd } };
    say({ type: "tool_use", tool_name: about.tool_name, tool_id: step.id, parameters: about.tool_input });
    const said = await hooked(hook, {
      session_id: id,
      cwd: process.cwd(),
      hook_event_name: "BeforeTool",
      ...about,
    });
    if (said.continue === false) {
      const message = `Agent execution stopped by hook: ${said.stopReason}`;
      session.again(step.n);
      say({
        type: "tool_result",
        tool_id: step.id,
        status: "error",
        error: { type: "stop_execution", message },
      });
      return result({ status: "success" });
    }
    if (said.decision === "deny") {
      session.done(step.n, "denied");
      say({ type: "tool_result", tool_id: step.id, status: "error", output: said.reason });
      continue;
    }
    const { code, output } = await tool(step.cmd).ended;
    session.done(step.n, output);
    say({ type: "tool_result", tool_id: step.id, status: code === 0 ? "success" : "error", output });
  }
  say({ type: "message", role: "assistant", content: session.summary(), delta: true });
  result({ status: "success" });
}

async function hooked(hook, about) {
  const child = spawn("sh", ["-c", hook], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(about));
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  return JSON.parse(text || "{}");
}
