import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { account, ownUid } from "./account.ts";

/** The paths of one home. */
export interface Paths {
  home: string;
  /** The user's own directory, which is never a home of agentctl. */
  userHome: string;
  database: string;
  lock: string;
  /** The socket of the daemon; looked up on each access, because the daemon chooses it if the path is too long. */
  readonly socket: string;
  log: string;
  /** What Node itself prints when a daemon crashes; the next daemon copies it into the log. */
  stderr: string;
  config: string;
  /** The limits that the daemon can give to tasks; exists only if a command started the daemon. */
  ceiling: string;
  /** The identity of this home. */
  machine: string;
  /** The cluster that this home is a machine of, and the key to its variables; they exist only in a cluster. */
  cluster: string;
  clusterKey: string;
  /** The token that every HTTP request must have. */
  httpToken: string;
  /** The addresses that A2A clients registered for notifications; exists only if there are any. */
  a2aPush: string;
  logs: string;
  tasks: string;
  backups: string;
  env: string;
  run: string;
  /** Git worktrees of tasks. */
  worktrees: string;
  /** Tasks on their way from or to another home. */
  bundles: string;
}

/** `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 on macOS, including the final NUL. */
const MAX_SOCKET_PATH_BYTES = 103;

const OTHERS_MAY_WRITE = 0o022;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the paths below `AGENTCTL_HOME` (default `~/.agentctl`). If the home's path is too long for a socket, the
 * socket is in another folder of the user, and `agentctl.sock` in the home is a symlink to it. So clients need only the
 * path of the home.
 */
export function pathsOf(env: Environment): Paths {
  const userHome = resolve(env.HOME || account().home);
  const home = resolve(env.AGENTCTL_HOME || join(userHome, ".agentctl"));
  return {
    home,
    userHome,
    database: join(home, "agentctl.db"),
    lock: join(home, "daemon.lock"),
    get socket() {
      return socketOf(home, env);
    },
    log: join(home, "daemon.log"),
    stderr: join(home, "daemon.log.stderr"),
    config: join(home, "config.json"),
    ceiling: join(home, "daemon.ceiling"),
    machine: join(home, "machine.json"),
    cluster: join(home, "cluster.json"),
    clusterKey: join(home, "cluster.key"),
    httpToken: join(home, "http.token"),
    a2aPush: join(home, "a2a-push.json"),
    logs: join(home, "logs"),
    tasks: join(home, "tasks"),
    backups: join(home, "backups"),
    env: join(home, "env"),
    run: join(home, "run"),
    worktrees: join(home, "worktrees"),
    bundles: join(home, "bundles"),
  };
}

/** Returns whether a path is short enough for a socket. */
export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

/** Returns whether only this user can change the contents of the folder. */
export function isOwnFolder(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === ownUid() && (stat.mode & OTHERS_MAY_WRITE) === 0;
}

function socketOf(home: string, env: Environment): string {
  const inHome = join(realHome(home), "agentctl.sock");
  if (fitsSocket(inHome)) return inHome;
  return recordedSocket(inHome) ?? (socketPlaces(home, env)[0] as string);
}

/** Returns the target of the socket symlink in the home; undefined if there is none or its folder is not the user's. */
export function recordedSocket(link: string): string | undefined {
  try {
    const target = readlinkSync(link);
    return fitsSocket(target) && isOwnFolder(dirname(target)) ? target : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves symlinks: a home has one socket, whichever path it is reached by. */
function realHome(home: string): string {
  try {
    return realpathSync.native(home);
  } catch {
    return home;
  }
}

/** Returns where the socket of a home with a long path may be, the best place first. */
export function socketPlaces(home: string, env: Environment): string[] {
  // Loaded only here, because it takes longer than everything else that finds the paths.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const name = createHash("sha256").update(realHome(home)).digest("hex").slice(0, 16);
  const file = `agentctl-${name}.sock`;
  const folderName = `agentctl-${ownUid()}`;
  const folders = [
    ...(env.XDG_RUNTIME_DIR ? [env.XDG_RUNTIME_DIR] : []),
    ...(env.TMPDIR ? [join(env.TMPDIR, folderName)] : []),
    join("/tmp", folderName),
  ];
  return folders.map((folder) => join(folder, file)).filter(fitsSocket);
}
