-- What SQLite's migration lacks: event numbers, the machines that share the store, what they store for each other, and
-- functions that SQLite has and PostgreSQL lacks. The rest is made from SQLite's own migration.
--
-- event_counter: one row. Every writer locks it first. So writers come one after the other, as with SQLite, and event
-- numbers have no gaps and follow the order of the commits.
--
-- tasks: `submitted_by` is the role that submitted the task.
--
-- machines: one row for each home that shares the store. `accept` are the roles whose tasks it takes, null for all.
-- `takeover` is `never` if no other machine continues its tasks while it is away. A daemon renews `lease_until` with
-- the `epoch` that it registered with. A daemon whose lease is over may not write, and others conclude its attempts.
--
-- cluster: one row. A daemon that knows fewer migrations than `min_version` may not write here. One that knows at least
-- that many may, even if the schema is newer.
--
-- environments: the variables of open tasks, sealed with the key of the cluster, which is not in the database.
--
-- blobs: files of tasks: the task's folder as it was when its last attempt ended, the ends of its logs, its artifacts.
-- `size` is that of the whole file; `data` is the end of that file.
--
-- asks: the questions of one machine to another about files there, with the answer. A row is deleted once its answer is
-- read.

create table event_counter (seq bigint not null, task bigint not null);
insert into event_counter values (0, 0);

-- A transaction that is rolled back uses up no id, as with SQLite.
create function next_task() returns bigint language sql volatile as $$
  update event_counter set task = task + 1 returning task
$$;
alter table tasks alter id drop identity;
alter table tasks alter id set default next_task();

create table machines (
  name text primary key,
  id text not null unique,
  home text not null,
  epoch bigint not null,
  slots bigint not null,
  labels text not null,
  takeover text not null default 'auto',
  accept text,
  version text not null,
  is_draining bigint not null,
  is_stopped bigint not null,
  is_lost bigint not null,
  lease_until timestamptz not null,
  seen_at timestamptz not null,
  joined_at timestamptz not null
);

-- The role that submitted a task. A client cannot choose it.
alter table tasks add column submitted_by text not null default session_user;
create function keep_submitter() returns trigger language plpgsql as $$
begin
  new.submitted_by = case when tg_op = 'INSERT' then session_user::text else old.submitted_by end;
  return new;
end
$$;
create trigger submitted before insert or update of submitted_by on tasks for each row execute function keep_submitter();

create table cluster (
  schema_version bigint not null,
  min_version bigint not null,
  lease_ms bigint not null,
  key_check text not null
);

create table environments (
  name text primary key,
  sealed bytea not null,
  kept_at timestamptz not null
);

create table blobs (
  task_id bigint not null references tasks (id) on delete cascade,
  name text not null,
  data bytea not null,
  size bigint not null,
  kept_at timestamptz not null,
  primary key (task_id, name)
);
-- It is read in pieces, which is slow if it is compressed.
alter table blobs alter data set storage external;

create unlogged table asks (
  id bigint generated always as identity primary key,
  machine text not null,
  question text not null,
  answer text,
  asked_at timestamptz not null
);

-- Whether a machine takes the tasks of a role.
create function accepts(machine text, role text) returns boolean language sql stable as $$
  select not exists (
    select 1 from machines m where m.name = machine and m.accept is not null
      and role not in (select * from json_array_elements_text(m.accept::json)))
$$;

-- Whether a task may run on a machine: each of the wanted texts is the machine's name or one of its labels.
create function fits(wanted text, machine text) returns boolean language sql stable as $$
  select wanted is null or not exists (
    select 1 from json_array_elements_text(wanted::json) as one(word), machines m
    where m.name = machine and word <> m.name
      and not exists (select 1 from pg_catalog.json_each_text(m.labels::json) as l
        where l.key || '=' || l.value = word))
$$;

create function json_each(doc text) returns table (key text, value text) language sql immutable as $$
  select each.key, each.value from pg_catalog.json_each_text(doc::json) as each
$$;

create function json_valid(doc text) returns boolean language plpgsql immutable as $$
begin
  perform doc::json;
  return true;
exception when others then
  return false;
end
$$;

-- Matches a name against a pattern: * is any characters, ? is one, [...] is one of those.
create function glob(pattern text, name text) returns boolean language sql immutable as $$
  select name ~ ('^' || replace(replace(regexp_replace(pattern, '([.\\+(){}|^$])', '\\\1', 'g'), '*', '.*'), '?', '.') || '$')
$$;
