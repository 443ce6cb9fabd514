/**
 * better-sqlite3 in the version that this Node can run. 13 needs Node-API 10, which Node has since 22.14 and 20 never got:
 * there its first call is a segmentation fault. 12 is compiled against headers of Node itself, and with those of 24.19
 * and later every object that is collected while no JavaScript runs aborts the process (nodejs/node#65446).
 */
import { createRequire } from "node:module";
import type Driver from "better-sqlite3";
import { AgentctlError } from "../../../core/errors.ts";

/** An open database file. */
export type Database = Driver.Database;
export type Statement = Driver.Statement;

/** The package that is used, as `require` takes it. */
export const driverName = Number(process.versions.napi) >= 10 ? "better-sqlite3" : "better-sqlite3-12";

const load = createRequire(import.meta.filename);

/** Opens a database file, which is made unless `options` forbid it. Throws as better-sqlite3 does, and where it is not there. */
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
