/** The part of an environment that Node, V8, libc or the loader read once, at the start of a process. */

const READ_AT_START =
  /^(NODE_(?!AUTH_TOKEN$).*|LD_.*|DYLD_.*|MALLOC_.*|GLIBC_.*|UV_.*|ICU_.*|OPENSSL_.*|SSL_.*|TSX_.*|ESBUILD_.*|TZ|LANG|LANGUAGE|LC_.*)$/;

/**
 * What a process may bear that waits for its task: it does nothing by itself. With others, such as `NODE_OPTIONS` or
 * `LD_PRELOAD`, it could listen for a debugger, write files or fail, in the wrong place and for nobody.
 */
const BORNE_IN_WAITING =
  /^(NODE_(ENV|EXTRA_CA_CERTS|ICU_DATA|NO_WARNINGS|PATH|TLS_REJECT_UNAUTHORIZED)|LD_LIBRARY_PATH|MALLOC_.*|GLIBC_.*|UV_.*|ICU_.*|OPENSSL_CONF|SSL_CERT_(DIR|FILE)|TZ|LANG|LANGUAGE|LC_.*)$/;

import type { Inherited } from "../../core/inherited.ts";

type Variables = Record<string, string>;

/** These variables of an environment. A process serves a task where both have the same. */
export function readAtStart(env: Variables): Variables {
  return chosen(env, (name) => READ_AT_START.test(name));
}

/** An environment without them. */
export function readLater(env: Variables): Variables {
  return chosen(env, (name) => !READ_AT_START.test(name));
}

/** Whether a process with these variables may be started before there is a task for it. */
export function mayWait(variables: Variables): boolean {
  return Object.keys(variables).every((name) => BORNE_IN_WAITING.test(name));
}

/** The same text for what is the same. */
export function kindOf(variables: Variables, { umask, nice, limits }: Inherited): string {
  return JSON.stringify([sorted(variables), umask, nice, sorted(limits)]);
}

const sorted = (record: object) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

function chosen(env: Variables, isMeant: (name: string) => boolean): Variables {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isMeant(name)));
}
