import type { Task } from "../core/task.ts";

/** The fields of a task that change without a change of state. */
export type Patch = Partial<
  Pick<
    Task,
    | "held"
    | "pid"
    | "on"
    | "progress"
    | "pauseAt"
    | "question"
    | "journaled"
    | "envHash"
    | "module"
    | "losses"
    | "failures"
    | "notBefore"
    | "delay"
    | "pause"
    | "frozen"
    | "resumesWith"
    | "exitCode"
    | "signal"
    | "result"
    | "error"
    | "timeoutMs"
    | "envNames"
    | "moving"
    | "agentReport"
    | "sessionKey"
    | "account"
    | "checkout"
    | "maxCost"
    | "maxTokens"
    | "maxTurns"
  >
>;
