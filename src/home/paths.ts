import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { account, ownUid } from "./account.ts";

/** The places of one home. */
export interface Paths {
  home: string;
  /** The user's own directory, which is never a home of agentctl. */
  userHome: string;
  database: string;
  lock: string;
  /** Where a daemon of this home listens; looked up each time, because the daemon chooses the place for a long path. */
  readonly socket: string;
  log: string;
  /** What Node itself prints as a daemon crashes; the next one takes it into the log. */
  stderr: string;
  config: string;
  /** What limits the daemon can give to tasks; there only where a command started it. */
  ceiling: string;
  /** Which home this is. */
  machine: string;
  /** Which cluster this home is a machine of, and the key to its variables; there only where it is. */
  cluster: string;
  clusterKey: string;
  /** What a request over HTTP has to bear. */
  httpToken: string;
  /** Where clients of A2A want to be told; there only where some do. */
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

/** `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const LONGEST_SOCKET_PATH = 103;

const OTHERS_MAY_WRITE = 0o022;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The places below `AGENTCTL_HOME` (default `~/.agentctl`). Where the home's path is too long for a socket, the socket is
 * in a folder of the user outside of it, and `agentctl.sock` in the home is a link to it: whoever calls finds it by the
 * home alone.
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

/** Whether a path can be that of a socket. */
export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;
}

/** Whether nobody but this user can put something else into the folder. */
export function isOwnFolder(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === ownUid() && (stat.mode & OTHERS_MAY_WRITE) === 0;
}

function socketOf(home: string, env: Environment): string {
  const inHome = join(real(home), "agentctl.sock");
  if (fitsSocket(inHome)) return inHome;
  return recordedSocket(inHome) ?? (socketPlaces(home, env)[0] as string);
}

/** Where the link in the home says that the socket is; undefined where there is none, or its folder is not the user's. */
export function recordedSocket(link: string): string | undefined {
  try {
    const place = readlinkSync(link);
    return fitsSocket(place) && isOwnFolder(dirname(place)) ? place : undefined;
  } catch {
    return undefined;
  }
}

/** A home has one socket, by whatever name it is reached. */
function real(home: string): string {
  try {
    return realpathSync.native(home);
  } catch {
    return home;
  }
}

/** Where the socket of a home with a long path may be, the best place first. */
export function socketPlaces(home: string, env: Environment): string[] {
  // Loaded here, for it takes longer than all the rest of finding the paths.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const name = createHash("sha256").update(real(home)).digest("hex").slice(0, 16);
  const file = `agentctl-${name}.sock`;
  const own = `agentctl-${ownUid()}`;
  const folders = [
    ...(env.XDG_RUNTIME_DIR ? [env.XDG_RUNTIME_DIR] : []),
    ...(env.TMPDIR ? [join(env.TMPDIR, own)] : []),
    join("/tmp", own),
  ];
  return folders.map((folder) => join(folder, file)).filter(fitsSocket);
}
