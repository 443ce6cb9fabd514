import { userInfo } from "node:os";

/** The user that this process runs as. */
export interface Account {
  name: string;
  home: string;
  shell: string;
}

/** Returns the effective user id, which the system checks permissions against. */
export function ownUid(): number {
  return process.geteuid?.() ?? -1;
}

/** Returns the user's entry in the user database. A container user often has none: its home is `/` then. */
export function account(): Account {
  try {
    const { username, homedir, shell } = userInfo();
    return { name: username, home: homedir, shell: shell || "/bin/sh" };
  } catch {
    return { name: String(ownUid()), home: "/", shell: "/bin/sh" };
  }
}

/** Returns the variables that every task gets, from the daemon's own environment or else from the user's entry. */
export function baseEnvironment(env: Record<string, string | undefined>): Record<string, string> {
  const user = account();
  return {
    PATH: env.PATH || "/usr/local/bin:/usr/bin:/bin",
    HOME: env.HOME || user.home,
    USER: env.USER || user.name,
    SHELL: env.SHELL || user.shell,
    LANG: env.LANG || "C.UTF-8",
  };
}
