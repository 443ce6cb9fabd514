import { Child, withTimeout } from "../adapter/child.ts";
import { type Gate, openGate } from "../adapter/gate.ts";
import { asObject, objectOf, textOf, titleOf } from "../adapter/json.ts";
import type { AgentRun, Conversation, Exit, Json, ToolCall } from "../adapter/types.ts";
import { type ClaudeMemory, claudeFacts, claudeMemory, isAtLeast } from "./lines.ts";

/** From this version on, a message sent during a turn reaches the model with its next request. */
const MIN_STEER_VERSION = "2.1.332";
/** How long to wait for a whole message if the agent does not stream its parts, in ms. */
const WHOLE_MESSAGE_MS = 2000;
/** How long an agent may be silent after its turn before we end it, in ms: sub-agents may work in the background. */
const BACKGROUND_MS = 60_000;
const CLOSE_MS = 5000;
const HOOK_TIMEOUT_S = 86_400;

const quiet = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" };

/** Opens Claude Code: `claude -p` with streams in both directions. A pause defers the next call to the next process. */
export async function openClaude(run: AgentRun): Promise<Conversation> {
  const claude = new Claude(run);
  await claude.open();
  return claude;
}

class Claude implements Conversation {
  readonly #run: AgentRun;
  readonly #memory: ClaudeMemory;
  readonly #askedCalls = new Set<string>();
  #child!: Child;
  #gate!: Gate;
  #requests = 0;
  #isDone = false;
  #wholeListeners: (() => void)[] = [];
  exited!: Promise<Exit>;

  constructor(run: AgentRun) {
    this.#run = run;
    this.#memory = claudeMemory(run.version ?? undefined);
  }

  async open(): Promise<void> {
    const { dir, cwd, env, facts } = this.#run;
    this.#gate = await openGate(dir, (question) => this.#beforeTool(question));
    this.#child = new Child({
      argv: [...facts.argv, ...this.#args()],
      cwd,
      env: { ...quiet, ...env },
      dir,
      line: (text) => this.#line(text),
    });
    this.exited = this.#child.exited.finally(() => this.#gate.close());
  }

  async say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later"> {
    if (mode === "steer" && !isAtLeast(this.#memory.version ?? "0", MIN_STEER_VERSION)) return "later";
    this.#isDone = false;
    this.#send({ type: "user", message: { role: "user", content: text } });
    return "taken";
  }

  async interrupt(): Promise<void> {
    const request_id = `agentctl-${++this.#requests}`;
    this.#send({ type: "control_request", request_id, request: { subtype: "interrupt" } });
  }

  async close(): Promise<Exit> {
    this.#child.touch();
    return await this.#child.close(this.#isDone ? BACKGROUND_MS : CLOSE_MS);
  }

  #args(): string[] {
    const { session, isNew, model, permissions, args, programs } = this.#run;
    const command = [programs.node, programs.hook, this.#gate.path].map(quote).join(" ");
    const hook = { type: "command", command, timeout: HOOK_TIMEOUT_S };
    const settings = { hooks: { PreToolUse: [{ matcher: "*", hooks: [hook] }] } };
    const mode = { own: undefined, all: undefined, edits: "acceptEdits", plan: "plan" }[permissions];
    return [
      ...["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"],
      ...["--include-partial-messages", "--permission-prompt-tool", "stdio"],
      ...["--settings", JSON.stringify(settings)],
      ...[isNew ? "--session-id" : "--resume", session ?? ""],
      ...(model === null ? [] : ["--model", model]),
      ...(mode ? ["--permission-mode", mode] : []),
      ...args,
    ];
  }

  #send(line: Json): void {
    this.#child.write(`${JSON.stringify(line)}\n`);
  }

  #line(text: string): void {
    const { line, fact } = this.#run;
    line(text);
    const json = objectOf(text);
    if (!json) return;
    if (json.type === "control_request") this.#answerPermission(json);
    for (const each of claudeFacts(json, this.#memory)) {
      if (each.is === "end") this.#isDone = each.how === "done";
      // A call that ran without asking the hook could not have been stopped.
      if (each.is === "tool-end" && !this.#askedCalls.has(each.id)) this.#run.boundary(false);
      fact(each);
    }
    if (this.#memory.message?.isWhole) for (const callback of this.#wholeListeners.splice(0)) callback();
  }

  /** Answers a permission request that the agent's own rules would put to a person. */
  #answerPermission({ request_id, request }: Json): void {
    const { tool_name, tool_use_id, input, subtype } = asObject(request) ?? {};
    if (subtype !== "can_use_tool") return;
    const name = textOf(tool_name) ?? "tool";
    const call = { id: textOf(tool_use_id) ?? "", name, input, title: titleOf(name, input) };
    const verdict = this.#run.permit(call);
    // The host interrupts the turn, so this request gets no response.
    if (verdict === "stop") return;
    const response =
      verdict === "run"
        ? { behavior: "allow", updatedInput: input ?? {} }
        : { behavior: "deny", message: verdict.deny };
    this.#send({ type: "control_response", response: { subtype: "success", request_id, response } });
  }

  /** Returns what the hook prints before a call; "" if there is nothing to decide, so that the user's rules apply. */
  async #beforeTool(question: Json): Promise<string> {
    const name = textOf(question.tool_name) ?? "tool";
    const input = question.tool_input;
    const call = { id: textOf(question.tool_use_id) ?? "", name, input, title: titleOf(name, input) };
    this.#askedCalls.add(call.id);
    // Deferring a sub-agent's call would end the sub-agent, and the main agent would go on without its work.
    if (textOf(question.agent_id)) return "";
    this.#run.boundary(true);
    const verdict = this.#run.mayRun(call);
    if (verdict === "stop" && (await this.#isAlone(call))) return hookOutput("defer");
    if (typeof verdict === "object") return hookOutput("deny", verdict.deny);
    const decision = this.#run.decisionOf(call);
    if (decision === "run") return hookOutput("allow");
    return decision ? hookOutput("deny", decision.deny) : "";
  }

  /** Whether its message has no other call. Else all run and the next message stops: only the last deferral is kept. */
  async #isAlone({ id }: ToolCall): Promise<boolean> {
    if (id === this.#run.deferred?.id && !this.#memory.message) return true;
    if (!this.#memory.message?.isWhole) {
      const whole = new Promise<void>((resolve) => this.#wholeListeners.push(resolve));
      await (this.#memory.message ? whole : withTimeout(whole, WHOLE_MESSAGE_MS));
    }
    return (this.#memory.message?.tools ?? 1) <= 1;
  }
}

function hookOutput(permissionDecision: string, reason?: string): string {
  const hookSpecificOutput = {
    hookEventName: "PreToolUse",
    permissionDecision,
    ...(reason !== undefined && { permissionDecisionReason: reason }),
  };
  return JSON.stringify({ hookSpecificOutput });
}

/** Quotes a word for a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
