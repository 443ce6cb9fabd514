import { test } from "vitest";
import type { Task } from "../../../src/sdk/api.ts";
import { Link } from "../../../src/sdk/link.ts";
import { type Outcome, Session } from "../../../src/sdk/session.ts";
import { createTask } from "../../../src/sdk/task.ts";
import { PeerDaemon } from "./peer-daemon.ts";

/** An attempt in this process: its task object, and what it reported to its host. */
export class TestAttempt {
  readonly link: Link;
  readonly session: Session;
  readonly task: Task;
  readonly ended: Outcome[] = [];
  readonly lines: string[] = [];
  hasLeft = false;

  constructor(link: Link, hello: Awaited<Link["hello"]>) {
    this.link = link;
    this.session = new Session(hello, link, {
      onLeave: () => {
        this.hasLeft = true;
      },
      onEnd: (outcome) => this.ended.push(outcome),
    });
    this.task = createTask(this.session, (line) => this.lines.push(line));
  }
}

/** A daemon with its own socket, and the attempts that a test starts on it, one after the other. */
export class Attempts {
  readonly daemon = new PeerDaemon();
  readonly stale: number[] = [];
  readonly #all: TestAttempt[] = [];

  /** Ends the previous attempts, and starts the next one. */
  async next(): Promise<TestAttempt> {
    this.end();
    this.daemon.attempt = this.#all.length + 1;
    const link = new Link({
      socket: this.daemon.socket,
      token: "t",
      sdk: "0",
      onStale: () => this.stale.push(this.daemon.attempt),
    });
    const attempt = new TestAttempt(link, await link.hello);
    this.#all.push(attempt);
    return attempt;
  }

  end(): void {
    for (const { link, session } of this.#all) {
      session.stop();
      link.close();
    }
  }
}

/** `test` with a running daemon, on which it starts attempts. Afterwards all of them are removed. */
export const it = test.extend<{ attempts: Attempts }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest wants the pattern
  attempts: async ({}, use) => {
    const attempts = new Attempts();
    await attempts.daemon.start();
    await use(attempts);
    attempts.end();
    await attempts.daemon.remove();
  },
});
