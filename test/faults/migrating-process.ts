// Opens a store as a daemon of the next version would: with one more migration than the released ones.

import { Backups } from "../../src/daemon/backup.ts";
import { faultAt } from "../../src/daemon/fault.ts";
import { defaultSettings } from "../../src/engine/settings.ts";
import { pathsOf } from "../../src/home/paths.ts";
import { openDatabase } from "../../src/store/sqlite/file/open.ts";
import initial from "../../src/store/sqlite/migrations/0001.sql";

const next = "alter table tasks add column owner text; update tasks set owner = 'someone';";
const paths = pathsOf(process.env);
const fault = faultAt(process.env.AGENTCTL_FAULT);
const silent = { info() {}, warn() {}, error() {}, fatal() {} };
const backups = new Backups({ paths, settings: defaultSettings, log: silent, fault });
const db = openDatabase(paths.database, (from) => backups.beforeMigration(from), fault, [initial, next]);
process.stdout.write(`${db.pragma("user_version", { simple: true })}\n`);
db.close();
