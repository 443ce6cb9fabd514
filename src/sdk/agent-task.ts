import type { AgentReport } from "../core/agents.ts";
import type { OwnAgents } from "../core/own-agents.ts";
import { settingsOf } from "../home/config-file.ts";
import { pathsOf } from "../home/paths.ts";
import type { Task } from "./api.ts";
import type { Session } from "./session.ts";

/** The `task` object of the module that drives a coding agent: it has more methods than that of other modules. */
export interface AgentTask<Checkpoint = unknown> extends Task<Checkpoint> {
  /** The environment of the task. */
  readonly env: Record<string, string>;
  /** Keeps a pause from ending this attempt until the returned function is called. */
  busy(): () => void;
  /**
   * Sets what `show` reports about the agent. `session` claims that session for this task. `progressed` says that the
   * agent has made progress since the last loss. Rejects with `SessionInUse`.
   */
  report(report: AgentReport, extra?: { session?: string; progressed?: boolean }): Promise<void>;
  /** Sets the function to call whenever a message was, or may have been, sent to the task. */
  onMessage(listener: () => void): void;
}

export function createAgentTask(session: Session, task: Task, env: Record<string, string>): AgentTask {
  const extras: Omit<AgentTask, keyof Task> = {
    env,
    busy: () => {
      const flight = session.calls.begin();
      return () => session.calls.end(flight);
    },
    report: async (report, extra = {}) => {
      await session.link.call("attempt/agent", { report, ...extra });
    },
    onMessage: (listener) => {
      session.onMessage = listener;
    },
  };
  return Object.create(task, Object.getOwnPropertyDescriptors(extras)) as AgentTask;
}

/** Returns the user's own coding agents, from the config file of the home that `env` names. */
export function ownAgents(env: Readonly<Record<string, string | undefined>>): OwnAgents {
  return settingsOf(pathsOf(env).config).agents;
}
