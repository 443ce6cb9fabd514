export { sync } from "../home/durable.ts";
export type { ActiveAttempt, Link } from "./attempt/active-attempt.ts";
export {
  acknowledge,
  activeByToken,
  hello,
  openQuestion,
  type Place,
  saveCheckpoint,
  saveResult,
  sleepUntil,
  stepBegan,
  stepEnded,
  suspended,
} from "./attempt/attempt-calls.ts";
export { canContinue } from "./attempt/conclude.ts";
export { capLogs } from "./attempt/log-caps.ts";
export { journalPart } from "./attempt/steps/journal-part.ts";
export { keep } from "./attempt/steps/keep.ts";
export { whenStarted } from "./attempt/when-started.ts";
export { Engine } from "./engine.ts";
export { foldersOf, logFile, rawLogFile, taskOfFolder } from "./files/environment.ts";
export { Environments } from "./files/environments.ts";
export { keepArtifact } from "./files/keep-artifact.ts";
export { keepLogs, logName } from "./files/keep-logs.ts";
export { keepReserve } from "./files/reserve.ts";
export { retain } from "./files/retention.ts";
export { removeTree } from "./files/tree-files.ts";
export { releaseEnvironments } from "./files/unused-environments.ts";
export { isMemoryShort, slotsMax } from "./limits.ts";
export { requireMachines } from "./machines.ts";
export { pack as packFolder, unpack as unpackFolder } from "./moving/archive.ts";
export { exportTask } from "./moving/export.ts";
export { arrive, importTask, moveKey, settleImports } from "./moving/import.ts";
export { leave } from "./moving/moved.ts";
export { dropOldBundles, readPiece, writePiece } from "./moving/upload.ts";
export { notifyDesktop } from "./notify/desktop.ts";
export { Notifier, type NotifierOptions } from "./notify/notifier.ts";
export { sender } from "./notify/send.ts";
export type { Cluster, ClusterFiles, Log } from "./ports.ts";
export {
  checkRequests,
  endAll,
  handOver,
  loseElsewhere,
  settleWithStore,
  stopOrEnd,
} from "./recovery/cluster.ts";
export { isIdle } from "./recovery/idle.ts";
export { forgetSeen, noteSeen } from "./recovery/last-seen.ts";
export { recover } from "./recovery/recover.ts";
export { awaitStarts, type Paused, shutdown, unpaused } from "./recovery/shutdown.ts";
export { Recurring } from "./schedule/recurring.ts";
export { Scheduler } from "./schedule/schedule.ts";
export { defaultSettings, type Settings } from "./settings.ts";
export { reportAgent } from "./verbs/agents/report-agent.ts";
export { answer } from "./verbs/answer.ts";
export { cancel } from "./verbs/cancel.ts";
export { remove } from "./verbs/delete.ts";
export { edit } from "./verbs/edit.ts";
export { hold } from "./verbs/hold.ts";
export { pause } from "./verbs/pause.ts";
export { planPause, planSelected } from "./verbs/plan-pause.ts";
export { holdQueue, type QueueState, releaseQueue, removeQueue, setQueue } from "./verbs/queue.ts";
export { release } from "./verbs/release.ts";
export { rerun } from "./verbs/rerun.ts";
export { resume } from "./verbs/resume.ts";
export {
  addSchedule,
  pauseSchedule,
  removeSchedule,
  requireSchedule,
  resumeSchedule,
  runSchedule,
} from "./verbs/schedule.ts";
export { type Answers, pauseSelected, resumeSelected } from "./verbs/select.ts";
export { send } from "./verbs/send.ts";
export { type Submission, submit } from "./verbs/submit.ts";
export { suspendItself } from "./verbs/suspend-itself.ts";
export { diffWorktree, dropWorktree, merge, type WorktreeFacts, worktreeFacts } from "./verbs/worktrees.ts";
