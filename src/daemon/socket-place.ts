import { mkdirSync, mkdtempSync, realpathSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { homeRefused } from "../home/own-home.ts";
import { fitsSocket, isOwnFolder, type Paths, recordedSocket, socketPlaces } from "../home/paths.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The path at which a daemon listens. For a home with a long path this chooses a folder that is the user's alone, makes
 * it where it is missing, and leaves a link to the socket in the home. Throws `HomeRefused` where there is no such folder.
 */
export function placeSocket({ home }: Paths, env: Environment): string {
  const inHome = join(realpathSync.native(home), "agentctl.sock");
  if (fitsSocket(inHome)) return inHome;
  const recorded = recordedSocket(inHome);
  if (recorded) return recorded;
  const place = socketPlaces(home, env).find((each) => isOrBecomesOwn(dirname(each))) ?? newPlace(home);
  const draft = `${inHome}.${process.pid}`;
  symlinkSync(place, draft);
  renameSync(draft, inHome);
  return place;
}

function isOrBecomesOwn(folder: string): boolean {
  try {
    // Not what is above it: a runtime directory that is missing is one of a session that is over.
    mkdirSync(folder, { mode: 0o700 });
  } catch {
    // It is there, or cannot be made.
  }
  return isOwnFolder(folder);
}

/** Somebody else has taken the usual names. */
function newPlace(home: string): string {
  try {
    return join(mkdtempSync("/tmp/agentctl-"), "agentctl.sock");
  } catch (error) {
    throw homeRefused(home, `there is no folder for its socket: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
