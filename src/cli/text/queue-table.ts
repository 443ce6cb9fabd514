import type { QueueJson } from "../../protocol/methods.ts";
import { tableLines } from "./table.ts";
import { whenText } from "./when.ts";

const header = [
  { title: "NAME", least: 8 },
  { title: "SLOTS", isRight: true },
  { title: "USED", isRight: true },
  { title: "WORKING", isRight: true },
  { title: "WAITING", isRight: true },
  { title: "WITH", least: 4 },
  { title: "HELD", least: 4 },
];

/** Queues as a table, a line each; it fits into so many columns, and without them nothing is cut. */
export function queueTable(queues: readonly QueueJson[], now: number, columns: number | undefined): string[] {
  const rows = queues.map(
    ({ name, slots, used, working, waiting, numbered, preempt, held, heldBy, heldUntil }) => [
      name,
      slots === null ? "unlimited" : String(slots),
      String(used),
      String(working),
      String(waiting),
      [...(numbered ? ["numbers"] : []), ...(preempt ? ["preemption"] : [])].join(", "),
      held ? `by ${heldBy}${heldUntil ? ` until ${whenText(heldUntil, now)}` : ""}` : "",
    ],
  );
  return tableLines(header, rows, columns);
}
