/** Defined beside the commands: a context holds the table of commands, and every command runs with a context. */
export type { Context } from "./define.ts";
