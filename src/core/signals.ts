/** The signals that no program can hear: to ask with one of them is not to ask. */
export const UNHEARD: readonly string[] = ["SIGKILL", "SIGSTOP"];
