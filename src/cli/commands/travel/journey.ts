/** One move of a task between two homes. It continues where an earlier call of the command stopped. */
import { randomUUID } from "node:crypto";
import { isGone } from "../../../client/persist.ts";
import { AgentctlError, type ErrorName } from "../../../core/errors.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import { resolveDestination } from "../../command/choose-home.ts";
import type { Context } from "../../command/context.ts";
import { actor } from "../../command/session.ts";
import { Interrupt } from "../../follow/interrupt.ts";
import { absolutePath } from "../../input/input.ts";
import { waysOutOf } from "../../text/task-text.ts";
import { download, uploader } from "./bundles.ts";
import { pauseForMove, pauseReason } from "./move-in-cluster.ts";
import { withPathHint } from "./path-hint.ts";
import { envParam } from "./task.ts";

export interface PendingMove {
  move: string;
  to: string;
  /** Whether the task continues there; `goesOn` on the wire. */
  shouldContinue: boolean;
  /** The task has ended here. */
  hasLeft: boolean;
}

/** Returns the move that was begun, if there is one. */
export function pendingMove({ moving, error }: TaskJson): PendingMove | undefined {
  if (moving) return { move: moving.move, to: moving.to, shouldContinue: moving.goesOn, hasLeft: false };
  if (error?.name !== "Moved") return undefined;
  const { move, to, goesOn } = error.data as { move: string; to: string; goesOn: boolean };
  return { move, to, shouldContinue: goesOn, hasLeft: true };
}

interface MoveOptions {
  resume: boolean;
  cwd: string | undefined;
  module: string | undefined;
  withEnv: boolean;
  withoutEnv: boolean;
}

/** One move. If it does not finish, it prints how to finish it or take it back. */
export class Journey {
  readonly #context: Context;
  readonly #source: RpcClient;
  readonly #target: RpcClient;
  readonly #task: TaskJson;
  readonly #to: string;
  readonly #options: MoveOptions;
  readonly #actorParam: { actor: string };
  #isUnderWay = false;

  constructor(
    context: Context,
    parts: { source: RpcClient; target: RpcClient; task: TaskJson; to: string; options: MoveOptions },
  ) {
    this.#context = context;
    this.#source = parts.source;
    this.#target = parts.target;
    this.#task = parts.task;
    this.#to = parts.to;
    this.#options = parts.options;
    this.#actorParam = { actor: actor(context) };
    const { mapError } = this.#target;
    this.#target.mapError = (error) => withPlaceName(this.#to, withPathHint(mapError(error)));
  }

  async go(): Promise<number> {
    const pending = pendingMove(this.#task);
    this.#isUnderWay = pending !== undefined && !pending.hasLeft;
    const interrupt = new Interrupt(() => {
      this.#noteWaysOut();
      interrupt.giveUp();
    });
    try {
      return await this.#transfer(pending);
    } catch (error) {
      this.#noteWaysOut();
      throw error;
    } finally {
      interrupt.end();
    }
  }

  async #transfer(pending: PendingMove | undefined): Promise<number> {
    if (pending?.hasLeft) return await this.#arrive(pending);
    // Report wrong options before the task is paused.
    this.#targetPaths();
    envParam(this.#options);
    const shouldContinue = pending?.shouldContinue ?? (await this.#pauseTask());
    const currentMove = { move: pending?.move ?? randomUUID(), to: this.#to, shouldContinue };
    const existing = pending ? await this.#findArrived(currentMove.move) : null;
    const arrived =
      existing ??
      (await this.#send(currentMove).catch((error) => this.#findAfterError(currentMove.move, error)));
    return await this.#finish(currentMove, arrived);
  }

  /**
   * Aborts the move. The first task with the move's key wins there: the moved one, or a placeholder that keeps it out.
   */
  async abort(): Promise<number> {
    const { move, shouldContinue, hasLeft } = pendingMove(this.#task) as PendingMove;
    const arrived = hasLeft ? await this.#findArrived(move) : await this.#findOrBlock(move);
    if (arrived) {
      this.#context.out.note("it is there already: the move is finished");
      return await this.#finish({ move, shouldContinue }, arrived);
    }
    const { task } = await this.#source.call("tasks/moved", { id: this.#task.id, move, ...this.#actorParam });
    return this.#report(task, `task ${task.id} stays here; agentctl resume ${task.id} goes on`);
  }

  /** Returns the task that this move brought there; null if there is none, and then none can arrive any more. */
  async #findOrBlock(move: string): Promise<TaskJson | null> {
    const placeholder = {
      argv: ["true"],
      key: `move:${move}`,
      held: true,
      name: "a move that was taken back",
    };
    const { task, created } = await this.#target.call("tasks/create", placeholder);
    if (!created && task.name !== placeholder.name) return task;
    await this.#target.call("tasks/cancel", { id: task.id, ...this.#actorParam });
    return null;
  }

  /** Pauses a task that runs; returns whether it is to continue there. */
  async #pauseTask(): Promise<boolean> {
    const { state, pause } = this.#task;
    const reason = pauseReason(this.#to);
    if (state !== "working" && state !== "resumed")
      return state === "suspended" && (pause?.cause !== "user" || pause.reason === reason);
    await pauseForMove(this.#source, this.#task, this.#to, this.#actorParam);
    return true;
  }

  /** Returns the task if another call of the command has brought it there; otherwise throws `error`. */
  async #findAfterError(move: string, error: unknown): Promise<TaskJson> {
    const arrived = this.#isUnderWay ? await this.#findArrived(move).catch(() => null) : null;
    if (!arrived) throw error;
    return arrived;
  }

  async #findArrived(move: string): Promise<TaskJson | null> {
    return (await this.#target.call("tasks/moving", { move })).task;
  }

  async #send({
    move,
    to,
    shouldContinue,
  }: {
    move: string;
    to: string;
    shouldContinue: boolean;
  }): Promise<TaskJson> {
    const targetPaths = this.#targetPaths();
    const env = envParam(this.#options);
    const wasUnderWay = this.#isUnderWay;
    this.#isUnderWay = true;
    const params = {
      id: this.#task.id,
      move: { id: move, to, goesOn: shouldContinue },
      ...env,
      ...this.#actorParam,
    };
    const exported = await this.#source.call("tasks/export", params).catch((error) => {
      this.#isUnderWay = wasUnderWay || isGone(error);
      throw error;
    });
    const upload = uploader(this.#target);
    await download(this.#source, exported.bundle, (chunk) => upload.write(chunk));
    return (
      await this.#target.call("tasks/import", {
        bundle: await upload.bundle(),
        ...targetPaths,
        ...this.#actorParam,
      })
    ).task;
  }

  /** Returns where the task runs there. Throws a usage error for a path that means nothing there. */
  #targetPaths(): { cwd?: string; module?: string } {
    const { cwd, module } = this.#options;
    const target = { ...this.#context, host: resolveDestination(this.#context.env, this.#to).host };
    return {
      ...(cwd === undefined ? {} : { cwd: absolutePath(target, cwd) }),
      ...(module === undefined ? {} : { module: absolutePath(target, module) }),
    };
  }

  async #finish(
    { move, shouldContinue }: { move: string; shouldContinue: boolean },
    arrived: TaskJson,
  ): Promise<number> {
    const { id } = this.#task;
    await this.#source.call("tasks/moved", { id, move, to: this.#to, as: arrived.id, ...this.#actorParam });
    this.#isUnderWay = false;
    return await this.#arrive({ move, shouldContinue });
  }

  async #arrive({ move, shouldContinue }: { move: string; shouldContinue: boolean }): Promise<number> {
    const arrive = { goesOn: shouldContinue || this.#options.resume };
    const { task } = await this.#target.call("tasks/moving", { move, arrive, ...this.#actorParam });
    if (!task) throw new AgentctlError("TaskNotFound", { id: `move:${move}` });
    const state = task.state === "suspended" ? "; it is suspended there, as it was here" : "";
    return this.#report(task, `task ${this.#task.id} is task ${task.id} at ${this.#to}${state}`);
  }

  #report(task: TaskJson, text: string): number {
    const { out } = this.#context;
    if (out.json) out.data(task);
    else out.line(text);
    return 0;
  }

  #noteWaysOut(): void {
    if (!this.#isUnderWay) return;
    const { id } = this.#task;
    const { out } = this.#context;
    out.note(`task ${id} is on its way to ${this.#to}`, waysOutOf(id));
  }
}

/** Adds to an error which of the two daemons it came from. */
function withPlaceName(place: string, error: AgentctlError): AgentctlError {
  const { name, message, hint, data } = error;
  if (message.includes(place)) return error;
  const suffix = ` (at ${place})`;
  const { reason } = data;
  const reasonData =
    typeof reason === "string" && message.endsWith(reason) ? { reason: `${reason}${suffix}` } : {};
  const errorOptions = {
    message: `${message}${suffix}`,
    ...(hint === null ? {} : { hint }),
    cause: error.cause,
  };
  return new AgentctlError(name as ErrorName, { ...data, ...reasonData }, errorOptions);
}
