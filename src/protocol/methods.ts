/**
 * Every method of the socket: its parameters, its result and who may call it. Client types, the daemon's dispatch, the
 * SDK and docs/socket.md derive from this table. A method without a handler does not compile.
 *
 * Scope `people` is for everyone who may open the socket. Scope `attempt` is for a running task. Its attempt's token
 * authorises it, in each call or once with `attempt/hello`.
 */
import type * as v from "valibot";
import { attemptMethods, attemptNotifications, type journalEntry } from "./methods/attempt.ts";
import { fileMethods } from "./methods/files.ts";
import { movingMethods } from "./methods/moving.ts";
import { type schedule, scheduleMethods } from "./methods/schedules.ts";
import { serviceMethods } from "./methods/service.ts";
import { taskMethods } from "./methods/tasks.ts";
import { worktreeMethods } from "./methods/worktrees.ts";
import type { newTask, task } from "./task-values.ts";
import {
  type artifact,
  type checkpoint,
  type details,
  event,
  type hook,
  type listedCheckpoint,
  type queue,
  type select,
} from "./values.ts";

export const methods = {
  ...taskMethods,
  ...fileMethods,
  ...worktreeMethods,
  ...movingMethods,
  ...scheduleMethods,
  ...serviceMethods,
  ...attemptMethods,
} as const;

/** The notifications that the daemon sends. */
export const notifications = {
  event: { params: event, about: "One committed change of a task, to subscribers." },
  ...attemptNotifications,
} as const;

/** The name of a method. */
export type Method = keyof typeof methods;
/** Who may call a method. */
export type Scope = (typeof methods)[Method]["scope"];
/** What a caller passes. */
export type Params<M extends Method> = v.InferOutput<(typeof methods)[M]["params"]>;
/** What a call returns. */
export type Result<M extends Method> = v.InferOutput<(typeof methods)[M]["result"]>;
/** One handler for each method; `C` is what the daemon knows about the caller. */
export type Handlers<C> = { [M in Method]: (params: Params<M>, caller: C) => Promise<Result<M>> };
/** The name of a notification. */
export type Notification = keyof typeof notifications;
export type NotificationParams<N extends Notification> = v.InferOutput<(typeof notifications)[N]["params"]>;

/** A notification as it arrives. */
export type Notified = { [N in Notification]: { method: N; params: NotificationParams<N> } }[Notification];

export type TaskJson = v.InferOutput<typeof task>;
export type TaskDetailsJson = TaskJson & v.InferOutput<typeof details>;
export type EventJson = v.InferOutput<typeof event>;
export type QueueJson = v.InferOutput<typeof queue>;
export type ScheduleJson = v.InferOutput<typeof schedule>;
export type HookJson = v.InferOutput<typeof hook>;
export type CheckpointJson = v.InferOutput<typeof checkpoint>;
export type ListedCheckpointJson = v.InferOutput<typeof listedCheckpoint>;
export type ArtifactJson = v.InferOutput<typeof artifact>;
export type NewTask = v.InferOutput<typeof newTask>;
export type Selector = v.InferOutput<typeof select>;
export type JournalEntry = v.InferOutput<typeof journalEntry>;
