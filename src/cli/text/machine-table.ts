import type { MachineInfo } from "../../core/cluster/machines.ts";
import { tableLines } from "./table.ts";
import { oneLine } from "./terminal-text.ts";

/** Returns a table of machines, one line each. */
export function machineTable(
  machines: readonly MachineInfo[],
  now: number,
  columns: number | undefined,
): string[] {
  const titles = [
    { title: "NAME" },
    { title: "STATE" },
    { title: "SLOTS", dropOrder: 1 },
    { title: "LABELS", minWidth: 8, dropOrder: 2 },
    { title: "VERSION", dropOrder: 3 },
    { title: "SEEN" },
    { title: "TASKS" },
  ];
  const rows = machines.map(({ name, state, slots, labels, version, seenAt, tasks }) => [
    name,
    state,
    String(slots),
    oneLine(
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    ),
    version,
    `${Math.max(0, Math.round((now - seenAt) / 1000))}s ago`,
    String(tasks),
  ]);
  return tableLines(titles, rows, columns);
}
