import type { Ended, ProcessId, Running } from "./types.ts";

/** A {@link Running}, with the functions by which the runner fills it in. */
export interface Handle {
  readonly running: Running;
  /** Whether the end is known. */
  readonly hasEnded: boolean;
  setProgram(program: ProcessId): void;
  rejectStart(cause: Error): void;
  /** Sets the attempt's guard, or null if it has none any more. */
  setGuard(guard: ProcessId | null): void;
  /** Sets how the attempt has ended. Only the first call counts. */
  end(ended: Ended): void;
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (cause: Error) => void;
  const promise = new Promise<T>((onValue, onCause) => {
    resolve = onValue;
    reject = onCause;
  });
  return { promise, resolve, reject };
}

/** Creates the handle of a running attempt about which not everything is known yet. */
export function createHandle(
  { key, token }: { key: string; token: string },
  guard: ProcessId | null,
  initialProgram: ProcessId | null,
  launchedAt: number | null = null,
): Handle {
  let currentGuard = guard;
  let program = initialProgram;
  let hasEnded = false;
  const started = deferred<ProcessId>();
  const ended = deferred<Ended>();
  // A caller that does not use `started` need not handle its rejection.
  started.promise.catch(() => undefined);
  if (program) started.resolve(program);

  return {
    running: {
      key,
      token,
      launchedAt,
      get guard() {
        return currentGuard;
      },
      get program() {
        return program;
      },
      started: started.promise,
      ended: ended.promise,
    },
    get hasEnded() {
      return hasEnded;
    },
    setProgram(id) {
      program ??= id;
      started.resolve(id);
    },
    rejectStart: (cause) => started.reject(cause),
    setGuard(id) {
      currentGuard = id;
    },
    end(result) {
      hasEnded = true;
      if (!program) started.reject(new Error("the program ended before its process was known"));
      ended.resolve(result);
    },
  };
}
