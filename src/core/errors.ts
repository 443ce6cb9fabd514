/**
 * The catalogue of expected failures: each with its JSON-RPC code, its exit code, its message and the command that
 * helps. Codes below -32000 that A2A defines keep their A2A meaning. Every error that is not in the catalogue is a
 * bug and becomes `InternalError`.
 */

import { agentErrors } from "./catalogue/agent-errors.ts";
import { corruptHint, type ErrorData, pauseHint, type Row, resumeHint } from "./catalogue/hints.ts";
import { otherHomeErrors } from "./catalogue/other-home-errors.ts";
import { systemHints } from "./catalogue/system-hints.ts";

const because = (data: ErrorData) => (data.reason ? `: ${data.reason}` : "");
const task = (data: ErrorData) => `task ${data.id}`;

const catalogue = {
  ParseError: { code: -32700, exit: 2, message: (d) => `the line is not JSON${because(d)}` },
  InvalidRequest: { code: -32600, exit: 2, message: (d) => `not a JSON-RPC 2.0 request${because(d)}` },
  MethodNotFound: {
    code: -32601,
    exit: 2,
    message: (d) => `there is no method ${JSON.stringify(d.method)}`,
    hint: () => "docs/socket.md lists the methods",
  },
  InvalidParams: { code: -32602, exit: 2, message: (d) => `${d.field}: ${d.reason}` },
  InternalError: {
    code: -32603,
    exit: 70,
    message: (d) => `a bug in agentctl${because(d)}`,
    hint: (d) => (d.log ? `the log says more: ${d.log}` : "agentctl daemon logs"),
  },
  TaskNotFound: {
    code: -32001,
    exit: 3,
    message: (d) => `no task ${JSON.stringify(String(d.id))}`,
    hint: () => "agentctl list --all",
  },
  TaskNotCancelable: {
    code: -32002,
    exit: 4,
    message: (d) => `${task(d)} is ${d.state}: it has ended and cannot be canceled`,
    hint: (d) => `agentctl show ${d.id}`,
  },
  UnsupportedOperation: {
    code: -32004,
    exit: 4,
    message: (d) => String(d.reason),
    hint: (d) => d.hint as string | undefined,
  },
  TaskImmutable: {
    code: -32008,
    exit: 4,
    message: (d) => `${task(d)} is ${d.state}: ${d.reason ?? "it has ended and never changes again"}`,
    hint: (d) => (d.hint as string | undefined) ?? `agentctl rerun ${d.id}`,
  },
  TaskNotPausable: {
    code: -32016,
    exit: 4,
    message: (d) => `${task(d)} is ${d.state}: ${d.reason ?? "only a running task can be paused"}`,
    hint: (d) => pauseHint(d),
  },
  TaskNotResumable: {
    code: -32017,
    exit: 4,
    message: (d) => `${task(d)} is ${d.state}: ${d.reason ?? "only a suspended task can be resumed"}`,
    hint: (d) => resumeHint(d),
  },
  CheckpointCorrupt: {
    code: -32018,
    exit: 4,
    message: (d) =>
      `${d.seq === undefined ? "the journal" : `checkpoint ${d.seq}`} of ${task(d)} is corrupt${because(d)}`,
    hint: (d) => corruptHint(d),
  },
  CheckpointTooLarge: {
    code: -32019,
    exit: 1,
    message: (d) => `${d.what ?? "the checkpoint"} has ${d.size} bytes; the largest allowed is ${d.limit}`,
    hint: () =>
      "keep large data in the task's directory ($AGENTCTL_TASK_DIR), or agentctl config set checkpoint.maxBytes <n>",
  },
  StaleAttempt: {
    code: -32022,
    exit: 4,
    message: (d) =>
      d.id === undefined || d.id === null
        ? "the token belongs to no attempt: it may change nothing"
        : `attempt ${d.attempt ?? "?"} of ${task(d)} is over: it may change nothing any more`,
  },
  QueueNotFound: {
    code: -32023,
    exit: 3,
    message: (d) => `there is no queue ${JSON.stringify(String(d.queue))}`,
    hint: (d) => `agentctl queue set ${d.queue} --slots <n> makes it`,
  },
  QueueFull: {
    code: -32024,
    exit: 4,
    message: (d) => `queue ${d.queue} is full: it holds ${d.limit} open tasks, its maximum`,
    hint: (d) =>
      `agentctl list --queue ${d.queue} shows them; agentctl config set queue.maxOpen <n> allows more`,
  },
  StoreUnavailable: {
    code: -32025,
    exit: 6,
    message: (d) => `the store cannot be used${because(d)}`,
    hint: (d) => (d.hint as string | undefined) ?? "free disk space; agentctl then continues by itself",
  },
  CheckpointNotFound: {
    code: -32026,
    exit: 3,
    message: (d) => {
      if (d.seq !== undefined && d.seq !== null) return `${task(d)} has no checkpoint ${d.seq}`;
      return `${task(d)} ${d.reason ?? "has no checkpoint or journal to continue from"}`;
    },
    hint: (d) =>
      (d.seq ?? d.reason ?? null) === null
        ? `agentctl resume ${d.id} --from-start starts it again from the beginning`
        : `agentctl checkpoint list ${d.id}`,
  },
  AmbiguousName: {
    code: -32027,
    exit: 2,
    message: (d) =>
      `several open tasks are named ${JSON.stringify(d.id)}: ${(d.candidates as number[]).join(", ")}`,
    hint: () => "use the id",
  },
  JournalMismatch: {
    code: -32028,
    exit: 4,
    message: (d) =>
      `the journal of ${task(d)} has step ${JSON.stringify(d.expected)} where the module calls ${JSON.stringify(d.found)}`,
    hint: (d) => `put the module back as it was, or agentctl resume ${d.id} --from-start`,
  },
  ArtifactNotFound: {
    code: -32029,
    exit: 3,
    message: (d) => String(d.reason),
    hint: (d) => d.hint as string | undefined,
  },
  ...otherHomeErrors,
  VersionMismatch: {
    code: -32030,
    exit: 5,
    message: (d) => `the daemon is version ${d.daemon}, this command is version ${d.client}`,
    hint: () => "agentctl daemon restart",
  },
  DaemonUnreachable: {
    code: -32031,
    exit: 5,
    message: (d) => `the daemon cannot be reached${because(d)}`,
    hint: (d) => (d.hint as string | undefined) ?? (d.log ? `its log: ${d.log}` : "agentctl daemon start"),
  },
  HomeRefused: {
    code: -32032,
    exit: 5,
    message: (d) => `the home ${d.home} is refused${because(d)}`,
    hint: (d) => (d.hint as string | undefined) ?? "AGENTCTL_HOME=<directory> chooses another",
  },
  InstallationRemoved: {
    code: -32039,
    exit: 5,
    message: (d) => `the files of the running daemon were removed, as by an upgrade: ${d.file} is gone`,
    hint: () => "agentctl daemon restart",
  },
  ScheduleNotFound: {
    code: -32038,
    exit: 3,
    message: (d) => `no schedule ${JSON.stringify(String(d.schedule))}`,
    hint: () => "agentctl schedule list",
  },
  ConfigInvalid: {
    code: -32033,
    exit: 2,
    message: (d) => `${d.file} cannot be used${because(d)}`,
    hint: (d) => `mend ${d.file}, or remove it, and the defaults hold: agentctl config set writes a new one`,
  },
  PauseFailed: {
    code: -32034,
    exit: 4,
    message: (d) => `${task(d)} cannot be paused${because(d)}`,
    hint: (d) => `it is ${d.state} as before; agentctl show ${d.id}`,
  },
  Unauthorized: {
    code: -32050,
    exit: 4,
    message: (d) => `the request is not authorised${because(d)}`,
    hint: () => "send the token of http.token as Authorization: Bearer, or open agentctl ui",
  },
  Forbidden: { code: -32051, exit: 4, message: (d) => `the request is refused${because(d)}` },
  NotFound: {
    code: -32052,
    exit: 3,
    message: (d) => `there is nothing at ${d.path}`,
    hint: () => "agentctl help http lists the addresses",
  },
  MethodNotAllowed: { code: -32055, exit: 2, message: (d) => String(d.reason) },
  TooLarge: {
    code: -32053,
    exit: 2,
    message: (d) => `the request has more than ${d.limit} bytes, the limit`,
  },
  TooMany: { code: -32054, exit: 4, message: (d) => `too much at once${because(d)}` },
  ...agentErrors,
} as const satisfies Record<string, Row>;

/** The name of an expected failure. */
export type ErrorName = keyof typeof catalogue;

/** Every row of the catalogue, for the documentation and for the test that compares it with this list. */
export const errorRows: readonly { name: ErrorName; code: number; exit: number }[] = Object.entries(
  catalogue,
).map(([name, { code, exit }]) => ({ name: name as ErrorName, code, exit }));

/** Returns the code of an expected failure, or null if the catalogue has no such name. */
export function codeOf(name: string): number | null {
  return errorRows.find((row) => row.name === name)?.code ?? null;
}

/** A failure as it is sent over the socket, inside a JSON-RPC `error`. */
export interface WireError {
  code: number;
  message: string;
  data: ErrorData & { name: string; hint: string | null };
}

/** An expected failure; its fields hold everything that a person or a program needs. */
export class AgentctlError extends Error {
  override readonly name: string;
  readonly code: number;
  readonly exitCode: number;
  readonly hint: string | null;
  readonly data: ErrorData;

  constructor(
    name: ErrorName,
    data: ErrorData = {},
    options?: { cause?: unknown; message?: string; hint?: string },
  ) {
    const row: Row = catalogue[name];
    super(
      options?.message ?? row.message(data),
      options?.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = name;
    this.code = row.code;
    this.exitCode = exitOf(row, data);
    this.hint = options?.hint ?? row.hint?.(data) ?? null;
    this.data = data;
  }

  /** Returns the failure as it is sent over the socket. */
  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      data: { ...this.data, name: this.name, hint: this.hint },
    };
  }

  /** Rebuilds the error from the result of {@link AgentctlError.toWire}; an unknown one becomes `InternalError`. */
  static fromWire(wire: { code: number; message: string; data?: unknown }): AgentctlError {
    const { name, hint, ...data } = (wire.data ?? {}) as ErrorData;
    const row = errorRows.find((row) => row.name === name) ?? errorRows.find((row) => row.code === wire.code);
    return new AgentctlError(row?.name ?? "InternalError", data, {
      message: wire.message,
      hint: typeof hint === "string" ? hint : undefined,
    } as { message: string; hint?: string });
  }
}

/** Returns the exit code. A program that cannot be started has the same exit code as in a shell. */
function exitOf({ code, exit }: Row, { exitCode }: ErrorData): number {
  return code === catalogue.InvalidParams.code && typeof exitCode === "number" ? exitCode : exit;
}

/** Detects the same error from another bundle: a file of `dist/` loaded on demand has its own copy of the class. */
function isOfAnotherBundle(error: unknown): error is AgentctlError {
  return error instanceof Error && "toWire" in error && "exitCode" in error;
}

/** Returns an expected failure as is; wraps a known system error in `StoreUnavailable`, others in `InternalError`. */
export function asAgentctlError(error: unknown): AgentctlError {
  if (error instanceof AgentctlError || isOfAnotherBundle(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const { code } = (error ?? {}) as { code?: unknown };
  const hint = typeof code === "string" ? systemHints[code] : undefined;
  if (hint) return new AgentctlError("StoreUnavailable", { reason, hint, refusal: code }, { cause: error });
  return new AgentctlError("InternalError", { reason }, { cause: error });
}

/** Throws `LogNotFound` if every attempt's log is gone: a log that was removed is not an empty one. */
export function requireLog(found: { logs: unknown[]; missing: number[]; task: ErrorData }): void {
  const [attempt] = found.missing;
  if (found.logs.length > 0 || attempt === undefined) return;
  const { id, state } = found.task;
  throw new AgentctlError("LogNotFound", { id, state, attempt, reason: "it was removed" });
}
