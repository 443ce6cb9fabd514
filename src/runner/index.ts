export { trimLog } from "./log-cap.ts";
export { createRunner, type RunnerOptions } from "./runner.ts";
export type {
  AdoptRecord,
  Ended,
  LaunchSpec,
  MarkedProcess,
  ProcessId,
  ProcessInfo,
  Runner,
  Running,
  StartRefusal,
  TreeRoots,
} from "./types.ts";
