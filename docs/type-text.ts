import type * as v from "valibot";

/** What this file reads of a schema; valibot keeps the parts of each kind in fields of its own. */
interface Schema {
  type: string;
  entries?: Record<string, Schema>;
  wrapped?: Schema;
  item?: Schema;
  literal?: unknown;
  value?: Schema;
  options?: readonly unknown[];
  items?: readonly unknown[];
  getter?: (input: unknown) => Schema;
}

const WIDEST = 96;

/** Schemas that are written by a name, and that name. */
export type Names = ReadonlyMap<unknown, string>;

/** A schema in TypeScript's notation, over several lines where one would be too wide. */
export function typeText(schema: v.GenericSchema, names: Names): string {
  return written(schema as unknown as Schema, names, 0);
}

/** What the name of a schema stands for. */
export function definitionText(schema: v.GenericSchema, names: Names): string {
  return unnamed(schema as unknown as Schema, names, 0);
}

function written(schema: Schema, names: Names, column: number): string {
  return names.get(schema) ?? unnamed(schema, names, column);
}

function unnamed(schema: Schema, names: Names, column: number): string {
  const inner = (part: Schema) => written(part, names, column);
  switch (schema.type) {
    case "string":
    case "number":
    case "boolean":
    case "unknown":
      return schema.type;
    case "optional":
      return inner(schema.wrapped as Schema);
    case "nullable":
      return `${inner(schema.wrapped as Schema)} | null`;
    case "array":
      return arrayOf(inner(schema.item as Schema));
    case "tuple":
      return `[${(schema.items as Schema[]).map(inner).join(", ")}]`;
    case "record":
      return `{ [name]: ${inner(schema.value as Schema)} }`;
    case "literal":
      return JSON.stringify(schema.literal);
    case "picklist":
      return (schema.options ?? []).map((option) => JSON.stringify(option)).join(" | ");
    case "union":
      return (schema.options as Schema[]).map(inner).join(" | ");
    case "intersect":
      return (schema.options as Schema[]).map(inner).join(" & ");
    case "lazy":
      return [{}, { select: {} }].map((input) => inner(schema.getter?.(input) as Schema)).join(" | ");
    case "object":
    case "strict_object":
      return objectText(schema.entries ?? {}, names, column);
    default:
      throw new Error(`docs/type-text.ts does not know how to write ${schema.type}`);
  }
}

function arrayOf(item: string): string {
  return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
}

function objectText(entries: Record<string, Schema>, names: Names, column: number): string {
  const fields = (at: number) =>
    Object.entries(entries).map(([key, schema]) => {
      const mark = schema.type === "optional" ? "?" : "";
      return `${key}${mark}: ${written(schema, names, at)}`;
    });
  if (Object.keys(entries).length === 0) return "{}";
  const line = `{ ${fields(column).join(", ")} }`;
  if (column + line.length <= WIDEST && !line.includes("\n")) return line;
  const indent = " ".repeat(column + 2);
  return `{\n${fields(column + 2)
    .map((field) => `${indent}${field},\n`)
    .join("")}${" ".repeat(column)}}`;
}
