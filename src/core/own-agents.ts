/** The setting `agents`: the user's own coding agents, as data. */

/** The meanings that a line of an agent can have. */
const ownEventKinds = ["text", "tool", "tool-end", "limit", "done", "failed", "gone"] as const;
/** The signals that can ask an agent to stop. */
const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const choosers = ["agent", "agentctl"] as const;

/** A rule: a line of the agent in which every path of `when` has the given value means `is`. The first match counts. */
export interface OwnEvent {
  readonly when: Readonly<Record<string, string | number | boolean | null>>;
  readonly is: (typeof ownEventKinds)[number];
  /** The path of what was said, of a tool's input or output, or of the time at which a limit ends. */
  readonly text?: string;
}

/**
 * An agent that runs one process for each turn and reports what it does in lines of JSON. `{prompt}` and `{session}` in
 * its arguments are replaced. If there is no `{prompt}`, the agent gets the prompt on its stdin.
 */
export interface OwnCommands {
  readonly start: readonly string[];
  readonly resume: readonly string[];
  /** The path of the session's id in the agent's lines, if the agent chooses it. */
  readonly session?: string;
  /** Who chooses the session's id; by default the agent. */
  readonly chooses?: (typeof choosers)[number];
  /** The signal that interrupts the agent; by default SIGTERM. */
  readonly stop?: (typeof stopSignals)[number];
  readonly events: readonly OwnEvent[];
}

/** An agent that speaks the Agent Client Protocol, or an agent that agentctl drives by its lines. */
type OwnAgent = { readonly acp: readonly string[] } | OwnCommands;
export type OwnAgents = Readonly<Record<string, OwnAgent>>;

const NAME = /^[a-z][a-z0-9._-]{0,63}$/i;

/** Returns why a value cannot be the setting, with the field, or undefined if it can. `taken` are reserved names. */
export function refuseOwnAgents(raw: unknown, taken: readonly string[]): string | undefined {
  for (const [name, agent] of Object.entries(raw as object)) {
    if (!NAME.test(name))
      return `${JSON.stringify(name)} is not a name for an agent: letters, digits, dots and dashes`;
    if (taken.includes(name)) return `${name} is built in; give yours another name`;
    const refusal = refusalOf(agent);
    if (refusal !== undefined) return `${name}: ${refusal}`;
  }
  return undefined;
}

type Fields = Readonly<Record<string, unknown>>;
/** Returns what is wrong with a value, as "`field` <this>", or undefined if it is valid. */
type Check = (value: unknown) => string | undefined;

function refusalOf(agent: unknown): string | undefined {
  if (!isObject(agent)) return 'must be an object, such as {"acp": ["my-agent", "--acp"]}';
  const acpFields = { acp: argv("the program that speaks the Agent Client Protocol and its arguments") };
  if ("acp" in agent || Object.keys(agent).length === 0) return fieldRefusal(agent, acpFields, ["acp"]);
  return fieldRefusal(agent, commandFields, ["start", "resume", "events"]) ?? contradiction(agent as never);
}

const commandFields: Record<string, Check> = {
  start: argv("the program that begins a session and its arguments"),
  resume: argv("the program that continues the session {session} and its arguments"),
  session: path,
  chooses: oneOf(choosers),
  stop: oneOf(stopSignals),
  events: (value) => {
    if (!Array.isArray(value)) return "must be a list";
    const refusals = value.map(eventRefusal);
    const index = refusals.findIndex((refusal) => refusal !== undefined);
    return index < 0 ? undefined : `number ${index + 1}: ${refusals[index]}`;
  },
};

const eventFields: Record<string, Check> = {
  when: (value) => {
    const hasPaths = isObject(value) && Object.keys(value).length > 0;
    if (!hasPaths) return 'must be an object of paths with their values, such as {"type": "result"}';
    const [name] = Object.entries(value).find(([, each]) => typeof each === "object" && each !== null) ?? [];
    return name === undefined ? undefined : `${JSON.stringify(name)} must be a text, number, boolean or null`;
  },
  is: oneOf(ownEventKinds),
  text: path,
};

function eventRefusal(event: unknown): string | undefined {
  if (!isObject(event)) return 'must be an object, such as {"when": {"type": "result"}, "is": "done"}';
  return fieldRefusal(event, eventFields, ["when", "is"]);
}

/** Returns why the fields contradict each other, or undefined if they do not. */
function contradiction({
  start,
  resume,
  session,
  chooses = "agent",
  events,
}: OwnCommands): string | undefined {
  const namesSession = (words: readonly string[]) => words.some((word) => word.includes("{session}"));
  if (!namesSession(resume)) return "`resume` must have {session} in its arguments";
  if (chooses === "agentctl" && !namesSession(start))
    return "`start` must have {session} in its arguments, where `chooses` is agentctl";
  if (chooses === "agent" && session === undefined)
    return "`session` must be the path of the session's id in the agent's lines, unless `chooses` is agentctl";
  const hasEnd = events.some(({ is }) => is === "done");
  return hasEnd ? undefined : "`events` must have one that is done: the exit code of an agent is ignored";
}

function fieldRefusal(
  fields: Fields,
  checks: Record<string, Check>,
  required: readonly string[],
): string | undefined {
  const accepted = Object.keys(checks);
  const unknown = Object.keys(fields).find((field) => !accepted.includes(field));
  if (unknown !== undefined)
    return `there is no field ${JSON.stringify(unknown)}; it has ${accepted.join(", ")}`;
  for (const [field, check] of Object.entries(checks)) {
    const value = fields[field];
    if (value === undefined && !required.includes(field)) continue;
    const refusal = check(value);
    if (refusal !== undefined) return `\`${field}\` ${refusal}`;
  }
  return undefined;
}

function argv(description: string): Check {
  return (value) => {
    const isArgv =
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => typeof each === "string" && each !== "");
    return isArgv ? undefined : `must be a list: ${description}`;
  };
}

function path(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? undefined : "must be a path, such as message.text";
}

function oneOf(accepted: readonly string[]): Check {
  return (value) =>
    accepted.includes(value as string) ? undefined : `must be one of ${accepted.join(", ")}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
