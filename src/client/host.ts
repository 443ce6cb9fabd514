/** Connections to the daemon of another machine, or of another home. */
import { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dial, type OnNotification } from "./dial.ts";
import type { Environment } from "./environment.ts";
import { type Hint, overSsh } from "./over-ssh.ts";

/** The place of the daemon that a command connects to; `text` is what the user wrote. */
export type Host =
  | { kind: "unix"; text: string; path: string }
  | { kind: "ssh"; text: string; target: string; port: string | null; home: string | null };

/** The accepted forms of a host, for messages. */
export const HOST_FORMS = "ssh://[user@]box[:port][/path/of/home] or unix:///path/of/agentctl.sock";

/** Parses a host; undefined if the text is not one, or if ssh would take it for an option. */
export function hostOf(text: string): Host | undefined {
  const [, path] = /^unix:\/\/(\/[^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) return { kind: "unix", text, path };
  const parts = /^ssh:\/\/(?:([^@/:\s]+)@)?([\w.-]+|\[[\da-fA-F:.%]+\])(?::(\d{1,5}))?(\/[^\0\n]*)?$/.exec(
    text,
  );
  if (!parts) return undefined;
  const [, user, name = "", port = null, home = ""] = parts;
  if (user?.startsWith("-") || name.startsWith("-")) return undefined;
  const bare = name.replace(/^\[|\]$/g, "");
  const target = user === undefined ? bare : `${user}@${bare}`;
  return { kind: "ssh", text, target, port, home: /^\/*$/.test(home) ? null : home };
}

/** Returns the local shell command that runs `agentctl …` on the host, for messages; null if the host is a socket. */
export function sshLine(host: Host, words: readonly string[]): string | null {
  return sshWords(host, words)?.reduce((line, word) => `${line} ${quote(word)}`, "ssh") ?? null;
}

/** Returns the arguments with which ssh runs `agentctl …` on the host; null if the host is a socket. */
function sshWords(host: Host, words: readonly string[]): string[] | null {
  if (host.kind === "unix") return null;
  const home = host.home === null ? [] : ["env", `AGENTCTL_HOME=${quote(host.home)}`];
  return [
    ...(host.port === null ? [] : ["-p", host.port]),
    host.target,
    ...home,
    "agentctl",
    ...words.map(quote),
  ];
}

/** Quotes a word for a shell: the local one, or the remote one, to which ssh passes its arguments as one line. */
function quote(text: string): string {
  return /^[\w/.,:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Connects to the host's daemon; over ssh, starts it there if none runs. Rejects with `DaemonUnreachable`. If ssh or
 * the remote command fails, calls reject with what it printed.
 */
export async function dialHost(
  host: Host,
  env: Environment,
  onNotification?: OnNotification,
): Promise<RpcClient> {
  if (host.kind === "ssh") {
    const words = sshWords(host, ["daemon", "stdio"]) as string[];
    return overSsh(words, env, {
      onNotification,
      failure: (reason, hint) => unreachableError(host, reason, hint),
    });
  }
  const answer = await dial(host.path, onNotification);
  if (answer instanceof RpcClient) return answer;
  const reason = answer === "absent" ? `there is no socket ${host.path}` : `nobody listens on ${host.path}`;
  throw unreachableError(host, reason);
}

function unreachableError(host: Host, reason: string, hint: Hint = "reach"): AgentctlError {
  return new AgentctlError("DaemonUnreachable", {
    reason: `${host.text}: ${reason}`,
    hint: hintOf(host, hint),
    host: host.text,
  });
}

function hintOf(host: Host, hint: Hint): string {
  if (hint === "list") return `agentctl --host ${quote(host.text)} list shows how things stand`;
  const line = sshLine(host, ["daemon", "status"]);
  if (!line || host.kind === "unix")
    return "agentctl daemon status, in its home, shows whether it runs and where its socket is";
  if (hint === "reach") return `${line} shows whether it can be reached`;
  const shell = [...(host.port === null ? [] : ["-p", host.port]), quote(host.target)].join(" ");
  return `ssh ${shell} 'echo $PATH' shows where agentctl and node have to be there; a link in /usr/local/bin helps`;
}

/** Adds the host to an error of its daemon, so that the message does not seem to be about this home's daemon. */
export function withHost(host: Host, error: AgentctlError): AgentctlError {
  const { data } = error;
  if (data.host !== undefined) return error;
  if (error.name === "DaemonUnreachable" && data.hint === undefined) {
    const located = unreachableError(host, String(data.reason));
    return new AgentctlError("DaemonUnreachable", { ...data, ...located.data });
  }
  data.host = host.text;
  return error;
}

/** Returns the error; a `VersionMismatch` gets a hint with the command to run on the host. */
export function explainMismatch(host: Host, error: unknown): unknown {
  const line = sshLine(host, ["daemon", "restart"]);
  if (!(error instanceof AgentctlError) || error.name !== "VersionMismatch") return error;
  const restart = line ?? "agentctl daemon restart, in its home";
  const hint = `install one version on both, then ${restart}`;
  return new AgentctlError("VersionMismatch", error.data, { message: error.message, hint });
}
