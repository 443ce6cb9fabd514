import { agentNamed } from "../../../core/agents.ts";
import { agentFieldsOf } from "../../../core/submitted-agent.ts";
import type { Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";

/** What the module that drives an agent is given: the agent as it is known now, and what the task was submitted with. */
export function agentInput({ settings }: Engine, task: Task): unknown {
  const facts = agentNamed(task.agent ?? "", settings.agents) ?? null;
  return { ...agentFieldsOf(task), account: task.account, facts };
}
