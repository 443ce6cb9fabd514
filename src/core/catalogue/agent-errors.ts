/** The catalogue rows for expected failures of coding agents. */
import type { ErrorData } from "./hints.ts";

export const agentErrors = {
  SessionInUse: {
    code: -32035,
    exit: 4,
    message: (d: ErrorData) =>
      `session ${d.session} of ${d.agent} is in use: task ${d.id} continues it and is ${d.state}`,
    hint: (d: ErrorData) => `agentctl send ${d.id} "<text>" speaks to it; agentctl cancel ${d.id} ends it`,
  },
  SessionNotFound: {
    code: -32036,
    exit: 3,
    message: (d: ErrorData) => String(d.reason),
    hint: (d: ErrorData) => `agentctl resume ${d.id} --from-start begins a new session`,
  },
  AgentFailed: {
    code: -32037,
    exit: 1,
    message: (d: ErrorData) => String(d.reason),
    hint: (d: ErrorData) => (d.id === undefined ? undefined : `agentctl logs ${d.id}`),
  },
} as const;
