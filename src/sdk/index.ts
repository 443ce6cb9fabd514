export type {
  ArtifactContent,
  AskOptions,
  Duration,
  StepContext,
  StepOptions,
  SuspendOptions,
  Task,
  TaskFunction,
} from "./api.ts";
export { defineTask, type TaskDefinition } from "./define-task.ts";
