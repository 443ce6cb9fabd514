import { LogPieces } from "../../home/log-pieces.ts";
import type { AttemptLog } from "../../home/log-tail.ts";
import type { Params, Result } from "../../protocol/methods.ts";

type Log = Result<"logs/path">["logs"][number];
type Read = (params: Params<"logs/read">) => Promise<Result<"logs/read">>;

/** Returns the logs of a task. A log on another machine of a cluster gets a function that opens it. */
export function openableLogs({ logs, task: { id } }: Result<"logs/path">, read: Read): (Log & AttemptLog)[] {
  return logs.map((log) => {
    if (log.machine === null) return log;
    const pieces = async (offset: number, length: number) => {
      const { data, ...place } = await read({ id, attempt: log.attempt, offset, length });
      return { data: Buffer.from(data, "base64"), ...place };
    };
    return { ...log, open: async () => new LogPieces(pieces, log.start) };
  });
}
