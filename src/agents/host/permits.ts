import type { ToolCall, Verdict } from "../adapter/types.ts";
import { type AgentSpec, type AgentState, inputText } from "./state.ts";

/** The agents' names for tools that only change files. */
const EDITS = [
  "Edit",
  "MultiEdit",
  "Write",
  "NotebookEdit",
  "fileChange",
  "edit",
  "write",
  "write_file",
  "replace",
];
/** The agents' names for tools that run commands. A plan may not use them. */
const COMMANDS = ["Bash", "bash", "commandExecution", "run_shell_command", "execute"];

/** The answers to a question about a call. */
const ALLOW = "allow";
const ALLOW_ALWAYS = "allow-always";
const DENY = "deny";

/** Decides which calls may run, by the task's permissions and by what people have decided. */
export class Permits {
  readonly #state: AgentState;
  readonly #spec: AgentSpec;

  constructor(state: AgentState, spec: AgentSpec) {
    this.#state = state;
    this.#spec = spec;
  }

  /** Denies a call that a plan may not make, whatever the agent's own rules are. */
  forbidden({ name }: ToolCall): { deny: string } | undefined {
    const canChange = EDITS.includes(name) || COMMANDS.includes(name);
    if (this.#spec.permissions !== "plan" || !canChange || this.#spec.agent === "claude") return undefined;
    return { deny: "The task may read and plan, and change nothing." };
  }

  /** Returns what a person has decided for exactly this call. A decision counts for one call only. */
  decisionOf(call: ToolCall): "run" | { deny: string } | undefined {
    if (this.#state.allowed.includes(subjectOf(call))) return "run";
    const { decision } = this.#state;
    if (decision?.name !== call.name || decision.input !== inputText(call.input)) return undefined;
    if (decision.id !== null && decision.id !== call.id) return undefined;
    decision.id = call.id;
    return decision.deny ? { deny: "A person has denied this call." } : "run";
  }

  /** Decides on a call for which the agent's own rules would ask. `stop`: a person must decide. */
  permit(call: ToolCall): Verdict {
    const { permissions } = this.#spec;
    if (permissions === "all") return "run";
    if (permissions === "edits" && EDITS.includes(call.name)) return "run";
    const decision = this.decisionOf(call);
    if (decision) return decision;
    this.#state.asking = {
      kind: "permission",
      prompt: `May ${this.#spec.agent} use ${call.name}?\n${call.title}`,
      choices: [ALLOW, ALLOW_ALWAYS, DENY],
      call: { ...call, input: call.input ?? null },
    };
    return "stop";
  }
}

/** Returns what `allow-always` allows: a command or a file, whatever else the input holds; else exactly this input. */
function subjectOf({ name, input, title }: ToolCall): string {
  const isKnown = EDITS.includes(name) || COMMANDS.includes(name);
  return `${name} ${isKnown ? title : inputText(input)}`;
}

/** Applies a person's answer to the state. The agent gets it as a message when it continues. */
export function applyAnswer(state: AgentState, answer: string): void {
  const { asking } = state;
  state.asking = null;
  if (!asking?.call) {
    state.inbox.push(answer);
    return;
  }
  const { name, input, title } = asking.call;
  if (answer === ALLOW_ALWAYS) state.allowed.push(subjectOf(asking.call));
  const isDenied = answer === DENY;
  state.decision = { name, input: inputText(input), deny: isDenied, id: null };
  const instruction = isDenied ? "Do not do that; it was denied" : "That is allowed; do it now";
  state.inbox.push(`${instruction}: ${title}`);
}
