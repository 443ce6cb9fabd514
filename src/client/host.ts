/** How the daemon of another machine, or of another home, is reached. */
import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dial, type OnNotification } from "./dial.ts";
import type { Environment } from "./environment.ts";

/** Where the daemon is that a command speaks to; `text` is how a person writes it. */
export type Host =
  | { kind: "unix"; text: string; path: string }
  | { kind: "ssh"; text: string; target: string; port: string | null; home: string | null };

/** The forms of a host, for messages. */
export const HOST_FORMS = "ssh://[user@]box[:port][/path/of/home] or unix:///path/of/agentctl.sock";

/** Reads a host; undefined where the text is none. What ssh would take for an option is none. */
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

/** The words of the line that runs `agentctl …` there; null where the host is a socket. */
export function sshWords(host: Host, words: readonly string[]): string[] | null {
  if (host.kind === "unix") return null;
  const home = host.home === null ? [] : ["env", `AGENTCTL_HOME=${quoted(host.home)}`];
  return [...(host.port === null ? [] : ["-p", host.port]), host.target, ...home, "agentctl", ...words];
}

/** For the shell there, to which ssh gives its words as one line. */
function quoted(text: string): string {
  return /^[\w/.,:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A connection to the host's daemon, which is started there where it does not run. Rejects with `DaemonUnreachable`; where
 * ssh or the command there fails, calls are rejected with what it said.
 */
export async function dialHost(
  host: Host,
  env: Environment,
  onNotification?: OnNotification,
): Promise<RpcClient> {
  if (host.kind === "ssh") return overSsh(host, env, onNotification);
  const answer = await dial(host.path, onNotification);
  if (answer instanceof RpcClient) return answer;
  const reason = answer === "absent" ? `there is no socket ${host.path}` : `nobody listens on ${host.path}`;
  throw unreachable(host, reason);
}

/** What ssh says before it fails is kept up to this. */
const MOST_SAID = 4000;

function overSsh(host: Host, env: Environment, onNotification?: OnNotification): RpcClient {
  const program = env.AGENTCTL_SSH || "ssh";
  // What chooses a host here would have the command there go on to another one.
  const { AGENTCTL_HOST: _host, AGENTCTL_CONTEXT: _context, ...rest } = env;
  const words = sshWords(host, ["daemon", "stdio"]) as string[];
  const child = spawn(program, words, { env: rest as NodeJS.ProcessEnv, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(-MOST_SAID);
  });
  const channel = new Channel(child);
  const rpc = new RpcClient(channel as never, onNotification);
  child.once("error", ({ message }) => rpc.close(unreachable(host, `${program}: ${message}`)));
  child.once("close", (code) => rpc.close(unreachable(host, endOf(program, code, said))));
  return rpc;
}

function endOf(program: string, code: number | null, said: string): string {
  const text = said.trim();
  if (code === 127) return `${text || "agentctl was not found"} (exit code 127)`;
  return text === "" ? `${program} ended with code ${code}` : text;
}

function unreachable(host: Host, reason: string): AgentctlError {
  const line = sshWords(host, ["daemon", "status"]);
  const hint = line
    ? `ssh ${line.join(" ")} shows whether it can be reached`
    : "agentctl daemon status, in its home, shows whether it runs and where its socket is";
  return new AgentctlError("DaemonUnreachable", { reason: `${host.text}: ${reason}`, hint, host: host.text });
}

/** A failure of the host's daemon, which is not that of this home: it says where it happened. */
export function placed(host: Host, error: AgentctlError): AgentctlError {
  const { data } = error;
  if (data.host !== undefined) return error;
  if (error.name === "DaemonUnreachable" && data.hint === undefined) {
    const away = unreachable(host, String(data.reason));
    return new AgentctlError("DaemonUnreachable", { ...data, ...away.data });
  }
  data.host = host.text;
  return error;
}

/** A failure with the command that helps on the host's machine. */
export function explained(host: Host, error: unknown): unknown {
  const line = sshWords(host, ["daemon", "restart"]);
  if (!(error instanceof AgentctlError) || error.name !== "VersionMismatch") return error;
  const restart = line ? `ssh ${line.join(" ")}` : "agentctl daemon restart, in its home";
  const hint = `install one version on both, then ${restart}`;
  return new AgentctlError("VersionMismatch", error.data, { message: error.message, hint });
}

/** Standard input and output of a process as one stream. Its end is told by the process's. */
class Channel extends Duplex {
  readonly #child: ReturnType<typeof spawn>;

  constructor(child: ReturnType<typeof spawn>) {
    super({ emitClose: false });
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout?.pause();
    });
    // The process's end tells why; a write to one that has ended is no other failure.
    child.stdin?.on("error", () => undefined);
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#child.stdin?.write(chunk) === false) this.#child.stdin.once("drain", done);
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.stdin?.end();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#child.unref();
    done(error);
  }

  ref(): void {
    this.#child.ref();
    for (const stream of this.#child.stdio) (stream as { ref?: () => void } | null)?.ref?.();
  }

  unref(): void {
    this.#child.unref();
    for (const stream of this.#child.stdio) (stream as { unref?: () => void } | null)?.unref?.();
  }
}
