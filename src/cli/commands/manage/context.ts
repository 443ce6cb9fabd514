import {
  DEFAULT_CONTEXT,
  type Place,
  readContexts,
  requireContext,
  writeContexts,
} from "../../../client/contexts.ts";
import { requireHost } from "../../command/choose-home.ts";
import { command, type Group } from "../../command/define.ts";
import { usage } from "../../command/usage.ts";
import { absolutePath } from "../../input/input.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";

const add = command({
  name: "add",
  summary: "give a name to a host or to a home on this machine",
  args: [
    ["<name>", "what --context and context use will call it"],
    ["<place>", "a host, such as ssh://ada@box, or the directory of a home"],
  ],
  notes: "A host is ssh://[user@]box[:port][/path/of/home], or unix:///path/of/agentctl.sock.",
  options: {},
  examples: [
    ["context add box ssh://ada@box", "the daemon of a machine that ssh reaches"],
    ["context add tests /tmp/tests-home", "another home of this machine"],
  ],
  isHomeless: true,
  async run(context, [name = "", placeText = ""]) {
    const { env, out } = context;
    if (name === DEFAULT_CONTEXT) throw usage(`the context ${name} is always the home of this machine`);
    if (!/^[\w.-]{1,64}$/.test(name) || name.startsWith("-"))
      throw usage(`${JSON.stringify(name)} cannot be the name of a context: letters, digits, ., _ and -`);
    // A host with a missing slash does not become a directory.
    const isHost = /^\w+:\/\/|^(ssh|unix):/.test(placeText);
    const place: Place = isHost
      ? { host: requireHost(placeText, "<place>").text, home: null }
      : { host: null, home: absolutePath(context, placeText) };
    const contexts = readContexts(env);
    const before = Object.hasOwn(contexts.places, name) ? contexts.places[name] : undefined;
    const [text, textBefore] = [place, before ?? place].map(placeName);
    const replaced = text === textBefore ? "" : `, and no longer ${textBefore}`;
    writeContexts(env, { ...contexts, places: { ...contexts.places, [name]: place } });
    if (out.json) out.data({ name, ...place });
    else
      out.note(
        `context ${name} is ${text}${replaced}; agentctl context use ${name} makes it the current one`,
      );
    return 0;
  },
});

function placeName({ host, home }: Place): string {
  return host ?? `the home ${home}`;
}

const list = command({
  name: "list",
  summary: "the contexts, and which is the current one",
  args: [],
  options: {},
  examples: [["context list", "* marks the current one"]],
  isHomeless: true,
  async run({ env, out }) {
    const { current, places } = readContexts(env);
    const entries = Object.entries(places).map(([name, place]) => ({
      name,
      ...place,
      current: name === current,
    }));
    if (out.json) out.data(entries);
    else {
      const defaultRow = [
        current === null ? "*" : "",
        DEFAULT_CONTEXT,
        "the home of AGENTCTL_HOME, or ~/.agentctl",
      ];
      const rows = entries.map((each) => [
        each.current ? "*" : "",
        each.name,
        oneLine(each.host ?? each.home ?? ""),
      ]);
      const columns = [{ title: "" }, { title: "NAME" }, { title: "PLACE", minWidth: 12 }];
      for (const line of tableLines(columns, [defaultRow, ...rows], out.columns)) out.line(line);
    }
    return 0;
  },
});

const use = command({
  name: "use",
  summary: "make a context the current one, for commands that say nothing else",
  args: [["<name>", "a context, or default for the home of this machine"]],
  options: {},
  examples: [
    ["context use box", "from now on commands go to box"],
    ["context use default", "back to the home of this machine"],
  ],
  isHomeless: true,
  async run({ env, out }, [name = ""]) {
    const contexts = readContexts(env);
    if (name !== DEFAULT_CONTEXT) requireContext(contexts, name);
    const current = name === DEFAULT_CONTEXT ? null : name;
    writeContexts(env, { ...contexts, current });
    if (out.json) out.data({ current });
    else if (env.AGENTCTL_HOME) out.note("AGENTCTL_HOME is set, and goes before the current context");
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "forget a context; what it names stays",
  args: [["<name>", "a context"]],
  options: {},
  examples: [["context remove box", "if it was the current one, the default home is"]],
  isHomeless: true,
  async run({ env, out }, [name = ""]) {
    const { current, places } = readContexts(env);
    requireContext({ current, places }, name);
    const { [name]: place, ...remaining } = places;
    writeContexts(env, { current: current === name ? null : current, places: remaining });
    if (out.json) out.data({ name, ...place });
    else if (current === name)
      out.note("it was the current context: commands go to the home of AGENTCTL_HOME, or ~/.agentctl");
    return 0;
  },
});

export const context: Group = {
  name: "context",
  summary: "names for hosts and homes",
  commands: [add, list, use, remove],
};
