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

const FIRST = 200;
const SETTLE_MS = 150;
/** How often running tasks are loaded again, in ms: their steps, checkpoints and progress send no events. */
const LOOK_MS = 2000;
const MOST_LOOKED_AT = 200;
/** If more tasks than this have changed, it is cheaper to load the whole list. */
const MANY = 25;

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
  readonly #tell: () => void;
  readonly #changed = new Set<number>();
  /** Counts requests. `#askedAt` has the request behind each task's data. Older responses are ignored. */
  #asked = 0;
  readonly #askedAt = new Map<number, number>();
  #listAskedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasDown = false;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  start(): () => void {
    void this.#load();
    const timer = setInterval(() => this.#lookAtWork(), LOOK_MS);
    const end = follow(
      ({ task }) => this.#note(task),
      (isUp) => {
        this.model.isUp = isUp;
        if (isUp && this.#wasDown) {
          this.model.returns++;
          void this.#load();
        }
        this.#wasDown = !isUp;
        this.#tell();
      },
    );
    return () => {
      clearInterval(timer);
      end();
    };
  }

  #lookAtWork(): void {
    const { tasks, isUp } = this.model;
    if (document.hidden || !isUp || ![...tasks.values()].some(({ state }) => state === "working")) return;
    const asked = ++this.#asked;
    void this.#guarded(async () =>
      this.#take(asked, (await rpc("tasks/list", { state: ["working"], limit: MOST_LOOKED_AT })).tasks),
    );
  }

  async #load(): Promise<void> {
    await this.#guarded(async () => {
      const asked = ++this.#asked;
      const { tasks } = await rpc("tasks/list", { recent: FIRST, limit: FIRST * 2 });
      this.#take(asked, tasks);
      await this.#loadAll();
    });
  }

  async #loadAll(): Promise<void> {
    const asked = ++this.#asked;
    const found = new Map<number, TaskJson>();
    let cursor: string | null = null;
    do {
      const page: { tasks: TaskJson[]; next: string | null } = await rpc("tasks/list", {
        limit: 5000,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const task of page.tasks) found.set(task.id, task);
      cursor = page.next;
    } while (cursor !== null);
    if (asked < this.#listAskedAt) return;
    this.#listAskedAt = asked;
    for (const [id, at] of this.#askedAt) {
      const known = this.model.tasks.get(id);
      if (at < asked) this.#askedAt.delete(id);
      else if (known) found.set(id, known);
      else found.delete(id);
    }
    this.model.tasks = found;
    this.model.isLoaded = true;
    this.model.changes++;
    this.#tell();
  }

  /** Takes the response to request `asked`. The tasks in `gone` no longer exist. */
  #take(asked: number, tasks: readonly TaskJson[], gone: readonly number[] = []): void {
    const isNews = (id: number) =>
      (this.#askedAt.get(id) ?? this.#listAskedAt) <= asked && this.#askedAt.set(id, asked);
    for (const task of tasks) if (isNews(task.id)) this.model.tasks.set(task.id, task);
    for (const id of gone) if (isNews(id)) this.model.tasks.delete(id);
    this.model.changes++;
    this.#tell();
  }

  #note(task: number): void {
    this.#changed.add(task);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const ids = [...this.#changed];
      this.#changed.clear();
      void this.#guarded(() => (ids.length > MANY ? this.#loadAll() : this.#look(ids)));
    }, SETTLE_MS);
  }

  async #look(ids: readonly number[]): Promise<void> {
    const asked = ++this.#asked;
    const found = await Promise.all(ids.map((id) => rpc("tasks/get", { id }).catch(() => null)));
    this.#take(
      asked,
      found.flatMap((each) => (each ? [each.task] : [])),
      ids.filter((_, at) => found[at] === null),
    );
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Failure && error.isSignedOut) this.model.isSignedOut = true;
      else this.model.isUp = false;
      this.#tell();
    }
  }
}
