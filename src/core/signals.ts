/** The signals that no program can catch: a program cannot react to them, so they cannot ask it for anything. */
export const UNCATCHABLE: readonly string[] = ["SIGKILL", "SIGSTOP"];
