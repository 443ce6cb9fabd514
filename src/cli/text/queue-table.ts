import type { QueueJson } from "../../protocol/methods.ts";
import { tableLines } from "./table.ts";
import { whenText } from "./when.ts";

const header = [
  { title: "NAME", minWidth: 20, isCutLast: true },
  { title: "SLOTS", isRight: true, dropOrder: 1 },
  { title: "USED", isRight: true, dropOrder: 4 },
  { title: "WORKING", isRight: true, dropOrder: 3 },
  { title: "WAITING", isRight: true, dropOrder: 2 },
  { title: "WITH", minWidth: 7, dropOrder: 5 },
  { title: "HELD" },
];

/** Returns a table of queues, one line each, that fits into `columns`; if undefined, nothing is cut. */
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
