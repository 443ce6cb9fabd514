/**
 * Breaks off connections whose other end has vanished silently; the system would notice that after a quarter of an
 * hour. A firewall or NAT forgets connections one by one, while others go on.
 */
import type { Connection } from "./connection.ts";

/** How long a connection may be silent before we ask whether a response can still come, in ms. */
const MAX_SILENCE_MS = 5000;

/** Selects the given server processes that are busy for the given connections, or were within the last second. */
const BUSY_SQL = `select pid from pg_stat_activity where pid = any ($1::int[]) and application_name = any ($2::text[])
  and (coalesce(state, '') not like 'idle%' or state_change > clock_timestamp() - interval '1 s')`;

/** Breaks off `connections` that wait for a response on which no server process works. `responsive` is one that responds. */
export async function breakOffHalfOpen(
  responsive: Connection,
  connections: readonly Connection[],
): Promise<void> {
  const silent = connections.filter((each) => each.isSilent(MAX_SILENCE_MS));
  if (silent.length === 0) return;
  const params = [silent.map(({ pid }) => pid), silent.map(({ name }) => name)];
  const { rows } = await responsive.query<{ pid: number }>(BUSY_SQL, params);
  const busy = new Set(rows.map(({ pid }) => pid));
  for (const each of silent) if (!busy.has(each.pid ?? 0)) await each.breakOff(MAX_SILENCE_MS);
}
