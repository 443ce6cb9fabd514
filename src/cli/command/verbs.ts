import type { Command, Group } from "./define.ts";

type Load = () => Promise<Command | Group>;

/** All verbs, in the order and under the titles of the overview. A command is loaded when it is called. */
export const sections: readonly { title: string; verbs: Readonly<Record<string, Load>> }[] = [
  {
    title: "Submit",
    verbs: {
      run: async () => (await import("../commands/submit/run.ts")).run,
      batch: async () => (await import("../commands/submit/batch.ts")).batch,
      edit: async () => (await import("../commands/submit/edit.ts")).edit,
      rerun: async () => (await import("../commands/submit/rerun.ts")).rerun,
    },
  },
  {
    title: "Look",
    verbs: {
      list: async () => (await import("../commands/view/list.ts")).list,
      show: async () => (await import("../commands/view/show.ts")).show,
      logs: async () => (await import("../commands/view/logs.ts")).logs,
      watch: async () => (await import("../commands/view/watch.ts")).watch,
      wait: async () => (await import("../commands/view/wait.ts")).wait,
      events: async () => (await import("../commands/view/events.ts")).events,
      mcp: async () => (await import("../commands/view/mcp.ts")).mcp,
      ui: async () => (await import("../commands/view/ui.ts")).ui,
    },
  },
  {
    title: "Steer",
    verbs: {
      pause: async () => (await import("../commands/control/pause.ts")).pause,
      resume: async () => (await import("../commands/control/resume.ts")).resume,
      cancel: async () => (await import("../commands/control/cancel.ts")).cancel,
      hold: async () => (await import("../commands/control/hold.ts")).hold,
      release: async () => (await import("../commands/control/release.ts")).release,
      answer: async () => (await import("../commands/control/answer.ts")).answer,
      send: async () => (await import("../commands/control/send.ts")).send,
      detach: async () => (await import("../commands/control/detach.ts")).detach,
    },
  },
  {
    title: "Coding agents",
    verbs: {
      agent: async () => (await import("../commands/agents/agent.ts")).agent,
      diff: async () => (await import("../commands/agents/diff.ts")).diff,
      worktree: async () => (await import("../commands/agents/worktree.ts")).worktree,
      usage: async () => (await import("../commands/agents/usage.ts")).usage,
    },
  },
  {
    title: "Keep and tidy",
    verbs: {
      checkpoint: async () => (await import("../commands/manage/checkpoint.ts")).checkpoint,
      artifact: async () => (await import("../commands/manage/artifact.ts")).artifact,
      queue: async () => (await import("../commands/manage/queue.ts")).queue,
      schedule: async () => (await import("../commands/manage/schedule.ts")).schedule,
      hook: async () => (await import("../commands/manage/hook.ts")).hook,
      delete: async () => (await import("../commands/manage/delete.ts")).remove,
      daemon: async () => (await import("../commands/manage/daemon.ts")).daemon,
      doctor: async () => (await import("../commands/manage/doctor.ts")).doctor,
      task: async () => (await import("../commands/travel/task.ts")).task,
      move: async () => (await import("../commands/travel/move.ts")).move,
      cluster: async () => (await import("../commands/manage/cluster.ts")).cluster,
      machine: async () => (await import("../commands/manage/machine.ts")).machine,
      context: async () => (await import("../commands/manage/context.ts")).context,
      config: async () => (await import("../commands/manage/config.ts")).config,
      completion: async () => (await import("../commands/manage/completion.ts")).completion,
    },
  },
];

/** Aliases of verbs. */
export const aliases: Readonly<Record<string, string>> = {
  ls: "list",
  status: "show",
  kill: "cancel",
  rm: "delete",
};

/** Aliases of the commands of all groups. A group's own command of that name goes first. */
const groupAliases: Readonly<Record<string, readonly string[]>> = {
  list: ["ls"],
  remove: ["rm", "delete"],
};

/** Aliases of one command of a group. */
const commandAliases: Readonly<Record<string, readonly string[]>> = {
  "queue set": ["add"],
  "context add": ["set"],
  "machine forget": ["remove", "rm", "delete"],
};

const table: Readonly<Record<string, Load>> = Object.assign({}, ...sections.map(({ verbs }) => verbs));

/** The names of all verbs, without their aliases. */
export const verbNames: readonly string[] = Object.keys(table);

/** Returns the command or group for a word; undefined if there is none. */
export async function verb(word: string): Promise<Command | Group | undefined> {
  const name = Object.hasOwn(aliases, word) ? aliases[word] : word;
  return name !== undefined && Object.hasOwn(table, name) ? table[name]?.() : undefined;
}

/** Returns the aliases of a verb, or of a command of a group such as `queue list`. */
export function aliasesOf(name: string): string[] {
  const [, command] = name.split(" ");
  if (command !== undefined) return [...(groupAliases[command] ?? []), ...(commandAliases[name] ?? [])];
  return Object.keys(aliases).filter((alias) => aliases[alias] === name);
}
