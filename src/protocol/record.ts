import * as v from "valibot";

/** Names that valibot silently leaves out of a record. Here a label or a variable may have such a name. */
const DROPPED = ["__proto__", "prototype", "constructor"];

type Names = v.GenericSchema<string, string>;

/**
 * Returns the schema of a record that keeps every given name and refuses an array. Use it only for values by name that
 * are never merged into an object.
 */
export function record<K extends Names, V extends v.GenericSchema>(
  key: K,
  value: V,
): v.RecordSchema<K, V, undefined> {
  const schema = v.record(key, value);
  return {
    ...schema,
    "~run"(dataset, config) {
      const given = dataset.value;
      if (Array.isArray(given)) {
        v._addIssue(schema, "type", dataset, config);
        return dataset as never;
      }
      const result = schema["~run"](dataset, config);
      if (typeof given !== "object" || given === null || !result.value) return result;
      for (const name of DROPPED.filter((one) => Object.hasOwn(given, one))) {
        const at = { type: "object", origin: "value", input: given, key: name } as const;
        const field = { value: Object.getOwnPropertyDescriptor(given, name)?.value };
        const one = value["~run"](field, config);
        for (const issue of one.issues ?? []) {
          const path = [{ ...at, value: field.value }, ...(issue.path ?? [])];
          Object.assign(result, { typed: false, issues: [...(result.issues ?? []), { ...issue, path }] });
        }
        const described = { value: one.value, enumerable: true, writable: true, configurable: true };
        Object.defineProperty(result.value, name, described);
      }
      return result;
    },
  };
}
