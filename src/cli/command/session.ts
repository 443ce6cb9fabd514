import { type ConnectOptions, connect, connectWith } from "../../client/connect.ts";
import { isGone, persist } from "../../client/persist.ts";
import type { Method, Params, Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "./context.ts";

type Options = Partial<Omit<ConnectOptions, "paths" | "env" | "host">>;

function connectTarget({ paths, env, reads, host }: Context) {
  return { paths, env, reads, host };
}

/** Runs `work` on one connection to the daemon, which is started if it does not run. */
export async function withDaemon<T>(
  context: Context,
  work: (rpc: RpcClient) => Promise<T>,
  options: Options = {},
): Promise<T> {
  const rpc = await connect({ ...connectTarget(context), start: "always", ...options });
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
  const { rpc, opening } = await connectWith({ ...connectTarget(context), start: "always" }, open);
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
    (_, response) => response,
  );
}

/** The connections of {@link callShared}, by the context of the command that uses them. */
const sharedConnections = new WeakMap<Context, Promise<RpcClient>>();

/** How long a call that only reads waits for an absent daemon, in ms. */
const RECONNECT_TIMEOUT_MS = 30_000;

/**
 * Makes a call that only reads, on a connection shared by the whole command. Repeats it once if the daemon went away.
 */
export async function callShared<M extends Method>(
  context: Context,
  method: M,
  params: Params<M>,
): Promise<Result<M>> {
  for (let isRetry = false; ; isRetry = true) {
    const start = isRetry ? "if-dead" : "always";
    const retryOptions = isRetry ? { patienceMs: RECONNECT_TIMEOUT_MS } : {};
    const connection =
      sharedConnections.get(context) ?? connect({ ...connectTarget(context), start, ...retryOptions });
    sharedConnections.set(context, connection);
    try {
      const rpc = await connection;
      rpc.ref();
      const response = rpc.call(method, params);
      // An idle connection must not keep the process alive.
      return await response.finally(() => (rpc.isWaiting ? undefined : rpc.unref()));
    } catch (error) {
      if (isGone(error)) sharedConnections.delete(context);
      if (isRetry || !isGone(error)) throw error;
    }
  }
}

/** Like {@link withDaemon}, for work that only watches: it starts again when the daemon went away and came back. */
export function watchDaemon<T>(
  context: Context,
  work: (rpc: RpcClient) => Promise<T>,
  options: Options = {},
): Promise<T> {
  return persist({ ...connectTarget(context), start: "always", ...options }, work);
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
