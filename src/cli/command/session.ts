import { type ConnectOptions, connect, connectWith } from "../../client/connect.ts";
import { isGone, persist } from "../../client/persist.ts";
import type { Method, Params, Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "./context.ts";

type Choices = Partial<Omit<ConnectOptions, "paths" | "env" | "host">>;

function targetOf({ paths, env, reads, host }: Context) {
  return { paths, env, reads, host };
}

/** Runs `work` on one connection to the daemon, which is started if it does not run. */
export async function withDaemon<T>(
  context: Context,
  work: (rpc: RpcClient) => Promise<T>,
  choices: Choices = {},
): Promise<T> {
  const rpc = await connect({ ...targetOf(context), start: "always", ...choices });
  try {
    return await work(rpc);
  } finally {
    rpc.close();
  }
}

/** Like {@link withDaemon}, but sends the calls of `open` together with the greeting: one round trip, not two. */
export async function withOpening<F, T>(
  context: Context,
  open: (rpc: RpcClient) => F,
  work: (rpc: RpcClient, opening: F) => Promise<T>,
): Promise<T> {
  const { rpc, opening } = await connectWith({ ...targetOf(context), start: "always" }, open);
  try {
    return await work(rpc, opening);
  } finally {
    rpc.close();
  }
}

/** Makes one call on a connection of its own. */
export async function callDaemon<M extends Method>(
  context: Context,
  method: M,
  params: Params<M>,
): Promise<Result<M>> {
  return await withOpening(
    context,
    (rpc) => rpc.call(method, params),
    (_, answer) => answer,
  );
}

/** The connections of {@link callShared}, by the context of the command that uses them. */
const shared = new WeakMap<Context, Promise<RpcClient>>();

/** How long a call that only reads waits for an absent daemon, in ms. */
const WITHOUT_DAEMON_MS = 30_000;

/**
 * Makes a call that only reads, on a connection shared by the whole command. Repeats it once if the daemon went away.
 */
export async function callShared<M extends Method>(
  context: Context,
  method: M,
  params: Params<M>,
): Promise<Result<M>> {
  for (let isSecond = false; ; isSecond = true) {
    const start = isSecond ? "if-dead" : "always";
    const again = isSecond ? { patienceMs: WITHOUT_DAEMON_MS } : {};
    const connected = shared.get(context) ?? connect({ ...targetOf(context), start, ...again });
    shared.set(context, connected);
    try {
      const rpc = await connected;
      rpc.ref();
      const answer = rpc.call(method, params);
      // An idle connection must not keep the process alive.
      return await answer.finally(() => (rpc.isWaiting ? undefined : rpc.unref()));
    } catch (error) {
      if (isGone(error)) shared.delete(context);
      if (isSecond || !isGone(error)) throw error;
    }
  }
}

/** Like {@link withDaemon}, for work that only watches: it starts again when the daemon went away and came back. */
export function watchDaemon<T>(
  context: Context,
  work: (rpc: RpcClient) => Promise<T>,
  choices: Choices = {},
): Promise<T> {
  return persist({ ...targetOf(context), start: "always", ...choices }, work);
}

/** Returns the task's id for the daemon: digits become a number, everything else is a uuid or a name. */
export function reference(text: string): number | string {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
}

/** Returns who is recorded as the caller: the task that this command runs in, or the user. */
export function actor({ env }: Context): string {
  const name = env.AGENTCTL_TASK_ID ? `task ${env.AGENTCTL_TASK_ID}` : (env.USER ?? env.LOGNAME);
  return name && /^[\x20-\x7e]{1,128}$/.test(name) ? name : "user";
}
