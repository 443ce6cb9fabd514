import type { Message } from "../core/task.ts";

/** A message that waits to be written to the pipe that is a program's stdin. */
export interface PipedMessage {
  id: number;
  text: string;
  /** How many of its bytes are in the pipe, or were about to be written. */
  written: number;
  /** Whether this ends the input: no message follows. */
  eof: boolean;
}

/** The part of the store for the messages to a task, and for what was piped in at its submission. */
export interface Inbox {
  /**
   * Stores a message; resolves to its number. `TaskImmutable` if the task ended, `UnsupportedOperation` after `eof`.
   */
  add(id: number, message: Omit<Message, "id">): Promise<number>;
  /** The messages of which nothing was delivered yet. */
  undelivered(id: number): Promise<Omit<Message, "id">[]>;
  /** What was piped in at the task's submission; empty if nothing was. */
  stdin(id: number): Promise<Buffer>;
  /** The first message that is not yet completely in the task's pipe. */
  waiting(id: number): Promise<PipedMessage | undefined>;
  /** The last message of which something was written. */
  last(id: number): Promise<PipedMessage | undefined>;
  /** Records, before the write, how much of a message will be written. With `isWhole` the message is delivered. */
  note(message: number, written: number, isWhole: boolean): Promise<void>;
}
