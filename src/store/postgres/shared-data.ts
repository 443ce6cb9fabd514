/** What machines store for each other: variables of tasks, and files. */
import type { Connection } from "./connection.ts";

/** Stores sealed variables of tasks under `name`. */
export async function keepEnvironment(connection: Connection, name: string, sealed: Buffer): Promise<void> {
  const sql = `insert into environments (name, sealed, kept_at) values ($1, $2, clock_timestamp())
    on conflict (name) do update set kept_at = clock_timestamp()`;
  await connection.repeat(sql, [name, sealed]);
}

/** Returns the sealed variables that are stored under `name`. */
export async function environment(connection: Connection, name: string): Promise<Buffer | undefined> {
  const { rows } = await connection.repeat("select sealed from environments where name = $1", [name]);
  return rows[0]?.sealed as Buffer | undefined;
}

/** Deletes variables that no open task and no schedule uses, except young ones: a submission may be under way. */
export async function dropEnvironments(connection: Connection): Promise<void> {
  const sql = `delete from environments e where kept_at < clock_timestamp() - interval '10 min'
    and not exists (select 1 from tasks t where t.env_hash = e.name and t.ended_at is null)
    and not exists (select 1 from schedules s where s.env_hash = e.name)`;
  await connection.query(sql, []);
}

/**
 * Stores a file of a task in place of an earlier one of this name. `data` may be only the end of a file of `size`
 * bytes. With `machine`, stores it only if the process of the task is on that machine.
 */
export async function keepBlob(
  connection: Connection,
  {
    task,
    name,
    data,
    size = data.length,
    machine = null,
  }: { task: number; name: string; data: Buffer; size?: number; machine?: string | null },
): Promise<void> {
  // The task may have been deleted meanwhile.
  const sql = `insert into blobs (task_id, name, data, size, kept_at)
    select $1, $2, $3, $4, clock_timestamp() where exists
      (select 1 from tasks where id = $1 and ($5::text is null or machine = $5))
    on conflict (task_id, name) do update set data = excluded.data, size = excluded.size, kept_at = excluded.kept_at`;
  await connection.repeat(sql, [task, name, data, size, machine]);
}

export async function blob(connection: Connection, task: number, name: string): Promise<Buffer | undefined> {
  const sql = "select data from blobs where task_id = $1 and name = $2";
  return (await connection.repeat(sql, [task, name])).rows[0]?.data as Buffer | undefined;
}

/** Deletes the artifacts of a task that later ones of the same name have replaced. */
export async function dropOldArtifacts(connection: Connection, task: number): Promise<void> {
  const sql = `delete from blobs where task_id = $1 and name like 'artifact/%'
    and name not in (select 'artifact/' || sha256 from artifacts where task_id = $1)`;
  await connection.repeat(sql, [task]);
}

/** A piece of a stored file. */
export interface BlobPiece {
  data: Buffer;
  /** The offset of the piece in the file: later than requested if that part was not stored. */
  offset: number;
  /** The size of the whole file. */
  size: number;
  /** The offset of the first stored byte. */
  start: number;
  /** In ms since 1970. */
  keptAt: number;
}

/**
 * Returns at most `length` bytes from `offset`, or of the last `fromEnd`; undefined if no file of this name is stored.
 */
export async function blobPiece(
  connection: Connection,
  { task, name }: { task: number; name: string },
  { offset = 0, fromEnd, length }: { offset?: number; fromEnd?: number; length: number },
): Promise<BlobPiece | undefined> {
  const sql = `with found as (select data, size, size - octet_length(data) as start,
        (extract(epoch from kept_at) * 1000)::bigint as kept_at from blobs where task_id = $1 and name = $2),
      placed as (select *, greatest(start, coalesce(size - $4::bigint, $3::bigint)) as at from found)
    select size, start, kept_at, at, substring(data from (at - start + 1)::int for $5::int) as data from placed`;
  const row = (await connection.repeat(sql, [task, name, offset, fromEnd ?? null, length])).rows[0];
  if (!row) return undefined;
  const {
    data,
    at,
    size,
    start,
    kept_at: keptAt,
  } = row as unknown as Record<string, number> & { data: Buffer };
  return { data, offset: at, size, start, keptAt } as BlobPiece;
}
