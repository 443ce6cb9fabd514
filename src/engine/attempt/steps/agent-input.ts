import { agentNamed } from "../../../core/agents.ts";
import { agentFieldsOf } from "../../../core/submitted-agent.ts";
import type { Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";

/** Returns the input of the module that drives an agent: the agent's current facts and the task's agent fields. */
export function agentInput({ settings }: Engine, task: Task): unknown {
  const facts = agentNamed(task.agent ?? "", settings.agents) ?? null;
  return { ...agentFieldsOf(task), account: task.account, facts };
}
