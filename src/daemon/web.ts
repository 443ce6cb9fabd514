import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { addressFrom } from "../core/settings.ts";
import type { Clock } from "../core/time.ts";
import type { Settings } from "../engine/index.ts";
import type { Paths } from "../home/paths.ts";
import type { Dispatch } from "./dispatch.ts";
import type { HttpServer } from "./http/services.ts";
import type { DaemonLog } from "./log.ts";
import type { PushHooks } from "./notify/push-hooks.ts";

interface WebOptions {
  paths: Paths;
  /** The settings in effect. */
  settings: Settings;
  log: DaemonLog;
  version: string;
  clock: Clock;
  push: PushHooks;
  onCommit: (listener: () => void) => () => void;
}

const TOKEN_BYTES = 32;

/** Runs the HTTP server as `http.listen` says. Loads the server's file only when the server is first on. */
export class Web {
  readonly #options: WebOptions;
  #dispatch: Dispatch | null = null;
  #server: HttpServer | null = null;
  #listen = "off";
  #error: string | null = null;

  constructor(options: WebOptions) {
    this.#options = options;
  }

  /** Starts the server if the settings say so. The daemon starts even if the address is taken. */
  async start(dispatch: Dispatch): Promise<void> {
    this.#dispatch = dispatch;
    const { httpListen } = this.#options.settings;
    this.#listen = httpListen;
    await this.#open(httpListen).catch((error: Error) => {
      this.#options.log.error({ listen: httpListen }, `no HTTP: ${error.message}`);
    });
  }

  /**
   * Applies settings that are about to take effect. Throws `ConfigInvalid` if it cannot listen, and changes nothing.
   */
  async apply({ httpListen }: Settings): Promise<void> {
    const isUnchanged = httpListen === this.#listen && (this.#server !== null || httpListen === "off");
    if (isUnchanged || !this.#dispatch) return;
    const previous = this.#listen;
    const isSameAddress = this.#server?.url === `http://${httpListen}/`;
    this.#listen = httpListen;
    if (isSameAddress) return;
    // Not awaited: the response to a caller over HTTP may still be in progress.
    void this.#close();
    try {
      await this.#open(httpListen);
    } catch (error) {
      this.#listen = previous;
      if (previous !== httpListen) await this.#open(previous).catch(() => undefined);
      const reason = `http.listen: ${(error as Error).message}`;
      throw new AgentctlError("ConfigInvalid", { file: this.#options.paths.config, reason });
    }
  }

  /** Returns where the server answers, or why it does not. Returns null if it is off. */
  status(): { listen: string; url: string | null; error: string | null } | null {
    if (this.#listen === "off") return null;
    return { listen: this.#listen, url: this.#server?.url ?? null, error: this.#error };
  }

  /** Returns an address that lets a browser in once. If the server's address was taken, tries it again. */
  async loginUrl(): Promise<string> {
    if (!this.#server) await this.#open(this.#listen).catch(() => undefined);
    if (this.#server) return this.#server.loginUrl();
    const reason = this.#error ?? "http.listen is off";
    throw new AgentctlError("UnsupportedOperation", {
      reason,
      hint: "agentctl config set http.listen 127.0.0.1:4263",
    });
  }

  async stop(): Promise<void> {
    this.#dispatch = null;
    await this.#close();
  }

  async #open(listen: string): Promise<void> {
    this.#error = null;
    const address = addressFrom(listen);
    if (!address || !this.#dispatch) return;
    const { paths } = this.#options;
    try {
      // The path is built at run time, so that the bundler does not include the file.
      const file = join(import.meta.dirname, "http.cjs");
      const { serve } = createRequire(file)(file) as typeof import("./http/serve.ts");
      const services = {
        ...this.#options,
        dispatch: this.#dispatch,
        token: tokenOf(paths.httpToken),
        assets: import.meta.dirname,
        closing: new AbortController(),
      };
      this.#server = await serve(services, address.host, address.port);
      this.#options.log.info({ url: this.#server.url }, "answers over HTTP");
    } catch (error) {
      this.#error = explainFailure(error as NodeJS.ErrnoException, listen);
      throw new Error(this.#error, { cause: error });
    }
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.close();
  }
}

function explainFailure({ code, message }: NodeJS.ErrnoException, listen: string): string {
  if (code === "EADDRINUSE") return `another program has the address ${listen}`;
  if (code === "EACCES") return `this user may not listen at ${listen}`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `this machine has no address ${listen}`;
  if (code === "MODULE_NOT_FOUND") {
    const { message: text, hint } = new AgentctlError("InstallationRemoved", { file: "http.cjs" });
    return `${text}; ${hint} helps`;
  }
  return message;
}

/** Returns the home's token, made when it is first needed. Only its owner can read it. */
function tokenOf(file: string): string {
  try {
    chmodSync(file, 0o600);
    const token = readFileSync(file, "utf8").trim();
    if (token !== "") return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, token, { mode: 0o600 });
  renameSync(draft, file);
  return token;
}
