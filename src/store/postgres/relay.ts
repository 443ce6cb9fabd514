/**
 * Lets one machine ask another through the database, so that no machine needs a port: a row with the question, a
 * notification to that machine, the answer in the same row, a notification back. Questions are about files on that
 * machine. A change to a task goes through the task instead.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError, asAgentctlError, type WireError } from "../../core/errors.ts";
import { systemClock } from "../../core/time.ts";
import type { Connection } from "./connection.ts";

const ASK_CHANNEL = "agentctl_asks";
const ANSWER_CHANNEL = "agentctl_answers";

/** A notification may be lost with its connection, so we check at least this often, in ms. */
const POLL_MS = 1000;

type Answer = { result: unknown } | { error: WireError };

export class Relay {
  readonly #connection: Connection;
  readonly #machine: string;
  readonly #answering = new Set<number>();
  readonly #waiting = new Map<number, () => void>();
  #answer: ((question: unknown) => Promise<unknown>) | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** Sends questions and answers over `connection`; notifications arrive on the connection given to `listen`. */
  constructor(connection: Connection, machine: string) {
    this.#connection = connection;
    this.#machine = machine;
  }

  async listen(listener: Connection): Promise<void> {
    await listener.listen(ASK_CHANNEL, (machine) => {
      if (machine === this.#machine) void this.#poll();
    });
    await listener.listen(ANSWER_CHANNEL, (id) => this.#waiting.get(Number(id))?.());
  }

  /** Answers the questions of other machines from now on. */
  onAsked(answer: (question: unknown) => Promise<unknown>): void {
    this.#answer = answer;
    this.#timer = setInterval(() => void this.#poll(), POLL_MS);
    void this.#poll();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#answer = null;
  }

  /**
   * Returns the answer of that machine; undefined if none comes within `timeoutMs`. Rejects with that machine's error.
   */
  async ask(machine: string, question: unknown, timeoutMs: number): Promise<unknown | undefined> {
    const sql = `with old as (delete from asks where asked_at < clock_timestamp() - interval '1 min'),
        new as (insert into asks (machine, question, asked_at) values ($1, $2, clock_timestamp()) returning id)
      select id, pg_notify('${ASK_CHANNEL}', $1) from new`;
    // A question that is inserted twice is answered twice. The second answer is deleted with the old ones.
    const { rows } = await this.#connection.repeat(sql, [machine, JSON.stringify(question)]);
    const id = rows[0]?.id as number;
    const deadline = systemClock.mono() + timeoutMs;
    try {
      for (;;) {
        const notified = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
        const answer = await this.#takeAnswer(id);
        if (answer) return resultOf(answer);
        const remainingMs = deadline - systemClock.mono();
        if (remainingMs <= 0) return undefined;
        const timeout = new AbortController();
        await Promise.race([
          notified,
          sleep(Math.min(remainingMs, POLL_MS), undefined, timeout).catch(() => undefined),
        ]);
        timeout.abort();
      }
    } finally {
      this.#waiting.delete(id);
    }
  }

  async #takeAnswer(id: number): Promise<Answer | undefined> {
    const sql = "select answer from asks where id = $1 and answer is not null";
    const { rows } = await this.#connection.repeat(sql, [id]);
    if (!rows[0]) return undefined;
    // If this fails, the row is deleted with the old ones.
    this.#connection.query("delete from asks where id = $1", [id]).catch(() => {});
    return JSON.parse(rows[0].answer as string) as Answer;
  }

  /** Answers the open questions. If the database is away, the next check finds them. */
  async #poll(): Promise<void> {
    if (!this.#answer) return;
    const sql = "select id, question from asks where machine = $1 and answer is null order by id";
    const { rows } = await this.#connection.query(sql, [this.#machine]).catch(() => ({ rows: [] }));
    for (const { id, question } of rows) void this.#reply(id as number, question as string);
  }

  async #reply(id: number, question: string): Promise<void> {
    if (!this.#answer || this.#answering.has(id)) return;
    this.#answering.add(id);
    try {
      const answer: Answer = await this.#answer(JSON.parse(question)).then(
        (result) => ({ result }),
        (error) => ({ error: asAgentctlError(error).toWire() }),
      );
      const sql = `with one as (update asks set answer = $2 where id = $1 returning id)
        select pg_notify('${ANSWER_CHANNEL}', id::text) from one`;
      await this.#connection.repeat(sql, [id, JSON.stringify(answer)]);
    } catch {
      // The database is away: the next check finds the question.
    } finally {
      this.#answering.delete(id);
    }
  }
}

function resultOf(answer: Answer): unknown {
  if ("error" in answer) throw AgentctlError.fromWire(answer.error);
  return answer.result;
}
