import { clusterHere } from "../../../client/cluster.ts";
import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import { isTerminal } from "../../../core/machine.ts";
import { isMachine } from "../../../home/cluster-file.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import { resolveDestination } from "../../command/choose-home.ts";
import type { Context } from "../../command/context.ts";
import { actor } from "../../command/session.ts";

/** Returns whether `to` is the name of a machine in the cluster of this command's home. */
export async function isMachineHere({ host, paths }: Context, to: string): Promise<boolean> {
  if (host !== null || !isMachine(paths) || /^\w+:\/\//.test(to)) return false;
  return (await clusterHere(paths)).machines.some(({ name }) => name === to);
}

/** Returns the place of another home. In a cluster, an unknown name may mean a machine: throws `MachineNotFound`. */
export function resolvePlace(
  { env, host, paths }: Context,
  to: string,
): ReturnType<typeof resolveDestination> {
  try {
    return resolveDestination(env, to);
  } catch (error) {
    const canMeanMachine = host === null && isMachine(paths);
    if (!canMeanMachine || asAgentctlError(error).name !== "ContextNotFound") throw error;
    const hint = "agentctl machine list, agentctl context list";
    throw new AgentctlError("MachineNotFound", { machine: to, reason: "nor a context of that name", hint });
  }
}

/** Moves a task to another machine of the cluster. Without `shouldResume`, a task that its user had paused stays paused. */
export async function moveInCluster(
  context: Context,
  rpc: RpcClient,
  { task, to, shouldResume }: { task: TaskJson; to: string; shouldResume: boolean },
): Promise<number> {
  const { out } = context;
  const { id } = task;
  const actorParam = { actor: actor(context) };
  const isOnTarget = task.state === "working" && task.machine === to;
  const result = isOnTarget ? task : await move();
  if (out.json) out.data(result);
  else out.line(outcomeText(result, to, isOnTarget));
  return 0;

  async function move(): Promise<TaskJson> {
    const paused = task.state === "working" ? await pauseForMove(rpc, task, to, actorParam) : task;
    const isOwnPause = paused !== task || paused.pause?.reason === pauseReason(to);
    const shouldContinue =
      paused.state === "suspended" && (shouldResume || isOwnPause || paused.pause?.cause !== "user");
    if (!shouldContinue) return (await rpc.call("tasks/edit", { id, on: [to], ...actorParam })).task;
    return ((await rpc.call("tasks/resume", { id, on: [to], ...actorParam })) as { task: TaskJson }).task;
  }
}

/** Pauses the task for a move. If its process takes no part in the pause, resumes it and rejects. */
export async function pauseForMove(
  rpc: RpcClient,
  { id, state }: TaskJson,
  to: string,
  actorParam: { actor: string },
): Promise<TaskJson> {
  const response = await rpc.call("tasks/pause", { id, reason: pauseReason(to), ...actorParam });
  const { task } = response as { task: TaskJson };
  if (task.pause?.outcome !== "frozen") return task;
  await rpc.call("tasks/resume", { id, ...actorParam });
  const why = `task ${id} took no part in the pause: its process would be frozen, and cannot travel`;
  const hint = `agentctl pause ${id} --mode checkpoint, then agentctl move ${id} --to ${to} --resume`;
  throw new AgentctlError("UnsupportedOperation", { id, state, reason: why, hint });
}

/** Returns the reason of the pause, by which an interrupted move recognizes its own pause. */
export function pauseReason(to: string): string {
  return `moving to ${to}`;
}

function outcomeText({ id, state }: TaskJson, to: string, isOnTarget: boolean): string {
  if (isOnTarget) return `task ${id} is on machine ${to} already`;
  if (state === "suspended")
    return `task ${id} is suspended, as it was; after a resume it continues on machine ${to}`;
  return isTerminal(state) ? `task ${id} has ended meanwhile` : `task ${id} continues on machine ${to}`;
}
