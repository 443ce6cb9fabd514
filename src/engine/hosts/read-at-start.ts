/** The variables of an environment that Node, V8, libc or the loader read once, at the start of a process. */

const READ_AT_START =
  /^(NODE_(?!AUTH_TOKEN$).*|LD_.*|DYLD_.*|MALLOC_.*|GLIBC_.*|UV_.*|ICU_.*|OPENSSL_.*|SSL_.*|TSX_.*|ESBUILD_.*|TZ|LANG|LANGUAGE|LC_.*)$/;

/**
 * The variables that a process may have while it waits for its task: they have no effect of their own. With others,
 * such as `NODE_OPTIONS` or `LD_PRELOAD`, it could listen for a debugger, write files or fail before it has a task.
 */
const ALLOWED_WHILE_WAITING =
  /^(NODE_(ENV|EXTRA_CA_CERTS|ICU_DATA|NO_WARNINGS|PATH|TLS_REJECT_UNAUTHORIZED)|LD_LIBRARY_PATH|MALLOC_.*|GLIBC_.*|UV_.*|ICU_.*|OPENSSL_CONF|SSL_CERT_(DIR|FILE)|TZ|LANG|LANGUAGE|LC_.*)$/;

import type { Inherited } from "../../core/inherited.ts";

type Variables = Record<string, string>;

/** Returns the variables that are read at the start. A process can serve a task only if both have the same ones. */
export function readAtStart(env: Variables): Variables {
  return pick(env, (name) => READ_AT_START.test(name));
}

/** Returns an environment without the variables that are read at the start. */
export function readLater(env: Variables): Variables {
  return pick(env, (name) => !READ_AT_START.test(name));
}

/** Whether a process with these variables may be started before there is a task for it. */
export function canWait(variables: Variables): boolean {
  return Object.keys(variables).every((name) => ALLOWED_WHILE_WAITING.test(name));
}

/** Returns a text that is equal for equal variables, umask, nice value and limits. */
export function kindOf(variables: Variables, { umask, nice, limits }: Inherited): string {
  return JSON.stringify([sorted(variables), umask, nice, sorted(limits)]);
}

const sorted = (record: object) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

function pick(env: Variables, isPicked: (name: string) => boolean): Variables {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isPicked(name)));
}
