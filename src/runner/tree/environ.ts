import { DETACHED_VARIABLE, TOKEN_VARIABLE, TREE_VARIABLE, treeMarker } from "../../home/tree-marker.ts";
import type { Shown } from "./processes.ts";

/** Whether `environ`, a list of entries separated by NULs, has this entry. */
export function holdsEntry(environ: Buffer, entry: Buffer): boolean {
  for (let at = environ.indexOf(entry); at >= 0; at = environ.indexOf(entry, at + 1)) {
    const end = at + entry.length;
    if ((at === 0 || environ[at - 1] === 0) && (end === environ.length || environ[end] === 0)) return true;
  }
  return false;
}

interface Entries {
  token: Buffer;
  tree: Buffer;
  detached: Buffer;
}

const anyToken = Buffer.from(`${TOKEN_VARIABLE}=`);
const anyTree = Buffer.from(`${TREE_VARIABLE}=`);

const MOST_KEPT = 256;

/** Creates a function that returns what an environment shows about the attempt with a token. */
export function createEnvironReader(): (environ: Buffer, token: string) => Shown {
  const known = new Map<string, Entries>();

  const entriesOf = (token: string): Entries => {
    let entries = known.get(token);
    if (!entries) {
      if (known.size >= MOST_KEPT) known.clear();
      const marker = treeMarker(token);
      entries = {
        token: Buffer.from(`${TOKEN_VARIABLE}=${token}`),
        tree: Buffer.from(`${TREE_VARIABLE}=${marker}`),
        detached: Buffer.from(`${DETACHED_VARIABLE}=${marker}`),
      };
      known.set(token, entries);
    }
    return entries;
  };

  return (environ, token) => {
    const entries = entriesOf(token);
    if (holdsEntry(environ, entries.detached)) return "detached";
    if (holdsEntry(environ, entries.tree) || holdsEntry(environ, entries.token)) return "own";
    return environ.indexOf(anyTree) >= 0 || environ.indexOf(anyToken) >= 0 ? "other" : "nothing";
  };
}
