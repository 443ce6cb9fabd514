import type { Settings } from "../../core/settings.ts";
import type { Clock } from "../../core/time.ts";
import type { Log } from "../../engine/index.ts";
import type { Paths } from "../../home/paths.ts";
import type { Dispatch } from "../dispatch.ts";
import type { PushHooks } from "../notify/push-hooks.ts";

/** What the server gets from the daemon. It knows nothing else about it. */
export interface Services {
  dispatch: Dispatch;
  log: Log;
  clock: Clock;
  version: string;
  paths: Paths;
  /** The settings in effect, read again at each use. */
  settings: Settings;
  token: string;
  /** Calls the listener after each commit that changed a task. Returns a function that ends this. */
  onCommit: (listener: () => void) => () => void;
  /** The addresses at which A2A clients are notified. */
  push: Pick<PushHooks, "put" | "drop">;
  /** The folder of the package's files that are served unchanged. */
  assets: string;
  /** Aborted when the server ends. */
  closing: AbortController;
}

/** A server that listens. */
export interface HttpServer {
  /** Its base address, with a slash at the end. */
  url: string;
  /** Returns an address that lets a browser in once, within a minute. */
  loginUrl(): string;
  /** Stops listening at once. Resolves when every connection has ended, after half a second at most. */
  close(): Promise<void>;
}
