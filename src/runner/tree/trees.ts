import { statSync } from "node:fs";
import type { ProcessId, Running, TreeRoots } from "../types.ts";
import type { Processes, ProcessStat, Signs } from "./processes.ts";
import { TreeRecord } from "./record.ts";
import { Tree } from "./tree.ts";

/** How often the new processes of the live attempts are read. */
const POLL_MS = 1000;

interface BeginOptions {
  isAdopted: boolean;
  isFrozen?: boolean | undefined;
}

/**
 * The trees of the attempts that this daemon knows, by key. While an attempt is live, new processes are read once a
 * second. So a process that lives longer than that stays known as a descendant, no matter what it does later.
 */
export class Trees {
  readonly #processes: Processes;
  readonly #runDir: string;
  readonly #trees = new Map<string, Tree>();
  readonly #live = new Map<Tree, Running>();
  #knownPids = new Set<number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(processes: Processes, runDir: string) {
    this.#processes = processes;
    this.#runDir = runDir;
  }

  /** Returns the tree of an attempt. With an empty key, the tree is new and is not kept. */
  treeOf({ key, token }: TreeRoots): Tree {
    if (key === "") return new Tree({ token, output: null }, null);
    return this.#trees.get(key) ?? this.#create(key, { token, output: null }, false);
  }

  /** Watches the tree of an attempt until its program has ended. */
  begin(running: Running, { isAdopted, isFrozen = false }: BeginOptions): void {
    const { key, token } = running;
    const tree = this.#create(key, { token, output: null }, !isAdopted);
    // By then, the guard has created the output pipe.
    running.started.then(
      () => {
        tree.signs.output = outputOf(running.guard);
      },
      () => undefined,
    );
    tree.isAdopted = isAdopted;
    tree.isHeld ||= isFrozen;
    // A program whose guard is gone is still in the session of that guard.
    const program = running.guard ? null : running.program;
    tree.session = running.guard?.pid ?? (program && this.#processes.stat(program.pid)?.session) ?? null;
    this.#live.set(tree, running);
    void running.ended.then(() => {
      tree.releasedAt = this.#processes.now();
      this.#live.delete(tree);
    });
    this.#timer ??= setInterval(() => this.#readNew(), POLL_MS).unref();
  }

  /** Forgets the tree of an attempt and deletes its record. */
  forget(key: string): void {
    const tree = this.#trees.get(key) ?? new Tree({ token: "", output: null }, this.#record(key, false));
    this.#trees.delete(key);
    this.#live.delete(tree);
    tree.forget();
  }

  #create(key: string, signs: Signs, isNew: boolean): Tree {
    const tree = new Tree(signs, this.#record(key, isNew));
    this.#trees.set(key, tree);
    return tree;
  }

  #record(key: string, isNew: boolean): TreeRecord {
    return new TreeRecord(this.#runDir, key, { bootId: this.#processes.bootId, isNew });
  }

  /** Reads the processes that have appeared since the last time, in the order in which they were started. */
  #readNew(): void {
    if (this.#live.size === 0) {
      if (this.#timer) clearInterval(this.#timer);
      this.#timer = null;
      this.#knownPids.clear();
      return;
    }
    const pids = new Set(this.#processes.pids());
    const owners = this.#owners(pids);
    const changed = new Set<Tree>();
    for (const pid of pids) {
      if (this.#knownPids.has(pid) || owners.has(pid)) continue;
      const stat = this.#processes.stat(pid);
      if (!stat || stat.pid === process.pid) continue;
      const tree = owners.get(stat.ppid) ?? owners.get(stat.session);
      if (!tree) continue;
      if (this.#add(tree, stat)) changed.add(tree);
      owners.set(pid, tree);
    }
    this.#knownPids = pids;
    for (const tree of changed) tree.save();
  }

  /** Returns, by pid, the tree of each process that is known to belong to one. */
  #owners(pids: ReadonlySet<number>): Map<number, Tree> {
    const owners = new Map<number, Tree>();
    for (const [tree, { program, guard }] of this.#live) {
      tree.prune((pid) => pids.has(pid));
      if (guard) tree.session = guard.pid;
      if (tree.session !== null) owners.set(tree.session, tree);
      for (const pid of tree.members.keys()) owners.set(pid, tree);
      if (program) owners.set(program.pid, tree);
    }
    return owners;
  }

  /** Adds a process. Returns whether it must be recorded for the next daemon, because it shows no sign of the tree. */
  #add(tree: Tree, stat: ProcessStat): boolean {
    const sign = this.#processes.shows(stat.pid, tree.signs);
    if (sign === "detached") return false;
    tree.add(stat);
    if (sign === "own" || sign === "unclear") return false;
    tree.unmarked.set(stat.pid, stat.startTime);
    return true;
  }
}

/** Returns the pipe into which only the program's tree prints. The guard holds the other end. */
function outputOf(guard: ProcessId | null): Signs["output"] {
  try {
    const stat = guard ? statSync(`/proc/${guard.pid}/fd/6`, { throwIfNoEntry: false }) : undefined;
    return stat?.isFIFO() ? { dev: stat.dev, ino: stat.ino } : null;
  } catch {
    return null;
  }
}
