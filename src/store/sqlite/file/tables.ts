import { type Database, openFile } from "./driver.ts";

/**
 * Describes how the tables of `db` differ from those that the first `version` migrations make. A build that was never
 * released may use the same number for another schema. Null if all columns are the same; extra tables do no harm.
 */
export function foreignTables(db: Database, version: number, migrations: readonly string[]): string | null {
  const expected = columnsAfter(migrations.slice(0, version));
  const actual = columnsOf(db);
  for (const [table, expectedColumns] of expected) {
    const actualColumns = actual.get(table);
    if (actualColumns === undefined) return `it has no table ${table}`;
    const missing = [...expectedColumns].find((column) => !actualColumns.has(column));
    if (missing) return `its table ${table} has no column "${missing}"`;
    const extra = [...actualColumns].find((column) => !expectedColumns.has(column));
    if (extra) return `its table ${table} has a column "${extra}"`;
  }
  return null;
}

type Columns = Map<string, Set<string>>;

function columnsAfter(migrations: readonly string[]): Columns {
  const db = openFile(":memory:");
  try {
    for (const sql of migrations) db.exec(sql);
    return columnsOf(db);
  } finally {
    db.close();
  }
}

/** Returns the columns of each table, each as `name type`, followed by `not null` if it has that. */
function columnsOf(db: Database): Columns {
  const rows = db
    .prepare(
      `select t.name as "table", lower(c.name || ' ' || c.type) || iif(c."notnull", ' not null', '') as "column"
      from sqlite_schema t join pragma_table_xinfo(t.name) c where t.type = 'table'`,
    )
    .all() as { table: string; column: string }[];
  const tables: Columns = new Map();
  for (const { table, column } of rows) {
    const existing = tables.get(table);
    if (existing) existing.add(column);
    else tables.set(table, new Set([column]));
  }
  return tables;
}
