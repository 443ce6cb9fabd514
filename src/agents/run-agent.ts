/** Runs an agent inside a task module. Each process of the agent is a step; its session survives a pause in between. */
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentFacts, agentNamed, type Permissions } from "../core/agents.ts";
import { type AgentTask, ownAgents } from "../sdk/agent-task.ts";
import type { StepContext, Task } from "../sdk/api.ts";
import { AgentFailed } from "./adapter/failed.ts";
import { adapterOf } from "./adapters.ts";
import { restoreState } from "./host/beginning.ts";
import { decideNext, noteInterruptedCall } from "./host/decide-next.ts";
import { Drive } from "./host/drive.ts";
import { applyAnswer } from "./host/permits.ts";
import { type AgentSpec, type AgentState, freshState } from "./host/state.ts";

/** The options of {@link runAgent}. */
export interface AgentOptions {
  /** `claude`, `codex`, `opencode`, `gemini`, `acp:<command>` or a name from the setting `agents`. */
  agent: string;
  prompt: string;
  model?: string;
  /** Default `own`: the agent's own rules apply, and where they would ask a person, the task asks. */
  permissions?: Permissions;
  maxCost?: number;
  maxTokens?: number;
  maxTurns?: number;
  idleTimeoutMs?: number;
  onLimit?: "wait" | "suspend" | "fail";
  /** A session to continue. */
  session?: string;
  args?: string[];
}

interface Turn {
  state: AgentState;
  result?: string;
}

/**
 * Runs an agent until it is done, and resolves with its last message. Rejects with an error named `AgentFailed` if the
 * agent fails. Limits and budgets suspend the task.
 */
export async function runAgent(task: Task, options: AgentOptions): Promise<string> {
  const spec = specOf(options);
  const facts = factsOf(spec);
  const name = `agent ${spec.agent}`;
  const createState = () => freshState(spec, process.cwd(), facts.session === "chosen" ? randomUUID() : null);
  let state = await task.step(`${name}: session`, createState);
  for (;;) {
    const previous = state;
    const turn: Turn = await task.step(name, (step) => runProcess(task, step, { spec, facts }, previous));
    if (turn.result !== undefined) return turn.result;
    state = turn.state;
    if (!state.asking) continue;
    const { prompt, choices } = state.asking;
    applyAnswer(state, await task.ask(prompt, choices ? { choices } : {}));
  }
}

function specOf({
  agent,
  prompt,
  permissions = "own",
  onLimit = "wait",
  args = [],
  ...more
}: AgentOptions): AgentSpec {
  const { model = null, maxCost = null, maxTokens = null, maxTurns = null, idleTimeoutMs = null } = more;
  const limits = { maxCost, maxTokens, maxTurns, idleTimeoutMs, onLimit };
  const { session = null } = more;
  return {
    agent,
    prompt,
    model,
    permissions,
    ...limits,
    session,
    agentArgs: args,
    interactive: false,
    account: null,
  };
}

function factsOf({ agent }: AgentSpec): AgentFacts {
  const facts = agentNamed(agent, ownAgents(process.env));
  if (!facts) throw new AgentFailed(`there is no agent ${JSON.stringify(agent)}`);
  return facts;
}

async function runProcess(
  task: Task,
  step: StepContext,
  { spec, facts }: { spec: AgentSpec; facts: AgentFacts },
  previous: AgentState,
): Promise<Turn> {
  const state = structuredClone((step.kept as AgentState | undefined) ?? previous);
  const dir = join(task.dir, "agent");
  if (step.kept) noteInterruptedCall(state, dir);
  restoreState(state, dir, facts, false);
  const programs = {
    node: process.execPath,
    hook: join(dirname(fileURLToPath(import.meta.url)), "agent-hook.cjs"),
  };
  const stepTask = taskInStep(task, step);
  const run = { facts, env: stepTask.env, dir, programs };
  const options = { task: stepTask, spec, state, open: adapterOf(facts), run };
  const next = decideNext(options, await new Drive(options).run());
  await step.keep(state);
  if ("result" in next) return { state, result: next.result };
  await step.safePoint();
  if ("error" in next) throw next.error;
  if ("suspend" in next) await step.suspend(next.suspend);
  return { state };
}

/** Returns the task as the driver of an agent needs it, except that the step keeps what the driver saves. */
function taskInStep(task: Task, step: StepContext): AgentTask<AgentState> {
  const overrides = {
    env: { ...process.env } as Record<string, string>,
    busy: () => () => {},
    report: async () => {},
    onMessage: () => {},
    messages: async () => [],
    save: (state: AgentState) => step.keep(state),
  };
  return Object.create(task, Object.getOwnPropertyDescriptors(overrides)) as AgentTask<AgentState>;
}
