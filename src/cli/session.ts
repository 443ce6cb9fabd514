import { type ConnectOptions, connect } from "../client/connect.ts";
import { persist } from "../client/persist.ts";
import type { Peer } from "../protocol/peer.ts";
import type { Context } from "./context.ts";

type Choices = Partial<Omit<ConnectOptions, "paths" | "env">>;

/** Does `work` on one connection to the daemon, which is started when it is not there. */
export async function withDaemon<T>(
  { paths, env }: Context,
  work: (peer: Peer) => Promise<T>,
  choices: Choices = {},
): Promise<T> {
  const peer = await connect({ paths, env, start: "always", ...choices });
  try {
    return await work(peer);
  } finally {
    peer.close();
  }
}

/** As {@link withDaemon}, for work that only watches: it begins again when the daemon went away and came back. */
export function watchDaemon<T>(
  { paths, env }: Context,
  work: (peer: Peer) => Promise<T>,
  choices: Choices = {},
): Promise<T> {
  return persist({ paths, env, start: "always", ...choices }, work);
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
