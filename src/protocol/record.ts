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
      const raw = dataset.value;
      if (Array.isArray(raw)) {
        v._addIssue(schema, "type", dataset, config);
        return dataset as never;
      }
      const result = schema["~run"](dataset, config);
      if (typeof raw !== "object" || raw === null || !result.value) return result;
      for (const name of DROPPED.filter((name) => Object.hasOwn(raw, name))) {
        const pathItem = { type: "object", origin: "value", input: raw, key: name } as const;
        const field = { value: Object.getOwnPropertyDescriptor(raw, name)?.value };
        const parsed = value["~run"](field, config);
        for (const issue of parsed.issues ?? []) {
          const path = [{ ...pathItem, value: field.value }, ...(issue.path ?? [])];
          Object.assign(result, { typed: false, issues: [...(result.issues ?? []), { ...issue, path }] });
        }
        const descriptor = { value: parsed.value, enumerable: true, writable: true, configurable: true };
        Object.defineProperty(result.value, name, descriptor);
      }
      return result;
    },
  };
}
