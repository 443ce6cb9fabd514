/**
 * Every moment at which a test can make the daemon die, as data. `AGENTCTL_FAULT=<point>` kills the daemon there;
 * `<point>@<n>` kills it the nth time that it reaches the point. There is one point before and one after each durable
 * write and each action on a process. A test that tries all of them shows that the daemon can die at any moment.
 */

/** What the store writes in one transaction; each write has the points `:before-commit` and `:after-commit`. */
const writes = {
  create: "tasks are submitted",
  import: "a task of another home arrives",
  start: "a task gets its slot and its attempt",
  suspend: "a task is suspended",
  unresume: "a resume is taken back",
  resume: "a task is queued again",
  ask: "a task waits for its answer",
  answer: "a question is answered",
  retry: "a failed task goes back into the queue",
  sleep: "a task sleeps without a process",
  complete: "a task completes",
  fail: "a task fails",
  refuse: "a task that cannot be started fails",
  cancel: "a task is canceled",
  update: "fields of a task change without a move",
  intend: "what is about to be done to attempts is recorded",
  "note-attempt": "an attempt's process, its hello or its late start is noted",
  result: "what a module returned or threw is kept",
  checkpoint: "a checkpoint is saved",
  step: "a step or a sleep is journaled",
  steps: "steps that a module made durable by itself are taken into the store",
  keep: "what a running step keeps is stored",
  messages: "messages are delivered",
  send: "a message is sent",
  question: "a question is opened",
  artifact: "an artifact is recorded",
  "set-queue": "a queue is made or changed",
  "hold-queue": "a queue is held or released",
  "release-queues": "the queues that a pause held are released",
  "remove-queue": "a queue is removed",
  delete: "an ended task is deleted",
  schedule: "a schedule is made, changed or removed, or a run of it is noted",
  hooks: "the hooks of the configuration are recorded",
  deliveries: "what hooks are to be told is recorded",
  delivered: "a try to tell a hook is recorded",
} as const;

const actions = {
  "environment:before-write": "the environment of a submission is about to be written",
  "environment:after-write": "the environment is on disk, its task is not",
  "environment:before-remove": "an environment that no open task uses is about to be removed",
  "environment:after-remove": "that environment is gone",
  "start:before-launch": "the attempt is durable, nothing of it runs",
  "start:before-spawn": "checkpoint file and folders are there, the process is not",
  "start:after-launch": "the process is being made, its pid is not noted",
  "start:before-assign": "a waiting host has become the attempt's process and does not know it",
  "start:after-assign": "the waiting host is told its task",
  "thaw:before-continue": "a frozen task is working in the store and stopped as a process",
  "thaw:after-continue": "the frozen process runs again",
  "pause:after-request": "the pause is recorded, nothing is done",
  "pause:before-ask": "the program is about to be asked for its checkpoint",
  "pause:after-ask": "the program is asked",
  "pause:before-freeze": "the tree is about to be stopped",
  "pause:after-freeze": "the tree is stopped, the store says working",
  "pause:before-thaw": "a frozen task is to be pressed for its checkpoint and is still stopped",
  "pause:after-thaw": "a frozen task that is pressed for its checkpoint runs again",
  "pause:before-kill": "the grace time is over, the tree active",
  "pause:after-kill": "the tree is killed for the pause",
  "suspended:before-end": "an attempt may be ended at its safe point, and active",
  "suspended:after-end": "an attempt is ended at its safe point, its task has not moved",
  "resume:before-end": "the stopped process of a task that begins elsewhere is about to be ended",
  "resume:after-end": "that process is ended, the task is not queued",
  "cancel:after-request": "the cancel is recorded, nothing is done",
  "cancel:before-end": "the tree is about to be ended",
  "cancel:after-end": "the tree is ended for a cancel or time-out",
  "answer:before-notify": "an answer is durable and the attempt that waits for it is not told",
  "answer:after-notify": "the attempt is told its answer",
  "finish:before-sweep": "a process has ended, what it left is not",
  "finish:before-commit": "nothing of the tree is left, the task has not moved",
  "finish:before-forget": "the end is durable, the run files are there",
  "finish:after-forget": "the run files are gone",
  "artifact:before-rename": "an artifact is recorded, its copy is complete under another name",
  "artifact:after-rename": "a recorded artifact is in its place",
  "delete:before-files": "a task is deleted, its files are there",
  "delete:after-files": "the files of a deleted task are gone",
  "recover:before-adopt": "an attempt is about to be looked for",
  "recover:before-thaw": "an attempt is adopted and perhaps stopped",
  "recover:after-thaw": "an adopted attempt runs",
  "recover:before-end": "an adopted attempt is about to be ended where it had left",
  "recover:after-end": "an adopted attempt was ended where it had left",
  "recover:before-start": "an attempt that was durable and never started is about to be",
  "recover:before-finish": "the end of an attempt that ended meanwhile is about to be read",
  "recover:before-clean": "all attempts are found, what is left of others is there",
  "recover:after-clean": "run files and environments without a task are gone",
  "move:before-hold": "a task is about to be marked as on its way to another home",
  "move:after-hold": "it is on its way, and was not sent",
  "move:before-tombstone": "it is in the other home, and about to end here",
  "move:after-tombstone": "it has ended here, and does not go on there yet",
  "import:before-files": "a task of another home is in the store, its files are not in their place",
  "import:after-files": "its files are in their place",
  "import:before-release": "a task that was moved here is about to go on",
  "import:after-release": "a task that was moved here may go on",
  "stop:before-pause": "a stop is asked for, nothing is paused",
  "stop:after-pause": "all is paused for a stop, the daemon has not ended",
  "backup:before": "a backup is about to be made",
  "backup:after": "a backup is made, older ones are there",
  "backup:after-rotation": "backups beyond the kept number are gone",
  "migrate:before-backup": "an older store is found, no backup is made",
  "migrate:after-backup": "the backup is made, the store is the older one",
  "migrate:before-commit": "a migration has run and is not committed",
  "migrate:after-commit": "a migration is committed",
} as const;

/** The name of a write to the store. */
export type WriteName = keyof typeof writes;

/** The name of a moment at which a test can make the daemon die. */
export type FaultPoint = `${WriteName}:${"before" | "after"}-commit` | keyof typeof actions;

/** A function that the daemon calls at each of these moments. */
export type Fault = (point: FaultPoint) => void;

/** Every point, with a description of what is true at that moment. */
export const faultPoints: ReadonlyMap<string, string> = new Map([
  ...Object.entries(writes).flatMap(([name, description]): [string, string][] => [
    [`${name}:before-commit`, `${description}: written, not committed`],
    [`${name}:after-commit`, `${description}: committed, nobody told`],
  ]),
  ...Object.entries(actions),
]);
