import { mkdirSync, mkdtempSync, realpathSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { homeRefused } from "../home/own-home.ts";
import { fitsSocket, isOwnFolder, type Paths, recordedSocket, socketPlaces } from "../home/paths.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the path at which a daemon listens. If the home's path is too long, chooses a folder that belongs only to the
 * user, and makes it if it is missing. The home then has a link to the socket. Throws `HomeRefused` if there is no such
 * folder.
 */
export function placeSocket({ home }: Paths, env: Environment): string {
  const inHome = join(realpathSync.native(home), "agentctl.sock");
  if (fitsSocket(inHome)) return inHome;
  const recorded = recordedSocket(inHome);
  if (recorded) return recorded;
  const place = socketPlaces(home, env).find((each) => ensureOwnFolder(dirname(each))) ?? makeNewPlace(home);
  const draft = `${inHome}.${process.pid}`;
  symlinkSync(place, draft);
  renameSync(draft, inHome);
  return place;
}

function ensureOwnFolder(folder: string): boolean {
  try {
    // We do not make its parents: if a runtime directory is missing, its session is over.
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It exists, or cannot be made.
  }
  return isOwnFolder(folder);
}

/** Makes a new folder for the socket, because somebody else has taken the usual names. */
function makeNewPlace(home: string): string {
  try {
    return join(mkdtempSync("/tmp/agentctl-"), "agentctl.sock");
  } catch (error) {
    throw homeRefused(home, `there is no folder for its socket: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
