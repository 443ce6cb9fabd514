import { randomUUID } from "node:crypto";
import { AgentctlError } from "../../../core/errors.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import { placeOf } from "../../command/choose-home.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { absolutePath } from "../../input/input.ts";
import { download, uploader } from "./bundles.ts";
import { isMachineHere, moveInCluster, pausedFor, placeBeyond, reasonOf } from "./move-in-cluster.ts";
import { envOptions, travelling } from "./task.ts";

export const move = command({
  name: "move",
  summary:
    "take a task to another home, where it goes on and here it ends; or to another machine of the cluster",
  notes:
    "A running task is paused at a checkpoint first, and goes on there; one that you had paused stays suspended, without --resume. " +
    "Repeated, the command finishes a move that was cut anywhere: the task is never in both homes, and never in none.",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {
    to: value(
      "--to <place>",
      "ssh://[user@]box[:port][/path/of/home], unix:///a/socket, a context, or a machine of the cluster",
    ),
    resume: flag("--resume", "have it go on there, also where you had paused it"),
    abort: flag(
      "--abort",
      "take back a move that was cut; where the task is there already, the move is finished",
    ),
    cwd: value("--cwd <directory>", "where it runs there, when not where it ran"),
    module: value("--module <file>", "its module, when that is elsewhere there"),
    ...envOptions,
  },
  examples: [
    ["move 12 --to ssh://box", "its steps so far are not run again"],
    ["move 12 --to box3", "in a cluster: it is paused, and goes on there"],
    ["move 12 --abort", "the task stays here"],
  ],
  async run(context, [id = ""], given) {
    return await withDaemon(context, async (here) => {
      const { task } = await here.call("tasks/get", { id: reference(id) });
      const known = underWay(task);
      const to = given.to ?? known?.to;
      if (to === undefined) throw usage("--to is missing: the place to which it is moved", { field: "--to" });
      if (known && given.to !== undefined && given.to !== known.to) throw elsewhere(task, known);
      if (await isMachineHere(context, to)) {
        if (given.abort || given.withEnv || given.withoutEnv || given.cwd || given.module)
          throw usage(
            "to a machine of the cluster a task goes as it is: of the options only --resume has a meaning",
          );
        return await moveInCluster(context, here, { task, to, resumes: given.resume });
      }
      if (given.abort && !known) throw usage(`task ${task.id} is not on its way`);
      const { host, paths } = placeBeyond(context, to);
      const target = { ...context, host, paths } as Context;
      return await withDaemon(target, async (there) => {
        const journey = new Journey(context, { here, there, task, to, given });
        return given.abort ? await journey.abort() : await journey.go();
      });
    });
  },
});

interface Known {
  move: string;
  to: string;
  goesOn: boolean;
  /** It has ended here. */
  isGone: boolean;
}

/** The move that was begun, where there is one. */
function underWay({ moving, error }: TaskJson): Known | undefined {
  if (moving) return { move: moving.move, to: moving.to, goesOn: moving.goesOn, isGone: false };
  if (error?.name !== "Moved") return undefined;
  const { move, to, goesOn } = error.data as { move: string; to: string; goesOn: boolean };
  return { move, to, goesOn, isGone: true };
}

function elsewhere({ id, state, error }: TaskJson, { to, isGone }: Known): AgentctlError {
  if (isGone) return new AgentctlError("Moved", { ...error?.data, id, state });
  const reason = `task ${id} is on its way to ${to}`;
  const hint = `agentctl move ${id} --to ${to} finishes that, agentctl move ${id} --abort takes it back`;
  return new AgentctlError("UnsupportedOperation", { id, state, reason, hint });
}

interface Given {
  resume: boolean;
  cwd: string | undefined;
  module: string | undefined;
  withEnv: boolean;
  withoutEnv: boolean;
}

/** One move, from wherever an earlier call of the command has left it. */
class Journey {
  readonly #context: Context;
  readonly #here: RpcClient;
  readonly #there: RpcClient;
  readonly #task: TaskJson;
  readonly #to: string;
  readonly #given: Given;
  readonly #by: { actor: string };

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
  }

  async go(): Promise<number> {
    const known = underWay(this.#task);
    if (known?.isGone) return await this.#arrive(known);
    const goesOn = known?.goesOn ?? (await this.#paused());
    const begun = { move: known?.move ?? randomUUID(), to: this.#to, goesOn };
    const arrived = known ? await this.#found(begun.move) : null;
    const there = arrived ?? (await this.#sent(begun));
    return await this.#finish(begun, there);
  }

  /** Whoever comes first has the name of the move there: the task, or an ended one that keeps it away. */
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

  /** The task that came by this move, or null, and then none can come any more. */
  async #kept(move: string): Promise<TaskJson | null> {
    const mark = { argv: ["true"], key: `move:${move}`, held: true, name: "a move that was taken back" };
    const { task, created } = await this.#there.call("tasks/create", mark);
    if (!created && task.name !== mark.name) return task;
    await this.#there.call("tasks/cancel", { id: task.id, ...this.#by });
    return null;
  }

  /** Pauses a task that runs; answers whether it is to go on there. */
  async #paused(): Promise<boolean> {
    const { state, pause } = this.#task;
    const reason = reasonOf(this.#to);
    if (state !== "working" && state !== "resumed")
      return state === "suspended" && (pause?.cause !== "user" || pause.reason === reason);
    await pausedFor(this.#here, this.#task, this.#to, this.#by);
    return true;
  }

  async #found(move: string): Promise<TaskJson | null> {
    return (await this.#there.call("tasks/moving", { move })).task;
  }

  async #sent({ move, to, goesOn }: { move: string; to: string; goesOn: boolean }): Promise<TaskJson> {
    const { cwd, module } = this.#given;
    const exported = await this.#here.call("tasks/export", {
      id: this.#task.id,
      move: { id: move, to, goesOn },
      ...travelling(this.#given),
      ...this.#by,
    });
    const up = uploader(this.#there);
    await download(this.#here, exported.bundle, (chunk) => up.take(chunk));
    const target = { ...this.#context, host: placeOf(this.#context.env, to).host };
    const places = {
      ...(cwd === undefined ? {} : { cwd: absolutePath(target, cwd) }),
      ...(module === undefined ? {} : { module: absolutePath(target, module) }),
    };
    return (await this.#there.call("tasks/import", { bundle: await up.bundle(), ...places, ...this.#by }))
      .task;
  }

  async #finish({ move, goesOn }: { move: string; goesOn: boolean }, there: TaskJson): Promise<number> {
    const { id } = this.#task;
    await this.#here.call("tasks/moved", { id, move, to: this.#to, as: there.id, ...this.#by });
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
}
