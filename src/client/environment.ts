/** The variables of a process, as its edge hands them in. */
export type Environment = Readonly<Record<string, string | undefined>>;
