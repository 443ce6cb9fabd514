import { getPriority } from "node:os";
import { DETACHED_VARIABLE } from "../home/tree-marker.ts";
import { limitScript } from "./limit-script.ts";
import type { LaunchSpec } from "./types.ts";

/**
 * The variables that a shell would change or drop: those whose names it does not allow, those that it sets itself, and
 * those that some shells let nobody set. `env` sets them instead.
 */
const UNEXPORTABLE =
  /^(?![A-Za-z_][A-Za-z0-9_]*$)|^(IFS|OPTIND|PPID|LINENO|UID|EUID|GROUPS|SHELLOPTS|BASH.*)$/;

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Returns the words that become the program. `env` takes every word with `=` for a variable, even the program's name.
 * `nice` does not, so it comes before such a name.
 */
function commandWords(argv: string[], envArgs: string[]): string[] {
  if (envArgs.length === 0) return argv;
  const nicePrefix = argv[0]?.includes("=") ? ["nice", "-n", "0", "--"] : [];
  return ["/usr/bin/env", "--", ...envArgs, ...nicePrefix, ...argv];
}

/**
 * Returns the script by which a guard's subshell becomes the program. It sets stdin, directory, umask, limits, exactly
 * this environment, and the words. It is for a file of mode 0600, because everyone can read the arguments of a guard.
 */
export function startScript({ env, argv, cwd, inherited, stdin }: LaunchSpec): string {
  const variables = Object.entries(env);
  const envArgs = variables
    .filter(([name]) => UNEXPORTABLE.test(name))
    .map(([name, value]) => `${name}=${value}`);
  const exported = variables.filter(([name]) => !UNEXPORTABLE.test(name));
  const lines = [
    `exec ${stdinRedirection(stdin)}`,
    `cd ${quote(cwd)} || exit 126`,
    ...niceScript(inherited.nice),
    ...limitScript(inherited.limits),
    `umask ${inherited.umask.toString(8).padStart(4, "0")}`,
    // The shell itself has set and exported the first two and, if it is bash, the third. The others are the guard's.
    `unset PWD OLDPWD SHLVL PATH ${DETACHED_VARIABLE}`,
    ...exported.map(([name, value]) => `export ${name}=${quote(value)}`),
    ...(stdin?.endPath === undefined ? [] : [holdStdin(stdin.endPath)]),
    `set -- ${commandWords(argv, envArgs).map(quote).join(" ")}`,
    // Some shells take a leading dash for an option of exec, others take -- for the name of the program.
    'case $1 in -*) if (exec -- /bin/sh -c :) 2>/dev/null; then set -- -- "$@"; fi ;; esac',
    // exec, so that the shell calls no builtin and the program gets this pid.
    'exec "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-',
  ];
  return `${lines.join("\n")}\n`;
}

/** Sets the subshell's own nice value, because the daemon may not have set that of the guard yet. */
function niceScript(nice: number): string[] {
  if (nice === getPriority()) return [];
  return [`PATH=/usr/bin:/bin renice ${nice} -p "$agentctl_line" >/dev/null 2>&1`];
}

/** Opens stdin. To open a FIFO both ways never blocks. Descriptor 6 is for its holder; the program does not get it. */
function stdinRedirection(stdin: LaunchSpec["stdin"]): string {
  if (!stdin) return "</dev/null";
  const path = quote(stdin.path);
  return stdin.endPath === undefined ? `<${path}` : `7<>${path} <${path} 6>${path} 7<&-`;
}

/** Keeps descriptor 6 open until a line comes. It is not a child of the program, which may wait for its children. */
function holdStdin(endPath: string): string {
  const hold = `/bin/sh -c 'read -r line <>"$0"' ${quote(endPath)}`;
  return `(cd /; ${hold} </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 7>&- 8>&- 9>&- &)`;
}
