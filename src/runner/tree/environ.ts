import { DETACHED_VARIABLE, TOKEN_VARIABLE, TREE_VARIABLE, treeMarker } from "../../home/tree-marker.ts";
import type { ShownSign } from "./processes.ts";

/** Whether `environ`, a list of entries separated by NULs, has this entry. */
export function holdsEntry(environ: Buffer, entry: Buffer): boolean {
  for (let index = environ.indexOf(entry); index >= 0; index = environ.indexOf(entry, index + 1)) {
    const end = index + entry.length;
    if ((index === 0 || environ[index - 1] === 0) && (end === environ.length || environ[end] === 0))
      return true;
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

const MAX_CACHED = 256;

/** Creates a function that returns what an environment shows about the attempt with a token. */
export function createEnvironReader(): (environ: Buffer, token: string) => ShownSign {
  const cache = new Map<string, Entries>();

  const entriesOf = (token: string): Entries => {
    let entries = cache.get(token);
    if (!entries) {
      if (cache.size >= MAX_CACHED) cache.clear();
      const marker = treeMarker(token);
      entries = {
        token: Buffer.from(`${TOKEN_VARIABLE}=${token}`),
        tree: Buffer.from(`${TREE_VARIABLE}=${marker}`),
        detached: Buffer.from(`${DETACHED_VARIABLE}=${marker}`),
      };
      cache.set(token, entries);
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
