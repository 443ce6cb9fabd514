-- tasks: one row for each task, from its submission until its deletion. `state` changes only as the table in
-- core/machine.ts allows, in one transaction with a row in `events`. `attempt` is the number of the newest attempt;
-- every write for an attempt must name it. `intent` is what is being done to the live attempt; a daemon that finds it
-- must finish it. `wake_at` is the next time at which the task needs attention (a delay or a pause ends, a planned
-- pause is due, a question times out). `resumes_with` is set while a suspended task is queued to resume without a user,
-- with a slot or with memory. Structured values are JSON.
--
-- `env_names` are the variables that were given by name, which go along when the task moves to another home. `moving`
-- is set while it moves there. `checkout` is the git worktree of a task that was submitted with `worktree`. `account`
-- is a hash that says whose limits an agent uses up.
--
-- `machine` is the machine of a shared store that has the process, and `on_machine` those that may have it. Both are
-- null if the store is not shared.
--
-- dependencies: for each waiting task, one row for each of its dependencies that has not ended yet. `tasks.after` has
-- all dependencies with their conditions. `tasks.blocked_by` is the first that has not ended.
--
-- attempts: one row for each process lifetime of a task. `token` authorises it. `pid`, `pid_start` and `boot_id` name
-- one process and no later one. `run_key` names the files in which its guard leaves pid and exit status.
--
-- checkpoints: the bytes that a task saved, with their checksum. `position` is the number of steps acknowledged before
-- it. `base` is the checkpoint from which a module that continues from this one counts the names of its steps.
--
-- steps: the journal. One row for each acknowledged call of a module, in order of acknowledgement (`position`).
-- `unused` marks a step that the module did not request again after it had continued from the checkpoint before it.
--
-- kept: the values that a step which has not ended keeps for the attempt that runs it again. `checkpoint` is the newest
-- checkpoint at that time.
--
-- messages: the messages to a task. `position` is the place in the journal at which one was delivered, -1 without a
-- journal. `written` is for a task with a pipe for stdin: how many bytes are in the pipe or about to be. `eof` marks
-- the end of the input. Every attempt reads that again, so it is never delivered.
--
-- stdin: what was piped in at a submission, for every attempt.
--
-- events: one row for each committed change of a task, numbered over all tasks, never edited.
--
-- queues: named queues with their slots, null for no limit. `held_by` is `user` or the selector of the pause that holds
-- the queue. `held_until` is when that pause's hold ends.
--
-- schedules: tasks that are submitted repeatedly. `next_at` is the next planned time, `fire_at` when its run is made.
--
-- hooks: one row for each configured hook, by the hash of its configuration. `after` is the last event checked for it.
--
-- deliveries: the events that are still to be sent to a hook, in order of `seq` for each task. `message` is the same at
-- every try.
--
-- Ids and event numbers are never used again (autoincrement), so a script never reaches the wrong task.

create table tasks (
  id integer primary key autoincrement,
  uuid text not null unique,
  name text,
  kind text not null,
  state text not null,
  held integer not null,
  queue text not null,
  priority integer not null,
  labels text not null,
  argv text,
  module text,
  input text,
  after text not null,
  blocked_by integer,
  cwd text not null,
  env_hash text not null,
  env_names text not null,
  moving text,
  env_file text,
  stdin text,
  key text unique,
  retries integer not null,
  backoff_ms integer not null,
  timeout_ms integer,
  attempt_timeout_ms integer,
  retry_on_timeout integer not null,
  slots integer not null,
  nice integer,
  grace_ms integer,
  pause_mode text not null,
  pause_signal text not null,
  on_lost text,
  on_machine text,
  inherited text not null,
  attempt integer not null,
  edits integer not null,
  failures integer not null,
  losses integer not null,
  not_before integer,
  delay text,
  intent text,
  pause_at text,
  pause text,
  frozen integer not null,
  resumes_with text,
  slot_numbers text,
  journaled integer not null,
  question text,
  agent text,
  prompt text,
  model text,
  permissions text not null,
  max_cost real,
  max_tokens integer,
  max_turns integer,
  idle_timeout_ms integer,
  on_limit text not null,
  session text,
  agent_args text not null,
  interactive integer not null,
  agent_report text,
  session_key text,
  worktree text,
  checkout text,
  account text,
  progress text,
  pid integer,
  machine text,
  created_at integer not null,
  started_at integer,
  updated_at integer not null,
  ended_at integer,
  run_ms integer not null,
  attempt_run_ms integer not null,
  paused_ms integer not null,
  phase_at integer not null,
  exit_code integer,
  signal text,
  result text,
  error text,
  checkpoint text,
  wake_at integer
) strict;

create index tasks_state on tasks (state);
create index tasks_ready on tasks (queue, priority desc, id, slots)
  where held = 0 and blocked_by is null and not_before is null
    and (state in ('submitted', 'resumed') or resumes_with is not null);
create index tasks_working on tasks (queue, slots) where state = 'working';
create index tasks_open on tasks (id) where ended_at is null;
create index tasks_ended on tasks (ended_at) where ended_at is not null;
create index tasks_name on tasks (name) where name is not null;
create index tasks_wake on tasks (wake_at) where wake_at is not null;
create unique index tasks_session on tasks (session_key) where session_key is not null and ended_at is null;
create index tasks_account on tasks (account) where account is not null and ended_at is null;
create index tasks_limited on tasks (account)
  where account is not null and ended_at is null and json_extract(agent_report, '$.limit.resetsAt') is not null;
create index tasks_env on tasks (env_hash) where ended_at is null;

create table dependencies (
  on_id integer not null,
  task_id integer not null references tasks (id) on delete cascade,
  primary key (on_id, task_id)
) strict, without rowid;
create index dependencies_task on dependencies (task_id);

create table attempts (
  task_id integer not null references tasks (id) on delete cascade,
  n integer not null,
  token text not null unique,
  run_key text not null,
  boot_id text not null,
  machine text,
  pid integer,
  pid_start integer,
  said_hello integer not null,
  started_at integer not null,
  ended_at integer,
  outcome text,
  exit_code integer,
  signal text,
  result text,
  primary key (task_id, n)
) strict;

create table checkpoints (
  task_id integer not null references tasks (id) on delete cascade,
  seq integer not null,
  attempt integer not null,
  data blob not null,
  size integer not null,
  sha256 text not null,
  created_at integer not null,
  label text,
  nonce text,
  position integer not null,
  base integer not null,
  superseded integer not null,
  primary key (task_id, seq)
) strict;

create table steps (
  task_id integer not null references tasks (id) on delete cascade,
  position integer not null,
  kind text not null,
  name text not null,
  n integer not null,
  base integer not null,
  call integer not null,
  alone integer not null,
  attempt integer not null,
  started_at integer not null,
  ended_at integer not null,
  size integer not null,
  unused integer not null,
  result text not null,
  primary key (task_id, position)
) strict;
create unique index steps_key on steps (task_id, base, kind, name, n);

create table kept (
  task_id integer not null references tasks (id) on delete cascade,
  base integer not null,
  name text not null,
  n integer not null,
  value text not null,
  checkpoint integer not null,
  primary key (task_id, base, name, n)
) strict;

create table messages (
  id integer primary key autoincrement,
  task_id integer not null references tasks (id) on delete cascade,
  text text not null,
  at integer not null,
  actor text not null,
  position integer,
  written integer not null default 0,
  eof integer not null default 0
) strict;
create index messages_waiting on messages (task_id, id) where position is null;

create table stdin (
  task_id integer primary key references tasks (id) on delete cascade,
  data blob not null
) strict;

create table artifacts (
  task_id integer not null references tasks (id) on delete cascade,
  name text not null,
  size integer not null,
  sha256 text not null,
  created_at integer not null,
  machine text,
  primary key (task_id, name)
) strict;

create table events (
  seq integer primary key autoincrement,
  at integer not null,
  task_id integer not null,
  attempt integer,
  from_state text,
  to_state text,
  cause text not null,
  actor text not null,
  data text
) strict;
create index events_task on events (task_id, seq);

create table queues (
  name text primary key,
  slots integer,
  numbered integer not null default 0,
  preempt integer not null default 0,
  held_by text,
  held_until integer
) strict;

create table schedules (
  name text primary key,
  cron text not null,
  tz text not null,
  overlap text not null,
  missed text not null,
  jitter_ms integer not null,
  paused integer not null,
  env_hash text not null,
  task text not null,
  created_at integer not null,
  next_at integer,
  fire_at integer,
  last_at integer,
  last_task integer,
  last_error text
) strict;
create index schedules_due on schedules (fire_at) where fire_at is not null;

create table hooks (
  key text primary key,
  after integer not null,
  told integer not null,
  given_up integer not null,
  last_at integer,
  last_error text
) strict;

create table deliveries (
  id integer primary key autoincrement,
  hook text not null references hooks (key) on delete cascade,
  seq integer not null,
  task_id integer not null,
  message text not null,
  body text not null,
  tries integer not null,
  first_at integer not null,
  next_at integer not null
) strict;
create unique index deliveries_order on deliveries (hook, task_id, seq);
create index deliveries_next on deliveries (next_at);
create index deliveries_in_order on deliveries (hook, seq);
