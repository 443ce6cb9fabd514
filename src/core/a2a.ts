/** The setting `a2a`: how this home presents itself to A2A clients, and what a message to it starts. */

/** What a message without a task starts: one of `module`, `agent` and `argv`, with other fields of `tasks/create`. */
type A2aRun = Readonly<Record<string, unknown>>;

export interface A2aSettings {
  name?: string;
  description?: string;
  /** The base address that the agent card shows. */
  url?: string;
  skills?: readonly Record<string, unknown>[];
  run?: A2aRun;
}

const fields = ["name", "description", "url", "skills", "run"];
const kinds = ["module", "agent", "argv"];

/** Returns why a value cannot be the setting, or undefined if it can. */
export function refuseA2a(raw: unknown): string | undefined {
  const { name, description, url, skills, run } = raw as Record<string, unknown>;
  const unknown = Object.keys(raw as object).find((key) => !fields.includes(key));
  if (unknown !== undefined)
    return `there is no field ${JSON.stringify(unknown)}; it may have ${fields.join(", ")}`;
  if (name !== undefined && typeof name !== "string") return "`name` must be a text";
  if (description !== undefined && typeof description !== "string") return "`description` must be a text";
  const isUrl =
    url === undefined || (typeof url === "string" && /^https?:\/\/[^/]/.test(url) && URL.canParse(url));
  if (!isUrl) return "`url` must be an http or https address";
  const isSkill = (skill: unknown) =>
    isRecord(skill) && typeof skill.id === "string" && typeof skill.name === "string";
  if (skills !== undefined && !(Array.isArray(skills) && skills.every(isSkill)))
    return "`skills` must be a list of objects with `id` and `name`";
  if (run === undefined) return undefined;
  if (!isRecord(run)) return "`run` must be an object with module, agent or argv";
  const count = kinds.filter((kind) => run[kind] !== undefined).length;
  return count === 1 ? undefined : "`run` must have exactly one of module, agent and argv";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
