export { answer } from "./answer.ts";
export {
  acknowledge,
  hello,
  liveByToken,
  openQuestion,
  type Place,
  saveCheckpoint,
  saveResult,
  sleepUntil,
  stepBegan,
  stepEnded,
  suspended,
} from "./attempt-calls.ts";
export { cancel } from "./cancel.ts";
export { canContinue } from "./conclude.ts";
export { Engine, type Log } from "./engine.ts";
export { foldersOf, logFile, taskOfFolder } from "./environment.ts";
export { Environments, releaseEnvironments } from "./environments.ts";
export { keepArtifact } from "./keep-artifact.ts";
export type { Live } from "./live.ts";
export { capLogs } from "./log-caps.ts";
export { pause } from "./pause.ts";
export { planPause, planSelected } from "./plan-pause.ts";
export { recover } from "./recover.ts";
export { rerun } from "./rerun.ts";
export { resume } from "./resume.ts";
export { deleteTask, retain } from "./retention.ts";
export { Scheduler } from "./schedule.ts";
export { type Answers, pauseSelected, resumeSelected } from "./select.ts";
export { defaultSettings, type Settings } from "./settings.ts";
export { shutdown } from "./shutdown.ts";
export { type Submission, submit } from "./submit.ts";
export { sync } from "./sync.ts";
export { whenBorn } from "./when-born.ts";
