/** A connection through ssh: its standard input and output are joined to the daemon's socket there. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import type { AgentctlError } from "../core/errors.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import type { OnNotification } from "./dial.ts";
import type { Environment } from "./environment.ts";

/**
 * As scp and sftp have it: no terminal, which would change the bytes and cut long lines, and neither the command nor the
 * forwardings that the user's configuration has for a login.
 */
const OPTIONS = ["-T", "-oRemoteCommand=none", "-oClearAllForwardings=yes"];

/** What ssh says before it fails is kept up to this. */
const MOST_SAID = 4000;

/** What helps: to reach the machine, to have it find agentctl, or to look at what may have been done. */
export type Hint = "reach" | "path" | "list";

interface Ways {
  onNotification: OnNotification | undefined;
  /** The error for a connection that ended, and what helps. */
  failure: (reason: string, hint?: Hint) => AgentctlError;
}

/** Runs ssh with these words; when it ends, calls are rejected with what it said. */
export function overSsh(
  words: readonly string[],
  env: Environment,
  { onNotification, failure }: Ways,
): RpcClient {
  const program = env.AGENTCTL_SSH || "ssh";
  // What chooses a host here would have the command there go on to another one.
  const { AGENTCTL_HOST: _host, AGENTCTL_CONTEXT: _context, ...rest } = env;
  const child = spawn(program, [...OPTIONS, ...words], { env: rest as NodeJS.ProcessEnv, stdio: "pipe" });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(-MOST_SAID);
  });
  const channel = new Channel(child);
  const rpc = new RpcClient(channel as never, onNotification);
  child.once("error", ({ message }) => rpc.close(failure(`${program}: ${message}`)));
  child.once("close", (code, signal) => {
    const reason =
      `${said}${channel.greeting}`.replaceAll("\r\n", "\n").trim() || endOf(program, code, signal);
    if (code === 127) rpc.close(failure(`${reason} (exit code 127)`, "path"));
    else if (rpc.home === undefined || !rpc.isWaiting) rpc.close(failure(reason));
    else rpc.close(failure(`${reason} before the answer, so what was asked may have been done`, "list"));
  });
  return rpc;
}

function endOf(program: string, code: number | null, signal: NodeJS.Signals | null): string {
  if (code === 127) return "agentctl was not found";
  if (signal) return `${program} was killed by ${signal}`;
  return code === 0 ? "the connection was closed there" : `${program} ended with code ${code}`;
}

/** How a line of the daemon begins. */
const FIRST_LINE = Buffer.from('{"jsonrpc":');

/**
 * Standard input and output of a process as one stream, which begins with the daemon's first line: what login files there
 * print comes before it. The end of the stream is told by the process's.
 */
class Channel extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  /** What came before the daemon's first line, the last of it; null after that line has begun. */
  #before: Buffer | null = Buffer.alloc(0);

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ emitClose: false });
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = this.#linesOf(chunk);
      if (lines && !this.push(lines)) child.stdout.pause();
    });
    // The process's end tells why; a write to one that has ended is no other failure.
    child.stdin.on("error", () => undefined);
  }

  /** What was printed there by something else than the daemon, where nothing came from the daemon. */
  get greeting(): string {
    return this.#before?.toString("utf8") ?? "";
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
    if (!this.#before) return chunk;
    const all = Buffer.concat([this.#before, chunk]);
    const at = all.indexOf(FIRST_LINE);
    this.#before = at < 0 ? all.subarray(-MOST_SAID) : null;
    return at < 0 ? undefined : all.subarray(at);
  }
}
