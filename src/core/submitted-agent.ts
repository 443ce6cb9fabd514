/** The fields that a coding agent is submitted with: rows of the table in submitted.ts. */
import { onLimitChoices, permissionChoices } from "./agents.ts";
import type { Field } from "./submitted-field.ts";

export const submittedAgent = {
  agent: {
    type: "text",
    fallback: null,
    option: [
      "--agent <name>",
      "a coding agent (claude, codex, opencode, gemini, acp:<command>) with this prompt",
    ],
  },
  prompt: { type: "text", fallback: null, isShown: true },
  model: { type: "text", fallback: null, option: ["--model <model>", "the agent's model (its own choice)"] },
  permissions: {
    type: "choice",
    choices: permissionChoices,
    fallback: "own",
    option: [
      "--permissions <what>",
      "what the agent may do without asking: its own rules, edits of files, all, or plan (read only)",
    ],
  },
  maxCost: {
    type: "amount",
    fallback: null,
    option: ["--max-cost <usd>", "suspend the agent when it has cost this much, over all attempts"],
  },
  maxTokens: {
    type: "integer",
    least: 1,
    fallback: null,
    option: ["--max-tokens <n>", "suspend the agent when it has used this many tokens, over all attempts"],
  },
  maxTurns: {
    type: "integer",
    least: 1,
    fallback: null,
    option: ["--max-turns <n>", "suspend the agent after this many turns, over all attempts"],
  },
  idleTimeoutMs: {
    type: "limit",
    fallback: null,
    option: [
      "--idle-timeout <duration>",
      "an agent that prints nothing for this long while no tool runs is continued once, then suspended (15m)",
    ],
  },
  onLimit: {
    type: "choice",
    choices: onLimitChoices,
    fallback: "wait",
    option: ["--on-limit <what>", "at a usage limit of the agent's provider (wait)"],
  },
  session: {
    type: "text",
    fallback: null,
    isOwn: true,
    option: ["--session <id>", "continue this session of the agent"],
  },
  worktree: {
    type: "branch",
    fallback: null,
    option: [
      "--worktree [branch]",
      "work in a git worktree of its own, on this branch or a new one (agentctl/<id>-<words>)",
    ],
  },
  agentArgs: {
    type: "texts",
    fallback: [],
    option: ["--agent-arg <arg>", "an argument for the agent's program (repeatable)"],
  },
  interactive: {
    type: "flag",
    fallback: false,
    option: ["--interactive", "ask for the next message after each turn of the agent"],
  },
} as const satisfies Record<string, Field>;

const names = Object.keys(submittedAgent) as (keyof typeof submittedAgent)[];

/** Returns these fields of a task, in the form that its host gets. */
export function agentFieldsOf(task: Record<keyof typeof submittedAgent, unknown>): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, task[name]]));
}
