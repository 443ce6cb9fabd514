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
