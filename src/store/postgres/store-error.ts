import { AgentctlError } from "../../core/errors.ts";

/** Returns `error` as the store reports it: `StoreUnavailable` if the database server or its tables cannot be used. */
export function storeError(error: unknown): unknown {
  if (error instanceof AgentctlError || !(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  if (code === "53100")
    return new AgentctlError(
      "StoreUnavailable",
      { reason: "the disk of the database server is full" },
      { cause: error },
    );
  if (code === "55P03") {
    const reason = "others have locked its tables for more than 10 s";
    const hint =
      'psql -c "select pid, query from pg_stat_activity where pid in (select unnest(pg_blocking_pids(pid)) from pg_stat_activity)"';
    return new AgentctlError("StoreUnavailable", { reason, hint }, { cause: error });
  }
  if (code === "42P01" || code === "3F000") {
    const reason = `the database holds no cluster any more: ${error.message}`;
    const hint =
      "put a dump of it back; or end the daemon with kill and its pid, then: agentctl cluster leave";
    return new AgentctlError("StoreUnavailable", { reason, hint }, { cause: error });
  }
  // 53: out of disk, memory or connections; 57: the statement was canceled; 58: its files cannot be read.
  if (typeof code !== "string" || !/^(53|57|58|XX)/.test(code)) return error;
  return new AgentctlError("StoreUnavailable", { reason: `${error.message} (${code})` }, { cause: error });
}
