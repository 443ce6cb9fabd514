/**
 * The settings of each connection, whatever its role, its database, the server or the environment say. The connection
 * requests them when it is made, and then checks them, because a pooler in between may have dropped them. A pooler that
 * gives each transaction another connection supports neither `listen` nor prepared statements.
 */
import { AgentctlError } from "../../core/errors.ts";

const SETTINGS = {
  search_path: "agentctl, pg_catalog",
  synchronous_commit: "on",
  // A process that stops inside a transaction blocks everyone else.
  idle_in_transaction_session_timeout: "1s",
  statement_timeout: "0",
  // Somebody who locks rows or tables by hand must not make us wait without end.
  lock_timeout: "10s",
  idle_session_timeout: "0",
  // A statement that has waited for a lock sees what was committed meanwhile.
  default_transaction_isolation: "read committed",
  // Times and patterns are written and read as text.
  datestyle: "ISO, MDY",
  standard_conforming_strings: "on",
} as const;

/** Returns the driver's options for a connection to `url`. Our `options` follow those of the URL, so ours win. */
export function connectionOptions(url: string): { connectionString: string; options: string } {
  const urlOptions = new URLSearchParams(url.split("?")[1]).get("options") ?? "";
  const ownOptions = Object.entries(SETTINGS).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`,
  );
  return {
    connectionString: url.replace(/([?&])options=[^&#]*&?/g, "$1"),
    options: [urlOptions, ...ownOptions].join(" ").trim(),
  };
}

/**
 * Throws `UnsupportedOperation` if tasks and their inputs would cross a network unencrypted. `host` is the host that is
 * dialed: if the address names none, the driver takes that of the environment.
 */
export function refusePlain(host: string, url: string): void {
  const isLocal = host.startsWith("/") || ["localhost", "127.0.0.1", "::1"].includes(host);
  if (isLocal || new URLSearchParams(url.split("?")[1]).get("sslmode") === "verify-full") return;
  const reason = `${host} would be reached without TLS`;
  const hint = "add ?sslmode=verify-full to the address";
  throw new AgentctlError("UnsupportedOperation", { reason, hint });
}

const NAMES = Object.keys(SETTINGS) as (keyof typeof SETTINGS)[];

/** Selects what {@link requireSettings} checks. */
export const SETTINGS_SQL = `select ${NAMES.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`;

/** Throws `StoreUnavailable` if one of the settings does not hold. */
export function requireSettings(row: Record<string, string> = {}): void {
  const mismatch = NAMES.find((name) => row[name] !== SETTINGS[name]);
  if (mismatch)
    throw poolerError(
      `${mismatch} is ${JSON.stringify(row[mismatch])} and not ${JSON.stringify(SETTINGS[mismatch])}`,
    );
}

/** The error for something between us and the server that drops settings. */
export function poolerError(detail: string): AgentctlError {
  const reason = `the database does not take the settings of a connection: ${detail}`;
  const hint =
    "give the address of the server itself, not of a pooler such as PgBouncer, and without these settings";
  return new AgentctlError("StoreUnavailable", { reason, hint });
}
