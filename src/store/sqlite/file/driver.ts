/**
 * Loads the version of better-sqlite3 that this Node can run. Version 13 needs Node-API 10, which Node has since 22.14.
 * Node 20 never got it: there, the first call is a segmentation fault. Version 12 is compiled against Node's own
 * headers. With the headers of 24.19 and later, each object that is collected while no JavaScript runs aborts the
 * process (nodejs/node#65446).
 */
import { createRequire } from "node:module";
import type Driver from "better-sqlite3";
import { AgentctlError } from "../../../core/errors.ts";

/** An open database file. */
export type Database = Driver.Database;
export type Statement = Driver.Statement;

/** The name of the package in use, as `require` takes it. */
export const driverName = Number(process.versions.napi) >= 10 ? "better-sqlite3" : "better-sqlite3-12";

const load = createRequire(import.meta.filename);

/** Opens a database file, or creates one unless `options` forbid it. Throws if better-sqlite3 throws or is missing. */
export function openFile(file: string, options?: Driver.Options): Database {
  return new (driver())(file, options);
}

function driver(): typeof Driver {
  try {
    return load(driverName) as typeof Driver;
  } catch (error) {
    const [cause] = (error as Error).message.split("\n");
    throw new AgentctlError(
      "StoreUnavailable",
      {
        reason: `${driverName} is not installed, or was not compiled for Node ${process.version} (${cause})`,
        hint: "delete node_modules and install agentctl again with this Node, a C++ compiler and Python, and without --omit=optional",
      },
      { cause: error },
    );
  }
}
