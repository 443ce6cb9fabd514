/** The environment variables of a process, as its entry point passes them in. */
export type Environment = Readonly<Record<string, string | undefined>>;
