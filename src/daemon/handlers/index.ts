import type { Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { artifactHandlers } from "./artifacts.ts";
import { attemptHandlers } from "./attempt.ts";
import { checkpointHandlers } from "./checkpoints.ts";
import type { Daemon } from "./context.ts";
import { daemonHandlers } from "./daemon.ts";
import { hookHandlers } from "./hooks.ts";
import { logHandlers } from "./logs.ts";
import { movingHandlers } from "./moving.ts";
import { queueHandlers } from "./queues.ts";
import { answerMachines } from "./remote-files.ts";
import { scheduleHandlers } from "./schedules.ts";
import { taskHandlers } from "./tasks.ts";
import { worktreeHandlers } from "./worktrees.ts";

/** Returns one handler for each method; a missing one does not compile. They also respond to other machines. */
export function handlersOf(daemon: Daemon): Handlers<Caller> {
  const handlers: Handlers<Caller> = {
    ...taskHandlers(daemon),
    ...attemptHandlers(daemon),
    ...queueHandlers(daemon),
    ...scheduleHandlers(daemon),
    ...hookHandlers(daemon),
    ...checkpointHandlers(daemon),
    ...artifactHandlers(daemon),
    ...logHandlers(daemon),
    ...movingHandlers(daemon),
    ...worktreeHandlers(daemon),
    ...daemonHandlers(daemon),
  };
  daemon.files?.onRequest(answerMachines(daemon, handlers));
  return handlers;
}
