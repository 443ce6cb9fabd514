import { asAgentctlError } from "../../../core/errors.ts";
import type { EventJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { actor, watchDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { Board } from "../../follow/board.ts";
import { Interrupt } from "../../follow/interrupt.ts";
import { LogLines } from "../../follow/log-lines.ts";
import { selectorOf, selectorOptions } from "../../input/selection.ts";
import { pendingText, performAction } from "../../screen/actions.ts";
import { FullScreen, type Key } from "../../screen/full-screen.ts";
import { handleKey, scrollToMark } from "../../screen/keys.ts";
import { pageRows } from "../../screen/watch-layout.ts";
import {
  type Action,
  emptyState,
  type State,
  withLogLines,
  withQueues,
  withTasks,
} from "../../screen/watch-state.ts";
import { logLine, viewLines } from "../../screen/watch-view.ts";
import type { Paint } from "../../text/paint.ts";

/** The shortest time between two queries for changes, in ms. */
const QUERY_INTERVAL_MS = 100;
/** How often ages and running times are drawn again, in ms. */
const TICK_MS = 1000;
/** After how many ticks we query what the waiting tasks wait for: no event reports that a queue was held. */
const TICKS_PER_QUERY = 5;
const LOG_POLL_MS = 250;
const DAEMON_GONE = "the daemon went away; waiting for the next one";
/** Queries take at most one part in this many of the time, however many tasks change. */
const QUERY_COST_FACTOR = 10;

export const watch = command({
  name: "watch",
  summary:
    "a live view of all tasks, with keys to pause, resume, cancel and answer them and to see their logs",
  notes:
    "q or Ctrl-C leaves it, and every task continues. ? shows all keys. Tasks that need a person come first, then running and waiting ones. It needs a terminal.",
  args: [],
  options: { queue: selectorOptions.queue, labels: selectorOptions.labels },
  examples: [
    [
      "watch",
      "arrows select a task; p pauses it, r resumes it, c cancels it, a answers it, Enter shows its log",
    ],
    ["watch --queue gpu --label project=tea", "only the tasks of a queue that have a label"],
  ],
  async run(context, _args, { queue, labels }) {
    const { out } = context;
    const stdin = context.stdin();
    // A dumb terminal, such as the shell of an editor, cannot move its cursor.
    if (!out.terminal || !stdin.isTTY || out.json || context.env.TERM === "dumb") {
      throw usage("watch needs a terminal to draw on and keys to read", {
        hint: "agentctl list shows the tasks once, agentctl events -f each change as a line of JSON",
      });
    }
    const board = new Board(selectorOf({ all: false, queue, labels, states: [] }));
    return await new Watch(context, board, await out.paint()).run();
  },
});

class Watch {
  readonly #context: Context;
  readonly #board: Board;
  readonly #paint: Paint;
  readonly #stop = new AbortController();
  #screen: FullScreen | undefined;
  #rpc: RpcClient | undefined;
  #state: State = emptyState;
  #log: LogLines | undefined;
  #logTaskId: number | undefined;
  #lastRead = Promise.resolve();
  #pendingReads = 0;
  #queryTimer: NodeJS.Timeout | undefined;
  #queryCostMs = 0;
  #ticks = 0;

  constructor(context: Context, board: Board, paint: Paint) {
    this.#context = context;
    this.#board = board;
    this.#paint = paint;
  }

  async run(): Promise<number> {
    const interrupt = new Interrupt(() => this.#stop.abort());
    const timers = [
      setInterval(() => void this.#tick(), TICK_MS),
      setInterval(() => void this.#readLog(false), LOG_POLL_MS),
    ];
    try {
      await watchDaemon(this.#context, (rpc) => this.#attend(rpc), {
        onNotification: (method, params) => method === "event" && this.#handleEvent(params as EventJson),
        signal: this.#stop.signal,
      });
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      for (const timer of timers) clearInterval(timer);
      clearTimeout(this.#queryTimer);
      this.#log?.close();
      this.#screen?.close();
      interrupt.end();
    }
    return interrupt.count > 0 ? interrupt.exitCode : 0;
  }

  /** Shows the tasks until the user leaves, or the daemon goes away. */
  async #attend(rpc: RpcClient): Promise<void> {
    this.#rpc = rpc;
    await rpc.call("tasks/subscribe", { snapshot: false });
    this.#board.noteGap();
    await this.#refresh(rpc);
    if (this.#state.message === DAEMON_GONE) this.#state = { ...this.#state, message: "" };
    this.#openScreen();
    const { signal } = this.#stop;
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const reason = await Promise.race([rpc.closed, stopped]);
    this.#rpc = undefined;
    if (!reason) return;
    this.#showMessage(DAEMON_GONE);
    throw reason;
  }

  #openScreen(): void {
    const { terminal } = this.#context.out;
    if (!this.#screen && terminal && !this.#stop.signal.aborted) {
      const onKey = (key: Key) => this.#handleKey(key);
      this.#screen = new FullScreen(terminal, this.#context.stdin(), { onKey, onSize: () => this.#draw() });
    }
    this.#draw();
  }

  #handleEvent({ task }: EventJson): void {
    this.#board.noteChange(task);
    if (task === this.#logTaskId) void this.#readLog(true);
    this.#scheduleQuery();
  }

  async #refresh(rpc: RpcClient): Promise<void> {
    const { mono } = this.#context.clock;
    const startedAt = mono();
    if (await this.#board.refresh(rpc)) this.#applyBoard();
    this.#queryCostMs = mono() - startedAt;
  }

  #applyBoard(): void {
    this.#state = withQueues(withTasks(this.#state, this.#board.tasks), this.#board.queues);
  }

  /** Updates what changes without an event: the time and the progress of running tasks. */
  async #tick(): Promise<void> {
    const [rpc, screen] = [this.#rpc, this.#screen];
    if (!screen) return;
    const { shown, task, pane } = this.#state;
    const visible =
      pane === "tasks" ? shown.slice(task.top, task.top + pageRows(this.#state, screen.size)) : [];
    this.#ticks += 1;
    const isQueryTick = this.#ticks % TICKS_PER_QUERY === 0;
    // Without a daemon there is nothing to query until the next one runs.
    const hasChanged = await (rpc && this.#board.poll(rpc, visible, isQueryTick).catch(() => false));
    if (hasChanged) this.#applyBoard();
    this.#draw();
  }

  #scheduleQuery(): void {
    this.#queryTimer ??= setTimeout(
      async () => {
        await (this.#rpc && this.#refresh(this.#rpc).catch(() => undefined));
        this.#queryTimer = undefined;
        this.#draw();
      },
      Math.max(QUERY_INTERVAL_MS, this.#queryCostMs * QUERY_COST_FACTOR),
    );
  }

  #draw(): void {
    const screen = this.#screen;
    if (!screen) return;
    this.#state = scrollToMark(this.#state, screen.size);
    screen.draw(viewLines(this.#state, screen.size, this.#context.clock.now(), this.#paint));
  }

  #showMessage(message: string): void {
    this.#state = { ...this.#state, message };
    this.#draw();
  }

  #handleKey(key: Key): void {
    const screen = this.#screen;
    if (!screen) return;
    const { state, action: wish } = handleKey(this.#state, key, screen.size);
    this.#state = state;
    if (state.log?.id !== this.#logTaskId) this.#showLog(state.log?.id);
    this.#draw();
    if (wish) void this.#fulfil(wish);
  }

  /** Does what the user asked for, and shows the result or the error. */
  async #fulfil(wish: Action): Promise<void> {
    if (wish.act === "quit") return this.#stop.abort();
    const rpc = this.#rpc;
    if (!rpc) return this.#showMessage("there is no daemon at the moment");
    this.#showMessage(pendingText(wish));
    try {
      const { clock } = this.#context;
      this.#showMessage(await performAction(rpc, wish, actor(this.#context), () => clock.now()));
    } catch (error) {
      this.#showMessage(asAgentctlError(error).message);
    }
    // No event reports a change of a queue.
    this.#board.noteGap();
    this.#scheduleQuery();
  }

  #showLog(id: number | undefined): void {
    this.#log?.close();
    this.#logTaskId = id;
    this.#log = id === undefined ? undefined : new LogLines(this.#context, id, logLine);
    void this.#readLog(true);
  }

  /** Reads the shown log, one read after the other. `shouldUpdate`: there may be another attempt. */
  async #readLog(shouldUpdate: boolean): Promise<void> {
    if (!this.#log || (this.#pendingReads > 0 && !shouldUpdate)) return;
    this.#pendingReads += 1;
    this.#lastRead = this.#lastRead.then(() => this.#readNow(shouldUpdate));
    await this.#lastRead;
    this.#pendingReads -= 1;
  }

  async #readNow(shouldUpdate: boolean): Promise<void> {
    const [log, rpc, id] = [this.#log, this.#rpc, this.#logTaskId];
    if (!log || !rpc || id === undefined) return;
    try {
      const hasChanged = shouldUpdate ? await log.update(rpc) : await log.read();
      if (!hasChanged || this.#log !== log) return;
      this.#state = withLogLines(this.#state, id, log.lines);
      this.#draw();
    } catch (error) {
      if (this.#log === log) this.#showMessage(asAgentctlError(error).message);
    }
  }
}
