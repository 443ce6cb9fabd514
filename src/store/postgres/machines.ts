/** The machines that share a store. Each may write only under a lease, by the database's clock. */
import type { MachineChange, MachineInfo, Takeover } from "../../core/cluster/machines.ts";
import { AgentctlError } from "../../core/errors.ts";
import { systemClock } from "../../core/time.ts";
import type { Row } from "../sql/rows.ts";
import type { Connection } from "./connection.ts";
import { SCHEMA_VERSION } from "./schema.ts";

/** What a machine learns at each renewal of its lease. */
export interface Lease {
  slots: number;
  isDraining: boolean;
  takeover: Takeover;
  /** Whether the cluster needs a newer agentctl. */
  isOutdated: boolean;
  /** The database's clock, in ms since 1970. */
  now: number;
}

const NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
const LEASE_COLUMNS = `slots, is_draining, takeover, (select min_version from cluster) as min_version, ${NOW} as now`;
const LEASE_END = "clock_timestamp() + (select lease_ms from cluster) * interval '1 ms'";
/** How long ago a machine was last seen, in ms. The database computes it, because its clock may differ from ours. */
const UNSEEN_MS = "greatest(0, extract(epoch from clock_timestamp() - seen_at) * 1000)::bigint";
/** When a machine last renewed its lease, in µs since 1970: another number for each renewal. */
const RENEWED_US = "(extract(epoch from seen_at) * 1000000)::bigint";

interface Renewal {
  name: string;
  at: number;
  over: boolean;
}

/** Locks the row that every write of every machine locks. */
const WRITER_LOCK = "(select 1 from event_counter for update) as writers";
const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/i;

/**
 * Adds a machine, or replaces the entry that an interrupted join left. Throws `MachineTaken` if another home has the
 * name, and `InvalidParams` for an invalid name.
 */
export async function addMachine(
  connection: Connection,
  {
    name,
    id,
    home,
    slots,
    labels,
  }: { name: string; id: string; home: string; slots: number; labels: Record<string, string> },
): Promise<void> {
  if (!NAME.test(name)) {
    const reason = `${JSON.stringify(name)} can be no machine's name: letters, digits, dots and dashes`;
    throw new AgentctlError("InvalidParams", { field: "name", reason });
  }
  await connection.query("delete from machines where id = $1 and epoch = 0", [id]);
  const sql = `insert into machines
      (name, id, home, epoch, slots, labels, version, is_draining, is_stopped, is_lost, lease_until, seen_at, joined_at)
    values ($1, $2, $3, 0, $4, $5, '', 0, 1, 0, clock_timestamp(), clock_timestamp(), clock_timestamp())
    on conflict do nothing`;
  const { changed } = await connection.query(sql, [name, id, home, slots, JSON.stringify(labels)]);
  if (changed === 0) throw machineTaken(name);
}

function machineTaken(machine: string): AgentctlError {
  return new AgentctlError("MachineTaken", { machine });
}

/** Returns the id of a machine's home; undefined if there is no machine of this name. */
export async function machineId(connection: Connection, name: string): Promise<string | undefined> {
  const { rows } = await connection.repeat("select id from machines where name = $1", [name]);
  return rows[0]?.id as string | undefined;
}

export async function listMachines(connection: Connection): Promise<MachineInfo[]> {
  const sql = `select m.*, ${UNSEEN_MS} as unseen,
      case when lease_until < clock_timestamp() then 1 else 0 end as is_over,
      (select count(*) from tasks t where t.machine = m.name) as tasks
    from machines m order by name`;
  return (await connection.repeat(sql, [])).rows.map((row) => ({
    name: row.name as string,
    state: stateOf(row),
    slots: row.slots as number,
    labels: JSON.parse(row.labels as string) as Record<string, string>,
    takeover: row.takeover as Takeover,
    accept: row.accept === null ? null : (JSON.parse(row.accept as string) as string[]),
    version: row.version as string,
    seenAt: systemClock.now() - (row.unseen as number),
    tasks: row.tasks as number,
  }));
}

function stateOf({ is_lost, is_stopped, is_over, is_draining }: Row): MachineInfo["state"] {
  if (is_lost === 1) return "lost";
  if (is_stopped === 1) return "stopped";
  if (is_over === 1) return "away";
  return is_draining === 1 ? "draining" : "up";
}

/** Returns a machine's home, when it was last seen, and whether its daemon is up; undefined for an unknown machine. */
export async function whereabouts(
  connection: Connection,
  name: string,
): Promise<{ home: string; seenAt: number; isUp: boolean } | undefined> {
  const sql = `select home, ${UNSEEN_MS} as unseen,
      is_lost = 0 and is_stopped = 0 and lease_until >= clock_timestamp() as is_up
    from machines where name = $1`;
  const row = (await connection.repeat(sql, [name])).rows[0];
  return (
    row && {
      home: row.home as string,
      seenAt: systemClock.now() - (row.unseen as number),
      isUp: Boolean(row.is_up),
    }
  );
}

/** Returns those of the tasks that no machine which is up takes. */
export async function untaken(connection: Connection, ids: readonly number[]): Promise<Set<number>> {
  const sql = `select t.id from tasks t where t.id = any ($1) and not exists (select 1 from machines m
    where m.is_lost = 0 and m.is_stopped = 0 and m.is_draining = 0 and m.lease_until >= clock_timestamp()
      and m.slots >= t.slots and fits(t.on_machine, m.name) and accepts(m.name, t.submitted_by))`;
  return new Set((await connection.repeat(sql, [ids])).rows.map(({ id }) => id as number));
}

/** The channel that notifies a machine, by its name, of changed settings. */
export const MACHINE_CHANNEL = "agentctl_machine";

/** Changes the given settings and notifies the machine; returns when, for {@link hasHeard}. `MachineNotFound`. */
export async function setMachine(
  connection: Connection,
  name: string,
  { slots, labels, takeover, accept, isDraining }: MachineChange,
): Promise<string> {
  const sql = `with changed as (update machines set slots = coalesce($2::bigint, slots), labels = coalesce($3::text, labels),
      is_draining = coalesce($4::bigint, is_draining), takeover = coalesce($5::text, takeover),
      accept = case when $6::bigint = 1 then $7::text else accept end where name = $1 returning name)
    select clock_timestamp()::text as at, pg_notify('${MACHINE_CHANNEL}', name) from changed`;
  const values = [
    slots ?? null,
    labels ? JSON.stringify(labels) : null,
    isDraining === undefined ? null : Number(isDraining),
    takeover ?? null,
    accept === undefined ? 0 : 1,
    accept ? JSON.stringify(accept) : null,
  ];
  const row = (await connection.repeat(sql, [name, ...values])).rows[0];
  if (!row) throw new AgentctlError("MachineNotFound", { machine: name });
  return row.at as string;
}

/** Returns whether a machine's daemon has renewed its lease since `since`, or is not up to do so. */
export async function hasHeard(connection: Connection, name: string, since: string): Promise<boolean> {
  const sql = `select 1 from machines where name = $1 and seen_at < $2::timestamptz
    and is_lost = 0 and is_stopped = 0 and lease_until >= clock_timestamp()`;
  return (await connection.repeat(sql, [name, since])).rows.length === 0;
}

/** Returns what has to be done before a machine in this state can be forgotten. */
function forgetHint(name: string, state: MachineInfo["state"]): string {
  if (state === "up") return `agentctl machine drain ${name}`;
  if (state === "draining") return `agentctl machine forget ${name} once it is stopped and has no tasks`;
  return `agentctl list --on ${name}; there, agentctl pause <id> --mode checkpoint or agentctl cancel <id> ends what is frozen`;
}

/** Forgets a machine. Throws `MachineNotFound`, and `UnsupportedOperation` if it is up or has tasks. */
export async function forgetMachine(connection: Connection, name: string): Promise<void> {
  const machine = (await listMachines(connection)).find((each) => each.name === name);
  if (!machine) throw new AgentctlError("MachineNotFound", { machine: name });
  const { state, tasks } = machine;
  if (tasks > 0 || state === "up" || state === "draining") {
    const reason = `machine ${name} ${tasks > 0 ? `has open tasks: ${tasks}` : `is ${state}`}`;
    throw new AgentctlError("UnsupportedOperation", { reason, machine: name, hint: forgetHint(name, state) });
  }
  await connection.query("delete from machines where name = $1", [name]);
}

/**
 * The database's clock may jump, and with it every lease. A lease that is over by that clock counts as over only if we,
 * too, saw no renewal for `UNRENEWED_LEASES`. After `MAX_UNRENEWED_LEASES` it is over in any case.
 */
const UNRENEWED_LEASES = 0.8;
const MAX_UNRENEWED_LEASES = 2;

/** This machine, whose daemon renews its lease. */
export class Machine {
  readonly #connection: Connection;
  readonly #name: string;
  readonly #id: string;
  #epoch = 0;
  /** For each other machine: its last renewal by the database, and since when we know of that, by our clock. */
  #renewals = new Map<string, { at: number; since: number }>();

  constructor(connection: Connection, { name, id }: { name: string; id: string }) {
    this.#connection = connection;
    this.#name = name;
    this.#id = id;
  }

  get name(): string {
    return this.#name;
  }

  /** The number of this machine's lease, which every write names. Once a later lease has begun, no write succeeds. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Begins a new lease, after which an earlier daemon of this machine can renew none. If the last lease is over, others
   * may have taken its tasks: then it begins only if none of them runs here (`isEmpty`), and otherwise returns null.
   * Throws `MachineNotFound`, `MachineTaken`.
   */
  async register(version: string, { isEmpty }: { isEmpty: boolean }): Promise<Lease | null> {
    await this.#requireOwnership();
    const isHeldSql =
      "is_lost = 0 and (is_stopped = 1 or takeover = 'never' or lease_until >= clock_timestamp())";
    const sql = `update machines set epoch = epoch + 1, is_lost = 0, is_stopped = 0, is_draining = 0, version = $3,
        lease_until = ${LEASE_END}, seen_at = clock_timestamp() from ${WRITER_LOCK}
      where name = $1 and id = $2 and ${isEmpty ? "true" : isHeldSql} returning epoch, ${LEASE_COLUMNS}`;
    const row = (await this.#connection.query(sql, [this.#name, this.#id, version])).rows[0];
    if (!row) return null;
    this.#epoch = row.epoch as number;
    return leaseOf(row);
  }

  async #requireOwnership(): Promise<void> {
    const id = await machineId(this.#connection, this.#name);
    if (id === undefined) {
      const reason = "it was taken out of the cluster";
      throw new AgentctlError("MachineNotFound", {
        machine: this.#name,
        reason,
        hint: "agentctl cluster leave, then agentctl cluster join",
      });
    }
    if (id !== this.#id) throw machineTaken(this.#name);
  }

  /** Renews the lease; returns null if it is lost. */
  async renew(): Promise<Lease | null> {
    const sql = `update machines set lease_until = ${LEASE_END}, seen_at = clock_timestamp()
      where name = $1 and epoch = $2 and is_lost = 0 returning ${LEASE_COLUMNS}`;
    const row = (await this.#connection.query(sql, [this.#name, this.#epoch])).rows[0];
    return row ? leaseOf(row) : null;
  }

  /**
   * Checks which machines renew their leases of `leaseMs`. With `canMark`, it marks those whose lease is over as lost
   * and returns tasks of lost machines: those with an attempt that nobody has concluded, and those that such a machine
   * paused when it was stopped and did not hand over.
   */
  async findLostTasks(leaseMs: number, canMark: boolean): Promise<number[]> {
    const canBeLostSql = "is_lost = 0 and is_stopped = 0 and takeover = 'auto'";
    const sql = `select name, ${RENEWED_US} as at, lease_until < clock_timestamp() as over from machines
      where ${canBeLostSql} and name <> $1`;
    const { rows } = await this.#connection.query<Renewal>(sql, [this.#name]);
    const now = systemClock.mono();
    const before = this.#renewals;
    const since = ({ name, at }: Renewal) => {
      const previous = before.get(name);
      return previous?.at === at ? previous.since : now;
    };
    this.#renewals = new Map(rows.map((row) => [row.name, { at: row.at, since: since(row) }]));
    if (!canMark) return [];
    const isExpired = (row: Renewal) =>
      now - since(row) >= leaseMs * (row.over ? UNRENEWED_LEASES : MAX_UNRENEWED_LEASES);
    const expired = rows.filter(isExpired);
    if (expired.length > 0) {
      // The lock falls between two writes: the machine that concludes the attempts sees that machine's last write.
      const markSql = `update machines set is_lost = 1 from ${WRITER_LOCK} where ${canBeLostSql}
        and (name, ${RENEWED_US}) in (select * from unnest($1::text[], $2::bigint[]))`;
      await this.#connection.query(markSql, [expired.map(({ name }) => name), expired.map(({ at }) => at)]);
    }
    const tasksSql = `select t.id from tasks t join machines m on m.name = t.machine
        where m.is_lost = 1 and (t.state = 'working' or t.frozen = 1)
      union select t.id from tasks t join attempts a on a.task_id = t.id and a.n = t.attempt
        join machines m on m.name = a.machine
        where m.is_lost = 1 and t.state = 'suspended' and t.frozen = 0
          and json_extract(t.pause, '$.cause') = 'shutdown'
      order by id limit 100`;
    return (await this.#connection.query(tasksSql, [])).rows.map(({ id }) => id as number);
  }

  /** Marks this machine as stopped on purpose: tasks that are frozen here wait for it. */
  async leave(): Promise<void> {
    const sql = "update machines set is_stopped = 1 where name = $1 and epoch = $2";
    await this.#connection.query(sql, [this.#name, this.#epoch]);
  }
}

function leaseOf(row: Row): Lease {
  return {
    slots: row.slots as number,
    isDraining: row.is_draining === 1,
    takeover: row.takeover as Takeover,
    isOutdated: (row.min_version as number) > SCHEMA_VERSION,
    now: row.now as number,
  };
}
