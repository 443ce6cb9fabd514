import { AgentctlError } from "../../core/errors.ts";

/** What is told of an error that a database gives. */
export function storeError(error: unknown): unknown {
  if (error instanceof AgentctlError || !(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  if (code === "53100")
    return new AgentctlError("StoreUnavailable", { reason: "the disk is full" }, { cause: error });
  // 53: out of disk, memory or connections; 58: its files cannot be read; 25006: a standby.
  if (typeof code !== "string" || !/^(53|58|25006|XX)/.test(code)) return error;
  return new AgentctlError("StoreUnavailable", { reason: `${error.message} (${code})` }, { cause: error });
}
