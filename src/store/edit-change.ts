import type { EditableField } from "../core/submitted.ts";
import type { Task } from "../core/task.ts";

/** What is changed of a task that is still in the state and attempt of `from`. */
export interface EditChange {
  id: number;
  from: Pick<Task, "state" | "attempt">;
  patch: Partial<Pick<Task, EditableField | "argv" | "envHash" | "account" | "delay">>;
  at: number;
  actor: string;
  /** Each changed field as it was and as it is. */
  data: Record<string, unknown>;
}
