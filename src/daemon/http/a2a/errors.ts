import {
  A2AError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { asAgentctlError, type ErrorName } from "../../../core/errors.ts";

/** Failures of the catalogue that are the protocol's own. */
const kinds: Partial<Record<ErrorName, new (options: { message: string }) => A2AError>> = {
  TaskNotFound: TaskNotFoundError,
  TaskNotCancelable: TaskNotCancelableError,
  InvalidParams: RequestMalformedError,
  InvalidRequest: RequestMalformedError,
};

/** A failure that no A2A error names: its reason is the name in the catalogue, as `TASK_NOT_PAUSABLE`. */
class OtherOperationError extends UnsupportedOperationError {
  override readonly reason: string;

  constructor(name: string, options: { message: string; metadata: Record<string, string> }) {
    super(options);
    // The SDK knows its errors by their names.
    this.name = "UnsupportedOperationError";
    this.reason = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  }
}

/** What the state of a task does not allow, or what it does not have; anything else is no fault of the client. */
const STATE_EXITS = [1, 2, 3, 4];

/** A failure as A2A clients are told it: the message of the catalogue with the A2A error that is nearest. */
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
