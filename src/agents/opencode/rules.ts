import { asObject } from "../adapter/json.ts";

/**
 * What opencode's own rules say of a call: `permission` of its configuration, one word for all, or one for each tool, or
 * for each pattern of its commands, of which the last that fits counts. Without a rule it allows.
 */
export function ruleFor(permission: unknown, tool: string, subject: string): "allow" | "ask" | "deny" {
  const rules = asObject(permission);
  return wordOf(rules ? (rules[tool] ?? rules["*"]) : permission, subject) ?? "allow";
}

function wordOf(rule: unknown, subject: string): "allow" | "ask" | "deny" | undefined {
  if (rule === "allow" || rule === "ask" || rule === "deny") return rule;
  const fitting = Object.entries(asObject(rule) ?? {}).filter(([pattern]) => fits(pattern, subject));
  return fitting.length === 0 ? undefined : wordOf(fitting.at(-1)?.[1], subject);
}

function fits(pattern: string, subject: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(subject);
}
