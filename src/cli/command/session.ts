import { type ConnectOptions, connect, connectWith } from "../../client/connect.ts";
import { isGone, persist } from "../../client/persist.ts";
import type { Method, Params, Result } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "./context.ts";

type Choices = Partial<Omit<ConnectOptions, "paths" | "env" | "host">>;

function targetOf({ paths, env, reads, host }: Context) {
  return { paths, env, reads, host };
}

/** Does `work` on one connection to the daemon, which is started when it is not there. */
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

/** As {@link withDaemon}, with what `open` calls going out together with the greeting: one round trip and not two. */
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

/** One call on a connection of its own. */
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

/** The connections that {@link callShared} uses, by the command that they serve. */
const shared = new WeakMap<Context, Promise<RpcClient>>();

/** How long a call that only reads outlasts the absence of the daemon. */
const WITHOUT_DAEMON_MS = 30_000;

/** A call that only reads, on a connection that lasts as long as the command; made again where the daemon went away. */
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
      // It keeps nobody who has all answers.
      return await answer.finally(() => (rpc.isWaiting ? undefined : rpc.unref()));
    } catch (error) {
      if (isGone(error)) shared.delete(context);
      if (isSecond || !isGone(error)) throw error;
    }
  }
}

/** As {@link withDaemon}, for work that only watches: it begins again when the daemon went away and came back. */
export function watchDaemon<T>(
  context: Context,
  work: (rpc: RpcClient) => Promise<T>,
  choices: Choices = {},
): Promise<T> {
  return persist({ ...targetOf(context), start: "always", ...choices }, work);
}

/** An id for the daemon: digits are a number, everything else a uuid or a name. */
export function reference(text: string): number | string {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : text;
}

/** Who is recorded as having asked: the task that this command runs in, or the person. */
export function actor({ env }: Context): string {
  const name = env.AGENTCTL_TASK_ID ? `task ${env.AGENTCTL_TASK_ID}` : (env.USER ?? env.LOGNAME);
  return name && /^[\x20-\x7e]{1,128}$/.test(name) ? name : "user";
}
