import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Message, TaskPushNotificationConfig } from "@a2a-js/sdk";
import type { Paths } from "../../../home/paths.ts";

/** What A2A knows of a task besides the task: what its client said, and where to notify the client. */
export interface TaskRecord {
  history: Message[];
  push: TaskPushNotificationConfig[];
}

/** Files beside the artifacts of a task, deleted together with the task. */
export class TaskRecords {
  readonly #paths: Paths;
  /** The last write for each task. Writes wait for each other, so that none is lost. */
  readonly #writing = new Map<number, Promise<unknown>>();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  async read(task: number): Promise<TaskRecord> {
    const text = await readFile(this.#file(task), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (text === null) return { history: [], push: [] };
    const { history, push } = JSON.parse(text) as { history: never[]; push: never[] };
    return {
      history: history.map((each) => Message.fromJSON(each)),
      push: push.map((each) => TaskPushNotificationConfig.fromJSON(each)),
    };
  }

  /** Changes what is kept. Resolves when it is on disk. */
  async change<T>(task: number, change: (record: TaskRecord) => T): Promise<T> {
    const previous = this.#writing.get(task) ?? Promise.resolve();
    const pending = previous
      .catch(() => undefined)
      .then(async () => {
        const record = await this.read(task);
        const result = change(record);
        await this.#write(task, record);
        return result;
      });
    this.#writing.set(task, pending);
    try {
      return await pending;
    } finally {
      if (this.#writing.get(task) === pending) this.#writing.delete(task);
    }
  }

  async #write(task: number, { history, push }: TaskRecord): Promise<void> {
    const file = this.#file(task);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.new`;
    const json = { history: history.map(Message.toJSON), push: push.map(TaskPushNotificationConfig.toJSON) };
    await writeFile(draft, JSON.stringify(json), { mode: 0o600, flush: true });
    await rename(draft, file);
  }

  #file(task: number): string {
    return join(this.#paths.tasks, `${task}.kept`, "a2a.json");
  }
}
