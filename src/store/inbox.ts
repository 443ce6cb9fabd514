import type { Message } from "../core/task.ts";

/** A message that waits to be written to the pipe that is a program's stdin. */
export interface PipedMessage {
  id: number;
  text: string;
  /** So many bytes of it are in the pipe already, or were about to be written. */
  written: number;
  /** It is the end of all that is sent. */
  eof: boolean;
}

/** The part of the store that keeps what a task is sent, and what was piped in when it was submitted. */
export interface Inbox {
  /** Keeps a message and answers its number; `TaskImmutable` for a task that has ended, `UnsupportedOperation` behind an `eof`. */
  add(id: number, message: Omit<Message, "id">): Promise<number>;
  /** What was not delivered yet. */
  undelivered(id: number): Promise<Omit<Message, "id">[]>;
  /** What was piped in when the task was submitted; empty where nothing was. */
  stdin(id: number): Promise<Buffer>;
  /** The first message that is not whole in the task's pipe. */
  waiting(id: number): Promise<PipedMessage | undefined>;
  /** The message of which something was written last. */
  last(id: number): Promise<PipedMessage | undefined>;
  /** Notes, before it is done, how far a message is written; with `isWhole` it is delivered. */
  note(message: number, written: number, isWhole: boolean): Promise<void>;
}
