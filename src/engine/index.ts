export type { ActiveAttempt } from "./attempt/active-attempt.ts";
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
export { whenStarted } from "./attempt/when-started.ts";
export { Engine, type Log } from "./engine.ts";
export { foldersOf, logFile, taskOfFolder } from "./files/environment.ts";
export { Environments, releaseEnvironments } from "./files/environments.ts";
export { keepArtifact } from "./files/keep-artifact.ts";
export { capLogs } from "./files/log-caps.ts";
export { deleteTask, retain } from "./files/retention.ts";
export { sync } from "./files/sync.ts";
export { recover } from "./recovery/recover.ts";
export { shutdown } from "./recovery/shutdown.ts";
export { Scheduler } from "./schedule/schedule.ts";
export { defaultSettings, type Settings } from "./settings.ts";
export { answer } from "./verbs/answer.ts";
export { cancel } from "./verbs/cancel.ts";
export { pause } from "./verbs/pause.ts";
export { planPause, planSelected } from "./verbs/plan-pause.ts";
export { rerun } from "./verbs/rerun.ts";
export { resume } from "./verbs/resume.ts";
export { type Answers, pauseSelected, resumeSelected } from "./verbs/select.ts";
export { type Submission, submit } from "./verbs/submit.ts";
