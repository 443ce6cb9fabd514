import { userInfo } from "node:os";

/** The user that this process is of. */
export interface Account {
  name: string;
  home: string;
  shell: string;
}

/** The user's number, in what the system enforces. */
export function ownUid(): number {
  return process.geteuid?.() ?? -1;
}

/** By the list of users; a container is often run as a number that is not in it, and has its root for a home then. */
export function account(): Account {
  try {
    const { username, homedir, shell } = userInfo();
    return { name: username, home: homedir, shell: shell || "/bin/sh" };
  } catch {
    return { name: String(ownUid()), home: "/", shell: "/bin/sh" };
  }
}

/** What every task gets, from the daemon's own environment or from the user's entry. */
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
