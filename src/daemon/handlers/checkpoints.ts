import { AgentctlError } from "../../core/errors.ts";
import type { Handlers } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { checkpointJson, listedCheckpointJson } from "../views/task-json.ts";
import type { Daemon } from "./context.ts";

export function checkpointHandlers({
  engine,
}: Daemon): Pick<Handlers<Caller>, "checkpoints/list" | "checkpoints/get"> {
  return {
    "checkpoints/list": async ({ id }) => {
      const task = await engine.require(id);
      return { checkpoints: (await engine.store.checkpoints(task.id)).map(listedCheckpointJson) };
    },
    "checkpoints/get": async ({ id, seq }) => {
      const task = await engine.require(id);
      const requestedSeq = seq ?? task.checkpoint?.seq;
      if (requestedSeq === undefined) {
        const reason = "has saved no checkpoint";
        throw new AgentctlError("CheckpointNotFound", { id: task.id, state: task.state, reason });
      }
      const data = await engine.store.checkpointData(task.id, requestedSeq);
      const info = (await engine.store.checkpoints(task.id)).find((each) => each.seq === requestedSeq);
      if (!info)
        throw new AgentctlError("CheckpointNotFound", { id: task.id, state: task.state, seq: requestedSeq });
      return { checkpoint: checkpointJson(info), data: data.toString("base64") };
    },
  };
}
