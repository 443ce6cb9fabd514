import { getPriority } from "node:os";
import { DETACHED_VARIABLE } from "../home/tree-marker.ts";
import { limitScript } from "./limit-script.ts";
import type { LaunchSpec } from "./types.ts";

/**
 * What a shell changes or drops on its way through: names that are none of its own, those that it sets itself, and
 * those that some shells do not let anyone set. `env` sets them.
 */
const NOT_BY_SHELL =
  /^(?![A-Za-z_][A-Za-z0-9_]*$)|^(IFS|OPTIND|PPID|LINENO|UID|EUID|GROUPS|SHELLOPTS|BASH.*)$/;

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The words that become the program. `env` takes every word with = for a variable, also a program's name, which `nice`
 * does not look at.
 */
function wordsOf(argv: string[], odd: string[]): string[] {
  if (odd.length === 0) return argv;
  const byNice = argv[0]?.includes("=") ? ["nice", "-n", "0", "--"] : [];
  return ["/usr/bin/env", "--", ...odd, ...byNice, ...argv];
}

/**
 * What a guard's subshell does to become the program: its stdin, directory, umask, limits, exactly its environment, and
 * its words. For a file of mode 0600, because arguments of a guard can be read by everyone.
 */
export function startScript({ env, argv, cwd, inherited, stdin }: LaunchSpec): string {
  const all = Object.entries(env);
  const odd = all.filter(([name]) => NOT_BY_SHELL.test(name)).map(([name, value]) => `${name}=${value}`);
  const exported = all.filter(([name]) => !NOT_BY_SHELL.test(name));
  const lines = [
    `exec ${openedStdin(stdin)}`,
    `cd ${quoted(cwd)} || exit 126`,
    ...niceScript(inherited.nice),
    ...limitScript(inherited.limits),
    `umask ${inherited.umask.toString(8).padStart(4, "0")}`,
    // A shell has set and exported these by itself, the third one where it is bash; the others are the guard's.
    `unset PWD OLDPWD SHLVL PATH ${DETACHED_VARIABLE}`,
    ...exported.map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...(stdin?.endPath === undefined ? [] : [holdStdin(stdin.endPath)]),
    `set -- ${wordsOf(argv, odd).map(quoted).join(" ")}`,
    // Some shells take a leading dash for an option of exec, others take -- for the program.
    'case $1 in -*) if (exec -- /bin/sh -c :) 2>/dev/null; then set -- -- "$@"; fi ;; esac',
    // exec, so that no builtin of this shell is meant and the program has this pid.
    'exec "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-',
  ];
  return `${lines.join("\n")}\n`;
}

/** A guard may have got here before the daemon comes to set its nice value, so the subshell sets its own. */
function niceScript(nice: number): string[] {
  if (nice === getPriority()) return [];
  return [`PATH=/usr/bin:/bin renice ${nice} -p "$agentctl_line" >/dev/null 2>&1`];
}

/** To open a FIFO both ways waits for nobody. Descriptor 6 is for who holds it open; the program does not get it. */
function openedStdin(stdin: LaunchSpec["stdin"]): string {
  if (!stdin) return "</dev/null";
  const path = quoted(stdin.path);
  return stdin.endPath === undefined ? `<${path}` : `7<>${path} <${path} 6>${path} 7<&-`;
}

/** Holds descriptor 6 open until a line comes; no child of the program, which may wait for those that it has. */
function holdStdin(endPath: string): string {
  const hold = `/bin/sh -c 'read -r line <>"$0"' ${quoted(endPath)}`;
  return `(cd /; ${hold} </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 7>&- 8>&- 9>&- &)`;
}
