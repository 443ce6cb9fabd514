export { trimLog } from "./log-cap.ts";
export { foreignNamespaces, lockNamespace } from "./namespace.ts";
export { keyOfRunFile } from "./run-files.ts";
export { createRunner } from "./runner.ts";
export { keyOfStepFile, LOOK_AGAIN_MS, type NumberedStep, type StepReader } from "./step-reader.ts";
export { CannotEnd, CannotStop } from "./tree/untouchable.ts";
export type {
  Ended,
  LaunchSpec,
  MarkedProcess,
  ProcessId,
  Runner,
  Running,
  StartRefusal,
} from "./types.ts";
