/**
 * Connections whose other end has gone without a word: the system would tell after a quarter of an hour. A firewall or a
 * translation of addresses forgets them one by one, while others go on.
 */
import type { Connection } from "./connection.ts";

/** After so long without a byte it is asked whether an answer can still come. */
const SILENT_MS = 5000;

/** These processes of the server are busy for whoever has that connection, or were a moment ago. */
const BUSY = `select pid from pg_stat_activity where pid = any ($1::int[]) and application_name = any ($2::text[])
  and (coalesce(state, '') not like 'idle%' or state_change > clock_timestamp() - interval '1 s')`;

/** Breaks off those of `connections` that wait for an answer on which nobody works at the server; `by` is one that answers. */
export async function breakOffHalfOpen(by: Connection, connections: readonly Connection[]): Promise<void> {
  const silent = connections.filter((each) => each.isSilent(SILENT_MS));
  if (silent.length === 0) return;
  const asked = [silent.map(({ pid }) => pid), silent.map(({ name }) => name)];
  const { rows } = await by.query<{ pid: number }>(BUSY, asked);
  const busy = new Set(rows.map(({ pid }) => pid));
  for (const each of silent) if (!busy.has(each.pid ?? 0)) await each.breakOff(SILENT_MS);
}
