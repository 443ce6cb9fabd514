import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { arrive, exportTask, importTask, leave, moveKey, readPiece, writePiece } from "../../engine/index.ts";
import type { Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";

type Moving =
  | "tasks/export"
  | "tasks/import"
  | "tasks/moving"
  | "tasks/moved"
  | "bundles/read"
  | "bundles/write";

export function movingHandlers(daemon: Daemon): Pick<Handlers<Caller>, Moving> {
  const { engine } = daemon;
  return {
    "tasks/export": async ({ id, move, withEnv, passphrase, actor }, caller) =>
      await exportTask(engine, id, {
        ...defined({ withEnv, passphrase }),
        ...(move ? { move: { id: move.id, to: move.to, goesOn: move.goesOn ?? false } } : {}),
        actor: actor ?? caller.actor,
      }),
    "bundles/read": async (params) => {
      const { data, next } = await readPiece(engine, params);
      return { data: data.toString("base64"), next };
    },
    "bundles/write": async ({ bundle, offset, data }) => ({
      bundle: await writePiece(engine, { bundle, offset, data: Buffer.from(data, "base64") }),
    }),
    "tasks/import": async ({ bundle, cwd, module, env, passphrase, actor }, caller) => {
      const options = { ...defined({ cwd, module, env, passphrase }), actor: actor ?? caller.actor };
      const { task, created } = await importTask(engine, bundle, options);
      return { task: await show(daemon, task), created };
    },
    "tasks/moving": async ({ move, arrive: arrival, actor }, caller) => {
      const task = await engine.store.find({ key: moveKey(move) });
      if (!task) return { task: null };
      const moved = arrival
        ? await arrive(engine, task.id, { ...arrival, actor: actor ?? caller.actor })
        : task;
      return { task: await show(daemon, moved) };
    },
    "tasks/moved": async ({ id, move, to, as, actor }, caller) => {
      if ((to === undefined) !== (as === undefined))
        throw new AgentctlError("InvalidParams", { field: "as", reason: "to and as are given together" });
      const destination = to === undefined || as === undefined ? null : { to, as };
      return {
        task: await show(
          daemon,
          await leave(engine, id, { move, there: destination, actor: actor ?? caller.actor }),
        ),
      };
    },
  };
}
