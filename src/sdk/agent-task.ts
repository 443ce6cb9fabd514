import type { AgentReport } from "../core/agents.ts";
import type { OwnAgents } from "../core/own-agents.ts";
import { settingsOf } from "../home/config-file.ts";
import { pathsOf } from "../home/paths.ts";
import type { Task } from "./api.ts";
import type { Session } from "./session.ts";

/** What the module that drives a coding agent is given beside what every module has. */
export interface AgentTask<Checkpoint = unknown> extends Task<Checkpoint> {
  /** The environment of the task. */
  readonly env: Record<string, string>;
  /** Until the function that this gives is called, no call of the task is a place at which a pause may leave it. */
  busy(): () => void;
  /**
   * Says what `show` says of the agent; `session` claims that session for this task, `progressed` that it came further
   * since the last loss. Rejects with `SessionInUse`.
   */
  report(report: AgentReport, more?: { session?: string; progressed?: boolean }): Promise<void>;
  /** Called whenever a message was sent to the task, or may have been. */
  onMessage(listener: () => void): void;
}

export function createAgentTask(session: Session, task: Task, env: Record<string, string>): AgentTask {
  const own: Omit<AgentTask, keyof Task> = {
    env,
    busy: () => {
      const flight = session.calls.begin();
      return () => session.calls.end(flight);
    },
    report: async (report, more = {}) => {
      await session.link.call("attempt/agent", { report, ...more });
    },
    onMessage: (listener) => {
      session.onMessage = listener;
    },
  };
  return Object.create(task, Object.getOwnPropertyDescriptors(own)) as AgentTask;
}

/** The coding agents of the user's own, in the home of a task with this environment. */
export function ownAgents(env: Readonly<Record<string, string | undefined>>): OwnAgents {
  return settingsOf(pathsOf(env).config).agents;
}
