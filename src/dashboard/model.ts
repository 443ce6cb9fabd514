import type { TaskJson } from "../protocol/methods.ts";
import { Failure, follow, rpc } from "./api.ts";

/** The data that the page shows. */
export interface Model {
  tasks: Map<number, TaskJson>;
  isLoaded: boolean;
  isUp: boolean;
  isSignedOut: boolean;
  /** Counts changes, so that the page of one task knows when to load the task again. */
  changes: number;
  /** Counts how often the daemon came back. */
  returns: number;
}

const FIRST_PAGE = 200;
const SETTLE_MS = 150;
/** How often running tasks are loaded again, in ms: their steps, checkpoints and progress send no events. */
const POLL_MS = 2000;
const MAX_POLLED = 200;
/** If more tasks than this have changed, it is cheaper to load the whole list. */
const MAX_SINGLE_LOADS = 25;

/** Keeps all tasks up to date, from the list and from later events. */
export class Live {
  readonly model: Model = {
    tasks: new Map(),
    isLoaded: false,
    isUp: true,
    isSignedOut: false,
    changes: 0,
    returns: 0,
  };
  readonly #redraw: () => void;
  readonly #changed = new Set<number>();
  /** Counts requests. `#requestOf` has the request behind each task's data. Older responses are ignored. */
  #lastRequest = 0;
  readonly #requestOf = new Map<number, number>();
  #listRequest = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasDown = false;

  constructor(redraw: () => void) {
    this.#redraw = redraw;
  }

  start(): () => void {
    void this.#load();
    const timer = setInterval(() => this.#pollRunning(), POLL_MS);
    const end = follow(
      ({ task }) => this.#noteChange(task),
      (isUp) => {
        this.model.isUp = isUp;
        if (isUp && this.#wasDown) {
          this.model.returns++;
          void this.#load();
        }
        this.#wasDown = !isUp;
        this.#redraw();
      },
    );
    return () => {
      clearInterval(timer);
      end();
    };
  }

  #pollRunning(): void {
    const { tasks, isUp } = this.model;
    if (document.hidden || !isUp || ![...tasks.values()].some(({ state }) => state === "working")) return;
    const request = ++this.#lastRequest;
    void this.#catchFailure(async () =>
      this.#apply(request, (await rpc("tasks/list", { state: ["working"], limit: MAX_POLLED })).tasks),
    );
  }

  async #load(): Promise<void> {
    await this.#catchFailure(async () => {
      const request = ++this.#lastRequest;
      const { tasks } = await rpc("tasks/list", { recent: FIRST_PAGE, limit: FIRST_PAGE * 2 });
      this.#apply(request, tasks);
      await this.#loadAll();
    });
  }

  async #loadAll(): Promise<void> {
    const request = ++this.#lastRequest;
    const loaded = new Map<number, TaskJson>();
    let cursor: string | null = null;
    do {
      const page: { tasks: TaskJson[]; next: string | null } = await rpc("tasks/list", {
        limit: 5000,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const task of page.tasks) loaded.set(task.id, task);
      cursor = page.next;
    } while (cursor !== null);
    if (request < this.#listRequest) return;
    this.#listRequest = request;
    for (const [id, taskRequest] of this.#requestOf) {
      const existing = this.model.tasks.get(id);
      if (taskRequest < request) this.#requestOf.delete(id);
      else if (existing) loaded.set(id, existing);
      else loaded.delete(id);
    }
    this.model.tasks = loaded;
    this.model.isLoaded = true;
    this.model.changes++;
    this.#redraw();
  }

  /** Takes the response to a request. The tasks in `deleted` no longer exist. */
  #apply(request: number, tasks: readonly TaskJson[], deleted: readonly number[] = []): void {
    const isNewer = (id: number) =>
      (this.#requestOf.get(id) ?? this.#listRequest) <= request && this.#requestOf.set(id, request);
    for (const task of tasks) if (isNewer(task.id)) this.model.tasks.set(task.id, task);
    for (const id of deleted) if (isNewer(id)) this.model.tasks.delete(id);
    this.model.changes++;
    this.#redraw();
  }

  #noteChange(task: number): void {
    this.#changed.add(task);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const ids = [...this.#changed];
      this.#changed.clear();
      void this.#catchFailure(() => (ids.length > MAX_SINGLE_LOADS ? this.#loadAll() : this.#reload(ids)));
    }, SETTLE_MS);
  }

  async #reload(ids: readonly number[]): Promise<void> {
    const request = ++this.#lastRequest;
    const loaded = await Promise.all(ids.map((id) => rpc("tasks/get", { id }).catch(() => null)));
    this.#apply(
      request,
      loaded.flatMap((each) => (each ? [each.task] : [])),
      ids.filter((_, index) => loaded[index] === null),
    );
  }

  async #catchFailure(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Failure && error.isSignedOut) this.model.isSignedOut = true;
      else this.model.isUp = false;
      this.#redraw();
    }
  }
}
