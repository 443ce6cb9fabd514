/** Pause, resume and freeze from the call to the response, compared with a Node that does nothing. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RpcClient } from "../../src/protocol/rpc-client.ts";
import { beganAt, emptyNode, type Home, now, until, withHome } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import type { Row } from "../row.ts";

const against = "node -e 0";

/** Submits a module that works until it is stopped, as a user would, with the whole environment. Returns its id. */
async function endless(home: Home, rpc: RpcClient): Promise<number> {
  const module = join(import.meta.dirname, "../tasks/endless.mjs");
  const id = Number(home.run("run", module));
  await began(home, rpc, id);
  return id;
}

/** Returns when the current attempt of the module ran its first line, by the wall clock in ms. */
async function began(home: Home, rpc: RpcClient, id: number): Promise<number> {
  const { attempt } = await until(rpc, id, ["working"]);
  return await beganAt(home, id, attempt as number);
}

/** How long to wait until the daemon has another host ready, in ms. It starts one shortly after each use. */
const HOST_READY_MS = 400;

export const control: Row[] = [
  {
    name: "pause",
    what: "cooperative pause between short steps, call to answer",
    against,
    target: { is: "at most", value: 0.6, unit: "×" },
    measure: (effort) =>
      withHome(async (home) => {
        const rpc = await home.connect();
        const id = await endless(home, rpc);
        const ours = async () => {
          await sleep(HOST_READY_MS);
          const ms = await timed(() => rpc.call("tasks/pause", { id, mode: "checkpoint" }));
          await rpc.call("tasks/resume", { id });
          await began(home, rpc, id);
          return ms;
        };
        return await inPairs(effort.pairs(21), ours, () => timed(emptyNode));
      }),
  },
  {
    name: "resume",
    what: "resume to working, the module's first line running",
    against,
    target: { is: "at most", value: 0.5, unit: "×" },
    measure: (effort) =>
      withHome(async (home) => {
        const rpc = await home.connect();
        const id = await endless(home, rpc);
        const ours = async () => {
          await rpc.call("tasks/pause", { id, mode: "checkpoint" });
          await sleep(HOST_READY_MS);
          const start = now();
          await rpc.call("tasks/resume", { id });
          return (await began(home, rpc, id)) - start;
        };
        return await inPairs(effort.pairs(21), ours, () => timed(emptyNode));
      }),
  },
  {
    name: "freeze",
    what: "freeze of a tree of five processes, call to answer",
    against,
    target: { is: "at most", value: 0.2, unit: "×" },
    measure: (effort) =>
      withHome(async (home) => {
        const rpc = await home.connect();
        const tree = "for i in 1 2 3 4; do sleep 1000 & done; wait";
        const { task } = await rpc.call("tasks/create", { argv: ["sh", "-c", tree] });
        await until(rpc, task.id, ["working"]);
        await sleep(200);
        const ours = async () => {
          const ms = await timed(() => rpc.call("tasks/pause", { id: task.id, mode: "freeze" }));
          await rpc.call("tasks/resume", { id: task.id });
          await until(rpc, task.id, ["working"]);
          return ms;
        };
        return await inPairs(effort.pairs(31), ours, () => timed(emptyNode));
      }),
  },
];
