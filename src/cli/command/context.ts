/** Defined beside the commands: a context holds the table of them, and each of them is run with a context. */
export type { Context } from "./define.ts";
