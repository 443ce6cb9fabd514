import { didYouMean } from "../../protocol/nearest.ts";
import type { Context } from "../command/context.ts";
import { callDaemon } from "../command/session.ts";

/** How many of the last ended tasks are searched, besides the open ones. */
const RECENT_LIMIT = 200;

/** Returns the labels that were probably meant, as the end of a sentence; empty if all are known or none is near. */
export async function nearLabels(
  context: Context,
  labels: Record<string, string> | undefined,
): Promise<string> {
  if (!labels) return "";
  const { tasks } = await callDaemon(context, "tasks/list", { recent: RECENT_LIMIT, fields: ["labels"] });
  const existing = tasks.flatMap((task) => Object.entries(task.labels).map((pair) => pair.join("=")));
  const unknown = Object.entries(labels)
    .map((pair) => pair.join("="))
    .find((pair) => !existing.includes(pair));
  return unknown === undefined ? "" : didYouMean(unknown, existing);
}
