import { asObject } from "../adapter/json.ts";

/**
 * Returns what opencode's own rules say about a call. `permission` is from its configuration: one value for all tools,
 * for each tool, or for each pattern of a tool's commands. The last pattern that matches counts. The default is allow.
 */
export function ruleFor(permission: unknown, tool: string, subject: string): "allow" | "ask" | "deny" {
  const rules = asObject(permission);
  return actionOf(rules ? (rules[tool] ?? rules["*"]) : permission, subject) ?? "allow";
}

function actionOf(rule: unknown, subject: string): "allow" | "ask" | "deny" | undefined {
  if (rule === "allow" || rule === "ask" || rule === "deny") return rule;
  const matching = Object.entries(asObject(rule) ?? {}).filter(([pattern]) => matches(pattern, subject));
  return matching.length === 0 ? undefined : actionOf(matching.at(-1)?.[1], subject);
}

function matches(pattern: string, subject: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(subject);
}
