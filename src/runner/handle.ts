import type { Ended, ProcessId, Running } from "./types.ts";

/** A {@link Running} with the ends by which the runner fills it in. */
export interface Handle {
  readonly running: Running;
  /** The end is known. */
  readonly isOver: boolean;
  born(program: ProcessId): void;
  failedToStart(cause: Error): void;
  /** The guard that runs it now; null when it has none any more. */
  guardIs(guard: ProcessId | null): void;
  /** The first call counts. */
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

/** A running attempt of which not everything is known yet. */
export function createHandle(
  { key, token }: { key: string; token: string },
  guard: ProcessId | null,
  firstKnown: ProcessId | null,
  launchedAt: number | null = null,
): Handle {
  let currentGuard = guard;
  let program = firstKnown;
  let isOver = false;
  const started = deferred<ProcessId>();
  const ended = deferred<Ended>();
  // Whoever does not ask need not handle that it never came up.
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
    get isOver() {
      return isOver;
    },
    born(id) {
      program ??= id;
      started.resolve(id);
    },
    failedToStart: (cause) => started.reject(cause),
    guardIs(id) {
      currentGuard = id;
    },
    end(how) {
      isOver = true;
      if (!program) started.reject(new Error("the program ended before its process was known"));
      ended.resolve(how);
    },
  };
}
