/** Why a database cannot be used: it is unreachable, it takes no writes, or it refuses access. */
import { AgentctlError } from "../../core/errors.ts";
import { poolerError } from "./settings.ts";

/** The server, or the role, has no connection left. */
const TOO_MANY_CONNECTIONS = "53300";
const MORE_CONNECTIONS =
  "raise max_connections, or the connection limit of the role: a machine holds up to five, and a command one or two";

/** The database or the way to it has gone, as opposed to a wrong statement. */
export class Disconnected extends AgentctlError {
  constructor(
    cause: unknown,
    reason = `the database cannot be reached: ${(cause as Error).message}`,
    hint = (cause as { code?: string } | undefined)?.code === TOO_MANY_CONNECTIONS
      ? MORE_CONNECTIONS
      : "agentctl cluster status; service returns with the database",
  ) {
    super("StoreUnavailable", { reason, hint }, { cause });
  }
}

/**
 * Throws {@link Disconnected} if the server takes no writes: it may soon be promoted, or the address lead elsewhere.
 */
export function requireWritable({ standby, reads_only }: Record<string, string> = {}): void {
  if (standby === "on")
    throw new Disconnected(
      undefined,
      "the database takes no writes: the server is a standby",
      "promote it, or have the address lead to the primary; agentctl then continues by itself",
    );
  if (reads_only === "on")
    throw new Disconnected(
      undefined,
      "the database accepts no writes from this role: default_transaction_read_only is on",
      "alter role … set default_transaction_read_only = off, or the same of the database",
    );
}

/** Selects what {@link requireWritable} checks. */
export const WRITABLE_SQL =
  "current_setting('in_hot_standby') as standby, current_setting('default_transaction_read_only') as reads_only";

/**
 * Returns the error if the server responds but refuses access (28: wrong password, 3D: no such database), cannot be
 * trusted, or is a pooler. Undefined for all else.
 */
export function refusalOf(error: unknown): AgentctlError | undefined {
  const { code = "" } = error as { code?: string };
  if (error instanceof Disconnected) return undefined;
  const isRefusal = error instanceof AgentctlError || /^(28|3D)/.test(code);
  return isRefusal || isTlsError(error) || isPoolerError(error) || isPasswordMissing(error)
    ? toRefusal(error as Error)
    : undefined;
}

function isPoolerError(error: unknown): boolean {
  return (error as Error).message.includes("unsupported startup parameter");
}

/** The driver gives this error no code. */
function isPasswordMissing(error: unknown): boolean {
  return (error as Error).message.includes("password must be a");
}

function isTlsError(error: unknown): boolean {
  const { code = "", message } = error as { code?: string; message: string };
  return /CERT|SIGNATURE|^ERR_(TLS|SSL)/.test(code) || message.includes("does not support SSL");
}

function toRefusal(error: Error): AgentctlError {
  if (error instanceof AgentctlError) return error;
  if (isPoolerError(error)) return poolerError(error.message);
  if (isPasswordMissing(error))
    return new AgentctlError("StoreUnavailable", {
      reason: "the database asks for a password, and none is known",
      hint: "write it into the address, ~/.pgpass (mode 0600), or the file that PGPASSFILE names for the daemon too",
    });
  if (!isTlsError(error))
    return new AgentctlError("StoreUnavailable", {
      reason: `the database refuses: ${error.message}`,
      hint: "agentctl cluster status tries again; the address with its password is in cluster.json, or in ~/.pgpass",
    });
  // Newer versions of Node suggest an option of their own, which agentctl does not take.
  const [problem] = error.message.split("; if the root CA");
  const reason = `the database cannot be trusted: ${problem}`;
  const hint = "&sslrootcert=<file> in its address names who signed its certificate";
  return new AgentctlError("StoreUnavailable", { reason, hint });
}

/** The error for a statement that has waited this long for its response, or for its turn. */
export function timeoutError(ms: number): AgentctlError {
  const reason = `the database has not answered for ${ms / 1000} s`;
  return new AgentctlError("StoreUnavailable", {
    reason,
    hint: "agentctl cluster status; agentctl tries again",
  });
}

/** The error for a role that lacks a right which a machine needs. */
export function forbiddenError(cause: Error): AgentctlError {
  const reason = `the database refuses: ${cause.message}`;
  const hint = "the owner grants it: docs/cluster.md, or agentctl cluster init --machine-role <role>";
  return new AgentctlError("StoreUnavailable", { reason, hint }, { cause });
}
