/** One move of a task between two homes. It continues where an earlier call of the command stopped. */
import { randomUUID } from "node:crypto";
import { isGone } from "../../../client/persist.ts";
import { AgentctlError, type ErrorName } from "../../../core/errors.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import { placeOf } from "../../command/choose-home.ts";
import type { Context } from "../../command/context.ts";
import { actor } from "../../command/session.ts";
import { Interrupt } from "../../follow/interrupt.ts";
import { absolutePath } from "../../input/input.ts";
import { waysOutOf } from "../../text/task-text.ts";
import { download, uploader } from "./bundles.ts";
import { pausedFor, reasonOf } from "./move-in-cluster.ts";
import { withPlaces } from "./places.ts";
import { travelling } from "./task.ts";

export interface Known {
  move: string;
  to: string;
  goesOn: boolean;
  /** The task has ended here. */
  isGone: boolean;
}

/** Returns the move that was begun, if there is one. */
export function underWay({ moving, error }: TaskJson): Known | undefined {
  if (moving) return { move: moving.move, to: moving.to, goesOn: moving.goesOn, isGone: false };
  if (error?.name !== "Moved") return undefined;
  const { move, to, goesOn } = error.data as { move: string; to: string; goesOn: boolean };
  return { move, to, goesOn, isGone: true };
}

interface Given {
  resume: boolean;
  cwd: string | undefined;
  module: string | undefined;
  withEnv: boolean;
  withoutEnv: boolean;
}

/** One move. If it does not finish, it prints how to finish it or take it back. */
export class Journey {
  readonly #context: Context;
  readonly #here: RpcClient;
  readonly #there: RpcClient;
  readonly #task: TaskJson;
  readonly #to: string;
  readonly #given: Given;
  readonly #by: { actor: string };
  #isUnderWay = false;

  constructor(
    context: Context,
    all: { here: RpcClient; there: RpcClient; task: TaskJson; to: string; given: Given },
  ) {
    this.#context = context;
    this.#here = all.here;
    this.#there = all.there;
    this.#task = all.task;
    this.#to = all.to;
    this.#given = all.given;
    this.#by = { actor: actor(context) };
    const { told } = this.#there;
    this.#there.told = (error) => at(this.#to, withPlaces(told(error)));
  }

  async go(): Promise<number> {
    const known = underWay(this.#task);
    this.#isUnderWay = known !== undefined && !known.isGone;
    const interrupt = new Interrupt(() => {
      this.#sayWaysOut();
      interrupt.giveUp();
    });
    try {
      return await this.#gone(known);
    } catch (error) {
      this.#sayWaysOut();
      throw error;
    } finally {
      interrupt.end();
    }
  }

  async #gone(known: Known | undefined): Promise<number> {
    if (known?.isGone) return await this.#arrive(known);
    // Report wrong options before the task is paused.
    this.#places();
    travelling(this.#given);
    const goesOn = known?.goesOn ?? (await this.#paused());
    const begun = { move: known?.move ?? randomUUID(), to: this.#to, goesOn };
    const arrived = known ? await this.#found(begun.move) : null;
    const there = arrived ?? (await this.#sent(begun).catch((error) => this.#foundAfter(begun.move, error)));
    return await this.#finish(begun, there);
  }

  /**
   * Aborts the move. The first task with the move's key wins there: the moved one, or a placeholder that keeps it out.
   */
  async abort(): Promise<number> {
    const { move, goesOn, isGone } = underWay(this.#task) as Known;
    const there = isGone ? await this.#found(move) : await this.#kept(move);
    if (there) {
      this.#context.out.note("it is there already: the move is finished");
      return await this.#finish({ move, goesOn }, there);
    }
    const { task } = await this.#here.call("tasks/moved", { id: this.#task.id, move, ...this.#by });
    return this.#said(task, `task ${task.id} stays here; agentctl resume ${task.id} goes on`);
  }

  /** Returns the task that this move brought there; null if there is none, and then none can arrive any more. */
  async #kept(move: string): Promise<TaskJson | null> {
    const mark = { argv: ["true"], key: `move:${move}`, held: true, name: "a move that was taken back" };
    const { task, created } = await this.#there.call("tasks/create", mark);
    if (!created && task.name !== mark.name) return task;
    await this.#there.call("tasks/cancel", { id: task.id, ...this.#by });
    return null;
  }

  /** Pauses a task that runs; returns whether it is to continue there. */
  async #paused(): Promise<boolean> {
    const { state, pause } = this.#task;
    const reason = reasonOf(this.#to);
    if (state !== "working" && state !== "resumed")
      return state === "suspended" && (pause?.cause !== "user" || pause.reason === reason);
    await pausedFor(this.#here, this.#task, this.#to, this.#by);
    return true;
  }

  /** Returns the task if another call of the command has brought it there; otherwise throws `error`. */
  async #foundAfter(move: string, error: unknown): Promise<TaskJson> {
    const found = this.#isUnderWay ? await this.#found(move).catch(() => null) : null;
    if (!found) throw error;
    return found;
  }

  async #found(move: string): Promise<TaskJson | null> {
    return (await this.#there.call("tasks/moving", { move })).task;
  }

  async #sent({ move, to, goesOn }: { move: string; to: string; goesOn: boolean }): Promise<TaskJson> {
    const places = this.#places();
    const env = travelling(this.#given);
    const wasUnderWay = this.#isUnderWay;
    this.#isUnderWay = true;
    const params = { id: this.#task.id, move: { id: move, to, goesOn }, ...env, ...this.#by };
    const exported = await this.#here.call("tasks/export", params).catch((error) => {
      this.#isUnderWay = wasUnderWay || isGone(error);
      throw error;
    });
    const up = uploader(this.#there);
    await download(this.#here, exported.bundle, (chunk) => up.take(chunk));
    return (await this.#there.call("tasks/import", { bundle: await up.bundle(), ...places, ...this.#by }))
      .task;
  }

  /** Returns where the task runs there. Throws a usage error for a path that means nothing there. */
  #places(): { cwd?: string; module?: string } {
    const { cwd, module } = this.#given;
    const target = { ...this.#context, host: placeOf(this.#context.env, this.#to).host };
    return {
      ...(cwd === undefined ? {} : { cwd: absolutePath(target, cwd) }),
      ...(module === undefined ? {} : { module: absolutePath(target, module) }),
    };
  }

  async #finish({ move, goesOn }: { move: string; goesOn: boolean }, there: TaskJson): Promise<number> {
    const { id } = this.#task;
    await this.#here.call("tasks/moved", { id, move, to: this.#to, as: there.id, ...this.#by });
    this.#isUnderWay = false;
    return await this.#arrive({ move, goesOn });
  }

  async #arrive({ move, goesOn }: { move: string; goesOn: boolean }): Promise<number> {
    const arrive = { goesOn: goesOn || this.#given.resume };
    const { task } = await this.#there.call("tasks/moving", { move, arrive, ...this.#by });
    if (!task) throw new AgentctlError("TaskNotFound", { id: `move:${move}` });
    const state = task.state === "suspended" ? "; it is suspended there, as it was here" : "";
    return this.#said(task, `task ${this.#task.id} is task ${task.id} at ${this.#to}${state}`);
  }

  #said(task: TaskJson, text: string): number {
    const { out } = this.#context;
    if (out.json) out.data(task);
    else out.line(text);
    return 0;
  }

  #sayWaysOut(): void {
    if (!this.#isUnderWay) return;
    const { id } = this.#task;
    const { out } = this.#context;
    out.note(`task ${id} is on its way to ${this.#to}`, waysOutOf(id));
  }
}

/** Adds to an error which of the two daemons it came from. */
function at(place: string, error: AgentctlError): AgentctlError {
  const { name, message, hint, data } = error;
  if (message.includes(place)) return error;
  const where = ` (at ${place})`;
  const { reason } = data;
  const told = typeof reason === "string" && message.endsWith(reason) ? { reason: `${reason}${where}` } : {};
  const more = { message: `${message}${where}`, ...(hint === null ? {} : { hint }), cause: error.cause };
  return new AgentctlError(name as ErrorName, { ...data, ...told }, more);
}
