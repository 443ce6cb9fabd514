-- What the tables of SQLite's migration lack: the numbers of events, the machines that share the store, what they keep for
-- each other, and functions that SQLite has and PostgreSQL lacks. The rest is made from SQLite's own migration.
--
-- event_counter: one row. Whoever writes locks it first, so that writers come one after the other, as with SQLite, and
-- the numbers of events have neither gaps nor an order other than that of their commits.
--
-- tasks: `submitted_by` is the role that submitted one.
--
-- machines: one row for each home that shares the store. `accept` are the roles whose tasks it takes, null for all;
-- `takeover` is `never` where nobody goes on with its tasks when it is away. A daemon renews `lease_until` with the `epoch` that it
-- registered with; one whose lease is over may not write, and its attempts are concluded by others.
--
-- cluster: one row. Whoever knows fewer migrations than `min_version` may not write here; whoever knows as many may, also
-- where the schema is newer.
--
-- environments: variables of open tasks, sealed with the key of the cluster, which is not in the database.
--
-- blobs: files of tasks: a task's folder as it was when its last attempt ended, the ends of its logs, its artifacts.
-- `size` is that of the whole file, of which `data` is the end.
--
-- asks: what one machine asks of another of the files that are there, with the answer; gone as soon as that is read.

create table event_counter (seq bigint not null, task bigint not null);
insert into event_counter values (0, 0);

-- What is rolled back takes no id, as with SQLite.
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

-- Whose tasks these are: whoever submits one does not choose.
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
-- Read in pieces, which is slow where it is compressed.
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

-- Whether a machine is one of those that a task may run on: each of the texts is its name, or one of its labels.
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

-- The patterns of names: * for any characters, ? for one, [...] for one of these.
create function glob(pattern text, name text) returns boolean language sql immutable as $$
  select name ~ ('^' || replace(replace(regexp_replace(pattern, '([.\\+(){}|^$])', '\\\1', 'g'), '*', '.*'), '?', '.') || '$')
$$;
