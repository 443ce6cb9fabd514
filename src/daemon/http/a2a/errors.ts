import {
  A2AError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { asAgentctlError, type ErrorName } from "../../../core/errors.ts";

/** Errors of the catalogue for which the protocol has its own error. */
const kinds: Partial<Record<ErrorName, new (options: { message: string }) => A2AError>> = {
  TaskNotFound: TaskNotFoundError,
  TaskNotCancelable: TaskNotCancelableError,
  InvalidParams: RequestMalformedError,
  InvalidRequest: RequestMalformedError,
};

/** An error without an A2A error of its own. Its reason is the name in the catalogue, such as `TASK_NOT_PAUSABLE`. */
class OtherOperationError extends UnsupportedOperationError {
  override readonly reason: string;

  constructor(name: string, options: { message: string; metadata: Record<string, string> }) {
    super(options);
    // The SDK recognises its errors by their names.
    this.name = "UnsupportedOperationError";
    this.reason = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  }
}

/**
 * Exit codes for what a task's state does not allow, or a task does not have. Other errors are not the client's fault.
 */
const STATE_EXITS = [1, 2, 3, 4];

/** Converts a failure for A2A clients: the message of the catalogue with the nearest A2A error. */
export function asA2aError(thrown: unknown): Error {
  if (thrown instanceof A2AError) return thrown;
  const error = asAgentctlError(thrown);
  const { name, message, hint, data } = error;
  const Kind = kinds[name as ErrorName];
  if (Kind) return new Kind({ message });
  if (!STATE_EXITS.includes(error.exitCode)) return new Error(message);
  const metadata = Object.fromEntries(
    Object.entries({ id: data.id, state: data.state, hint }).flatMap(([key, value]) =>
      value === undefined || value === null ? [] : [[key, String(value)]],
    ),
  );
  return new OtherOperationError(name, { message, metadata });
}
