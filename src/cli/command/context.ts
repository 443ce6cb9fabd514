import type { Environment } from "../../client/environment.ts";
import type { Clock } from "../../core/time.ts";
import type { Paths } from "../../home/paths.ts";
import type { Output } from "../text/output.ts";
import type { Table } from "./define.ts";

/** What a command knows of the process that it runs in; nothing else of it is global. */
export interface Context {
  env: Environment;
  /** The directory of the caller. */
  cwd: string;
  stdin: () => NodeJS.ReadStream;
  paths: Paths;
  clock: Clock;
  /** Every command there is, for those who speak of all of them. */
  table: Table;
  out: Output;
}
