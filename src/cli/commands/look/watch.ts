import { open } from "node:fs/promises";
import { asAgentctlError } from "../../../core/errors.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command } from "../../command/define.ts";
import { actor, watchDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { Interrupt } from "../../follow/interrupt.ts";
import { lastLinesOf } from "../../follow/log-file.ts";
import { FullScreen, type Key } from "../../screen/full-screen.ts";
import { type View, viewLines } from "../../screen/watch-view.ts";
import type { Paint } from "../../text/paint.ts";
import { pauseWords } from "../../text/pause-words.ts";

const RECENT = 20;
/** What changes is seen at most so often. */
const LOOK_MS = 100;
/** Ages and running times are drawn anew. */
const TICK_MS = 1000;
const LOG_MS = 250;
/** Of a log so much is read at most. */
const LOG_BYTES = 256 * 1024;

export const watch = command({
  name: "watch",
  summary: "a live view of all tasks, with keys to pause, resume and cancel them and to see their logs",
  notes: "It only looks: q or Ctrl-C leaves it, and every task goes on. It needs a terminal.",
  args: [],
  options: {},
  examples: [["watch", "arrows select a task; p pauses it, r resumes it, c cancels it, l shows its log"]],
  async run(context) {
    const { out } = context;
    const stdin = context.stdin();
    if (!out.terminal || !stdin.isTTY || out.json) {
      throw usage("watch needs a terminal to draw on and keys to read", {
        hint: "agentctl list shows the tasks once, agentctl events -f each change as a line of JSON",
      });
    }
    return await new Watch(context, await out.paint()).run();
  },
});

class Watch {
  readonly #context: Context;
  readonly #paint: Paint;
  readonly #stop = new AbortController();
  #screen: FullScreen | undefined;
  #rpc: RpcClient | undefined;
  #tasks: readonly TaskJson[] = [];
  #marked: number | undefined;
  #message = "";
  #log: View["log"];
  /** The task for which c was pressed once. */
  #doomed: number | undefined;
  #look: NodeJS.Timeout | undefined;

  constructor(context: Context, paint: Paint) {
    this.#context = context;
    this.#paint = paint;
  }

  async run(): Promise<number> {
    const interrupt = new Interrupt(() => this.#stop.abort());
    const timers = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => void this.#readLog(), LOG_MS),
    ];
    try {
      await watchDaemon(this.#context, (rpc) => this.#attend(rpc), {
        onNotification: (method) => method === "event" && this.#lookSoon(),
        signal: this.#stop.signal,
      });
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    } finally {
      for (const timer of timers) clearInterval(timer);
      clearTimeout(this.#look);
      this.#screen?.close();
      interrupt.end();
    }
    return interrupt.count > 0 ? interrupt.exitCode : 0;
  }

  /** Until it is left, or the daemon goes away. */
  async #attend(rpc: RpcClient): Promise<void> {
    this.#rpc = rpc;
    await rpc.call("tasks/subscribe", { snapshot: false });
    await this.#refresh(rpc);
    this.#open();
    const { signal } = this.#stop;
    const left = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const reason = await Promise.race([rpc.closed, left]);
    this.#rpc = undefined;
    if (!reason) return;
    this.#say("the daemon went away; waiting for the next one");
    throw reason;
  }

  #open(): void {
    const { terminal } = this.#context.out;
    if (!this.#screen && terminal) {
      const onKey = (key: Key) => this.#pressed(key);
      this.#screen = new FullScreen(terminal, this.#context.stdin(), { onKey, onSize: () => this.#draw() });
    }
    this.#draw();
  }

  async #refresh(rpc: RpcClient): Promise<void> {
    const { tasks } = await rpc.call("tasks/list", { recent: RECENT });
    this.#tasks = tasks;
    if (!tasks.some(({ id }) => id === this.#marked)) this.#marked = tasks.at(-1)?.id;
  }

  /** What runs gets on without an event: its time, its progress. */
  #tick(): void {
    if (this.#tasks.some(({ state }) => state === "working")) this.#lookSoon();
    else this.#draw();
  }

  #lookSoon(): void {
    this.#look ??= setTimeout(async () => {
      this.#look = undefined;
      // Without a daemon there is nothing to look at until the next one is there.
      await (this.#rpc && this.#refresh(this.#rpc).catch(() => undefined));
      this.#draw();
    }, LOOK_MS);
  }

  #draw(): void {
    const screen = this.#screen;
    if (!screen) return;
    const now = this.#context.clock.now();
    const view = { tasks: this.#tasks, marked: this.#marked, message: this.#message, log: this.#log, now };
    screen.draw(viewLines(view, screen.size, this.#paint));
  }

  #say(message: string): void {
    this.#message = message;
    this.#draw();
  }

  #pressed(key: Key): void {
    const id = this.#marked;
    const wasDoomed = this.#doomed;
    this.#doomed = undefined;
    if (wasDoomed !== undefined && key !== "c") this.#say("");
    const leaves = key === "q" || key === "escape";
    if (key === "^c" || (leaves && !this.#log)) this.#stop.abort();
    else if (this.#log && leaves) this.#closeLog();
    else if (this.#log) return;
    else if (key === "up" || key === "k") this.#mark(-1);
    else if (key === "down" || key === "j") this.#mark(1);
    else if (id === undefined) return;
    else if (key === "p") void this.#pause(id);
    else if (key === "r") void this.#resume(id);
    else if (key === "c") this.#cancel(id, wasDoomed === id);
    else if (key === "l" || key === "return") this.#openLog(id);
  }

  #mark(by: number): void {
    const at = this.#tasks.findIndex(({ id }) => id === this.#marked);
    const to = Math.min(Math.max(0, at + by), this.#tasks.length - 1);
    this.#marked = this.#tasks[to]?.id;
    this.#say("");
  }

  async #pause(id: number): Promise<void> {
    await this.#act(`pausing task ${id}…`, async (rpc) => {
      const paused = await rpc.call("tasks/pause", { id, actor: actor(this.#context) });
      if (!("task" in paused)) return "";
      const { line, notes } = pauseWords(paused, {}, this.#context.clock.now());
      return [line ?? "", ...notes].join("  ").trim();
    });
  }

  async #resume(id: number): Promise<void> {
    await this.#act(`resuming task ${id}…`, async (rpc) => {
      await rpc.call("tasks/resume", { id, actor: actor(this.#context) });
      return `task ${id} resumed`;
    });
  }

  /** The second time in a row it is meant. */
  #cancel(id: number, isMeant: boolean): void {
    if (isMeant) {
      void this.#act(`canceling task ${id}…`, async (rpc) => {
        await rpc.call("tasks/cancel", { id, actor: actor(this.#context) });
        return `task ${id} canceled`;
      });
    } else {
      this.#doomed = id;
      this.#say(`press c again to cancel task ${id}`);
    }
  }

  /** Says what came of it, whatever it was. */
  async #act(before: string, act: (rpc: RpcClient) => Promise<string>): Promise<void> {
    const rpc = this.#rpc;
    if (!rpc) return this.#say("there is no daemon just now");
    this.#say(before);
    try {
      this.#say(await act(rpc));
    } catch (error) {
      this.#say(asAgentctlError(error).message);
    }
  }

  #openLog(id: number): void {
    this.#log = { id, text: "" };
    this.#say("");
    void this.#readLog();
  }

  #closeLog(): void {
    this.#log = undefined;
    this.#say("");
  }

  /** The end of the newest attempt's log, as much as the screen holds. */
  async #readLog(): Promise<void> {
    const [log, rpc, screen] = [this.#log, this.#rpc, this.#screen];
    if (!log || !rpc || !screen) return;
    try {
      const { logs } = await rpc.call("logs/path", { id: log.id });
      log.text = logs.length === 0 ? "there is no output\n" : await endOf(logs, screen.size.rows);
    } catch (error) {
      log.text = asAgentctlError(error).message;
    }
    if (this.#log === log) this.#draw();
  }
}

async function endOf(logs: readonly { path: string }[], rows: number): Promise<string> {
  const path = logs.at(-1)?.path ?? "";
  const { offset } = await lastLinesOf(path, rows);
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const start = Math.max(offset, size - LOG_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
