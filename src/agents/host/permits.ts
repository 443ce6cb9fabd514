import type { ToolCall, Verdict } from "../adapter/types.ts";
import { type AgentSpec, type AgentState, inputText } from "./state.ts";

/** Tools that change files and do nothing else, by the names that the agents have for them. */
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
/** Tools that run commands, which a plan does without. */
const COMMANDS = ["Bash", "bash", "commandExecution", "run_shell_command", "execute"];

/** The answers to a question about a call. */
const ALLOW = "allow";
const ALLOW_ALWAYS = "allow-always";
const DENY = "deny";

/** Who may call what: the permissions of the task, and what people have decided. */
export class Permits {
  readonly #state: AgentState;
  readonly #spec: AgentSpec;

  constructor(state: AgentState, spec: AgentSpec) {
    this.#state = state;
    this.#spec = spec;
  }

  /** What a plan may not do, whatever the agent's own rules are. */
  forbidden({ name }: ToolCall): { deny: string } | undefined {
    const changes = EDITS.includes(name) || COMMANDS.includes(name);
    if (this.#spec.permissions !== "plan" || !changes || this.#spec.agent === "claude") return undefined;
    return { deny: "The task may read and plan, and change nothing." };
  }

  /** What a person has decided for this very call. It counts once. */
  decided(call: ToolCall): "run" | { deny: string } | undefined {
    if (this.#state.allowed.includes(subjectOf(call))) return "run";
    const { decision } = this.#state;
    if (decision?.name !== call.name || decision.input !== inputText(call.input)) return undefined;
    if (decision.id !== null && decision.id !== call.id) return undefined;
    decision.id = call.id;
    return decision.deny ? { deny: "A person has denied this call." } : "run";
  }

  /** What is answered where the agent's own rules would ask; `stop` leaves it to a person. */
  permit(call: ToolCall): Verdict {
    const { permissions } = this.#spec;
    if (permissions === "all") return "run";
    if (permissions === "edits" && EDITS.includes(call.name)) return "run";
    const decided = this.decided(call);
    if (decided) return decided;
    this.#state.asking = {
      kind: "permission",
      prompt: `May ${this.#spec.agent} use ${call.name}?\n${call.title}`,
      choices: [ALLOW, ALLOW_ALWAYS, DENY],
      call: { ...call, input: call.input ?? null },
    };
    return "stop";
  }
}

/** What `allow-always` counts for: a command or a file, whatever else the input says; else the very input. */
function subjectOf({ name, input, title }: ToolCall): string {
  const isKnown = EDITS.includes(name) || COMMANDS.includes(name);
  return `${name} ${isKnown ? title : inputText(input)}`;
}

/** What an answer changes; the agent hears of it as it goes on. */
export function settle(state: AgentState, answer: string): void {
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
  const word = isDenied ? "Do not do that; it was denied" : "That is allowed; do it now";
  state.inbox.push(`${word}: ${title}`);
}
