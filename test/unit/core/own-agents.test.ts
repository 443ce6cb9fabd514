import { expect, test } from "vitest";
import { refuseOwnAgents } from "../../../src/core/own-agents.ts";

const good = {
  start: ["own", "{prompt}"],
  resume: ["own", "-r", "{session}", "{prompt}"],
  session: "id",
  events: [{ when: { type: "result" }, is: "done", text: "text" }],
};
const refusal = (mine: unknown) => refuseOwnAgents({ mine }, ["claude"]);

test("a valid agent of the user is accepted", () => {
  const { session: _, ...more } = good;
  const chosen = { ...more, start: ["own", "--id", "{session}"], chooses: "agentctl", stop: "SIGINT" };
  for (const each of [good, chosen, { acp: ["own", "--acp"] }]) expect(refusal(each)).toBeUndefined();
});

test.each([
  ["a list", [], 'mine: must be an object, such as {"acp": ["my-agent", "--acp"]}'],
  [
    "nothing",
    {},
    "mine: `acp` must be a list: the program that speaks the Agent Client Protocol and its arguments",
  ],
  ["both shapes", { acp: ["own"], start: ["own"] }, 'mine: there is no field "start"; it has acp'],
  [
    "a field of another name",
    { ...good, model: "m" },
    'mine: there is no field "model"; it has start, resume, session, chooses, stop, events',
  ],
  [
    "a command line",
    { ...good, start: "own" },
    "mine: `start` must be a list: the program that begins a session and its arguments",
  ],
  ["no way to continue", { ...good, resume: ["own"] }, "mine: `resume` must have {session} in its arguments"],
  [
    "no session",
    { ...good, session: undefined },
    "mine: `session` must be the path of the session's id in the agent's lines, unless `chooses` is agentctl",
  ],
  [
    "an id that goes nowhere",
    { ...good, chooses: "agentctl" },
    "mine: `start` must have {session} in its arguments, where `chooses` is agentctl",
  ],
  [
    "a signal that ends it hard",
    { ...good, stop: "SIGKILL" },
    "mine: `stop` must be one of SIGINT, SIGTERM, SIGHUP",
  ],
  [
    "no last event",
    { ...good, events: [] },
    "mine: `events` must have one that is done: the exit code of an agent is ignored",
  ],
  [
    "an event of an unknown kind",
    { ...good, events: [good.events[0], { when: { a: 1 }, is: "over" }] },
    "mine: `events` number 2: `is` must be one of text, tool, tool-end, limit, done, failed, gone",
  ],
  [
    "an event that always fits",
    { ...good, events: [{ when: {}, is: "done" }] },
    'mine: `events` number 1: `when` must be an object of paths with their values, such as {"type": "result"}',
  ],
])("an agent's definition is refused with the name of the field: %s", (_what, agent, reason) => {
  expect(refusal(agent)).toBe(reason);
});

test("the name of a built-in agent is refused", () => {
  expect(refuseOwnAgents({ claude: good }, ["claude"])).toBe("claude is built in; give yours another name");
});
