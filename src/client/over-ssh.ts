/** A connection through ssh, which joins its standard input and output to the remote daemon's socket. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import type { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import type { OnNotification } from "./dial.ts";
import type { Environment } from "./environment.ts";

/**
 * The options that scp and sftp use, too. A terminal would change the bytes and cut long lines. The command and the
 * forwardings in the user's configuration are meant for logins.
 */
const OPTIONS = ["-T", "-oRemoteCommand=none", "-oClearAllForwardings=yes"];

/** How much of ssh's error output we keep, in characters. */
const MAX_OUTPUT = 4000;

/** Which hint helps: how to reach the machine, how to let it find agentctl, or how to check what was done. */
export type Hint = "reach" | "path" | "list";

interface Options {
  onNotification: OnNotification | undefined;
  /** Returns the error for a connection that ended, with a hint. */
  failure: (reason: string, hint?: Hint) => AgentctlError;
}

/** Runs ssh with these arguments. When ssh ends, calls reject with what it printed. */
export function overSsh(
  words: readonly string[],
  env: Environment,
  { onNotification, failure }: Options,
): RpcClient {
  const program = env.AGENTCTL_SSH || "ssh";
  // With these two variables, the remote command would connect to yet another host.
  const { AGENTCTL_HOST: _host, AGENTCTL_CONTEXT: _context, ...rest } = env;
  const child = spawn(program, [...OPTIONS, ...words], { env: rest as NodeJS.ProcessEnv, stdio: "pipe" });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = `${stderr}${text}`.slice(-MAX_OUTPUT);
  });
  const channel = new Channel(child);
  const rpc = new RpcClient(channel as never, onNotification);
  child.once("error", ({ message }) => rpc.close(failure(`${program}: ${message}`)));
  child.once("close", (code, signal) => {
    const reason =
      `${stderr}${channel.greeting}`.replaceAll("\r\n", "\n").trim() || describeEnd(program, code, signal);
    if (code === 127) rpc.close(failure(`${reason} (exit code 127)`, "path"));
    else if (rpc.home === undefined || !rpc.isWaiting) rpc.close(failure(reason));
    else rpc.close(failure(`${reason} before the answer, so the request may have been carried out`, "list"));
  });
  return rpc;
}

function describeEnd(program: string, code: number | null, signal: NodeJS.Signals | null): string {
  if (code === 127) return "agentctl was not found";
  if (signal) return `${program} was killed by ${signal}`;
  return code === 0 ? "the connection was closed there" : `${program} ended with code ${code}`;
}

/** How each line of the daemon begins. */
const LINE_START = Buffer.from('{"jsonrpc":');

/**
 * Joins the standard input and output of a process into one stream, which begins with the daemon's first line. What the
 * remote login files print comes before it and is kept apart. The connection closes when the process ends.
 */
class Channel extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  /** The last bytes before the daemon's first line; null once that line has begun. */
  #preamble: Buffer | null = Buffer.alloc(0);

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ emitClose: false });
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = this.#linesOf(chunk);
      if (lines && !this.push(lines)) child.stdout.pause();
    });
    // The end of the process gives the reason; a failed write to an ended process adds nothing to it.
    child.stdin.on("error", () => undefined);
  }

  /** What the remote side printed, if nothing came from the daemon. */
  get greeting(): string {
    return this.#preamble?.toString("utf8") ?? "";
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#child.stdin.write(chunk) === false) this.#child.stdin.once("drain", done);
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.stdin.end();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
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

  #linesOf(chunk: Buffer): Buffer | undefined {
    if (!this.#preamble) return chunk;
    const bytes = Buffer.concat([this.#preamble, chunk]);
    const index = bytes.indexOf(LINE_START);
    this.#preamble = index < 0 ? bytes.subarray(-MAX_OUTPUT) : null;
    return index < 0 ? undefined : bytes.subarray(index);
  }
}
