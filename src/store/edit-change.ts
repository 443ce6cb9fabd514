import type { EditableField } from "../core/submitted.ts";
import type { Task } from "../core/task.ts";

/** A change of a task that must still be in the state and attempt of `from`. */
export interface EditChange {
  id: number;
  from: Pick<Task, "state" | "attempt">;
  patch: Partial<Pick<Task, EditableField | "argv" | "envHash" | "account" | "delay">>;
  at: number;
  actor: string;
  /** The values of each changed field before and after. */
  data: Record<string, unknown>;
}
