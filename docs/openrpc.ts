import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { errorRows } from "../src/core/errors.ts";
import { methods } from "../src/protocol/methods.ts";

type Schema = ReturnType<typeof toJsonSchema>;

/** What belongs to the socket and is refused over HTTP. */
const SOCKET_ONLY = ["tasks/subscribe", "daemon/stop", "daemon/ui", "daemon/hello"];

/** The methods of `POST /rpc` as an OpenRPC document; `objects` are the schemas that bear a name in it. */
export function openrpc(version: string, objects: Record<string, v.GenericSchema>): string {
  const config = {
    errorMode: "ignore",
    definitions: objects,
    overrideRef: ({ referenceId }: { referenceId: string }) => `#/components/schemas/${referenceId}`,
  } as const;
  const schemaOf = (schema: v.GenericSchema, typeMode: "input" | "output"): Schema => {
    const { $schema: _, $defs: __, ...rest } = toJsonSchema(schema, { ...config, typeMode });
    return rest;
  };
  const listed = Object.entries(methods).filter(
    ([name, { scope }]) => scope === "people" && !SOCKET_ONLY.includes(name),
  );
  const document = {
    openrpc: "1.3.2",
    info: {
      title: "agentctl",
      version,
      description: "The methods of POST /rpc, which are those of the socket. Params are given by name.",
    },
    methods: listed.map(([name, { about, params, result }]) => ({
      name,
      description: about,
      paramStructure: "by-name",
      params: paramsOf(schemasOf(params as v.GenericSchema).map((each) => schemaOf(each, "input"))),
      result: { name: "result", schema: schemaOf(result as v.GenericSchema, "output") },
      errors: [{ $ref: "#/components/errors/AnyError" }],
    })),
    components: {
      schemas: toJsonSchemaDefs(objects, { ...config, typeMode: "input" }),
      errors: {
        AnyError: {
          code: -32603,
          message: `One of ${errorRows.map((row) => `${row.name} (${row.code})`).join(", ")}.`,
        },
      },
    },
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

/** What is chosen by what is given stands here with all that may be given. */
function schemasOf(params: v.GenericSchema): v.GenericSchema[] {
  const { type, getter } = params as { type: string; getter?: (input: unknown) => v.GenericSchema };
  return type === "lazy" && getter ? [getter({}), getter({ select: {} })] : [params];
}

/** The fields of one object or of several; a field that not all of them require is optional. */
function paramsOf(schemas: Schema[]): object[] {
  const fields = new Map<string, Schema | boolean>();
  for (const { properties = {} } of schemas)
    for (const [name, schema] of Object.entries(properties)) fields.set(name, schema as Schema);
  const isRequired = (name: string) => schemas.every(({ required = [] }) => required.includes(name));
  const rows = [...fields].map(([name, schema]) => ({ name, required: isRequired(name), schema }));
  return rows.sort((a, b) => Number(b.required) - Number(a.required));
}
