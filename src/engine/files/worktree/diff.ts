/** The changes of a worktree since its base: committed, uncommitted and untracked. */
import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Checkout } from "../../../core/checkout.ts";
import type { Ports } from "../../ports.ts";
import { type Git, gitOf, outputOrUndefined } from "./git.ts";

/** A file that differs; the line counts are null for a binary file. */
export interface ChangedFile {
  path: string;
  status: "added" | "modified" | "deleted";
  additions: number | null;
  deletions: number | null;
}

const PLAIN_OPTIONS = ["--no-ext-diff", "--no-textconv"];
const statusNames = { A: "added", D: "deleted" } as const;

/** Returns the files that differ from the base. Rejects with `GitFailed`. */
export async function changedFiles(
  ports: Pick<Ports, "baseEnv">,
  checkout: Checkout,
): Promise<ChangedFile[]> {
  return await withFullIndex(ports, checkout, async (diff) => {
    const counts = (await diff([...PLAIN_OPTIONS, "--numstat", "--no-renames", "-z"]))
      .split("\0")
      .filter(Boolean);
    const states = (await diff([...PLAIN_OPTIONS, "--name-status", "--no-renames", "-z"])).split("\0");
    const statusOf = new Map(
      states.flatMap((field, index) => (index % 2 === 0 ? [[states[index + 1] ?? "", field]] : [])),
    );
    return counts.map((line) => {
      const [added = "", deleted = "", ...path] = line.split("\t");
      const letter = statusOf.get(path.join("\t")) as keyof typeof statusNames;
      const number = (text: string) => (text === "-" ? null : Number(text));
      const status = statusNames[letter] ?? "modified";
      return { path: path.join("\t"), status, additions: number(added), deletions: number(deleted) };
    });
  });
}

export type DiffForm = "patch" | "stat" | "names";
const forms = { patch: [], stat: ["--stat"], names: ["--name-only"] } as const;

/** Returns the diff as git prints it. Rejects with `GitFailed`, also if the output is too large for a response. */
export async function diffText(
  ports: Pick<Ports, "baseEnv">,
  checkout: Checkout,
  { form, color }: { form: DiffForm; color: boolean },
): Promise<string> {
  const options = [...PLAIN_OPTIONS, ...forms[form], `--color=${color ? "always" : "never"}`];
  return await withFullIndex(ports, checkout, (diff) => diff(options));
}

type Diff = (options: readonly string[]) => Promise<string>;

/** Runs `work` with a temporary index that includes untracked files. If the worktree is gone, compares its branch. */
async function withFullIndex<T>(
  ports: Pick<Ports, "baseEnv">,
  { path, base, branch, git: repository }: Checkout,
  work: (diff: Diff) => Promise<T>,
): Promise<T> {
  const git = gitOf(ports);
  if (!existsSync(path))
    return await work((options) => git(repository, ["diff", ...options, base, branch, "--"]));
  const index = join(dirname(path), `index-${randomUUID()}`);
  try {
    const env = { GIT_INDEX_FILE: index };
    copyFileSync(await indexOf(git, path), index);
    // If a file disappears meanwhile, we still show the other changes.
    await outputOrUndefined(git(path, ["add", "--intent-to-add", "--ignore-errors", "--", "."], env));
    return await work((options) => git(path, ["diff", ...options, base, "--"], env));
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

async function indexOf(git: Git, path: string): Promise<string> {
  const index = (await git(path, ["rev-parse", "--git-path", "index"])).trim();
  return isAbsolute(index) ? index : join(path, index);
}
