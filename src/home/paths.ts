import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { account, ownUid } from "./account.ts";

/** The places of one home. */
export interface Paths {
  home: string;
  database: string;
  lock: string;
  socket: string;
  log: string;
  config: string;
  logs: string;
  tasks: string;
  backups: string;
  env: string;
  run: string;
}

/** `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const LONGEST_SOCKET_PATH = 103;

/**
 * The places below `AGENTCTL_HOME` (default `~/.agentctl`). Where the home's path is too long for a socket, the
 * socket is in the runtime directory, named by the home.
 */
export function pathsOf(env: Record<string, string | undefined>): Paths {
  const home = resolve(env.AGENTCTL_HOME || join(env.HOME || account().home, ".agentctl"));
  const inHome = join(real(home), "agentctl.sock");
  const socket = fits(inHome) ? inHome : runtimeSocket(real(home), env);
  return {
    home,
    database: join(home, "agentctl.db"),
    lock: join(home, "daemon.lock"),
    socket,
    log: join(home, "daemon.log"),
    config: join(home, "config.json"),
    logs: join(home, "logs"),
    tasks: join(home, "tasks"),
    backups: join(home, "backups"),
    env: join(home, "env"),
    run: join(home, "run"),
  };
}

function fits(socket: string): boolean {
  return Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH;
}

/** A home has one socket, by whatever name it is reached. */
function real(home: string): string {
  try {
    return realpathSync.native(home);
  } catch {
    return home;
  }
}

function runtimeSocket(home: string, env: Record<string, string | undefined>): string {
  // Loaded here, for it takes longer than all the rest of finding the paths.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const name = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const file = `agentctl-${name}.sock`;
  const wanted = env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, file) : "";
  if (wanted !== "" && fits(wanted)) return wanted;
  const own = `agentctl-${ownUid()}`;
  const places = [tmpdir(), "/tmp"].map((folder) => join(folder, own, file));
  return places.find(fits) ?? (places[0] as string);
}
