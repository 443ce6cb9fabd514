import type { Settings } from "../../core/settings.ts";
import type { Clock } from "../../core/time.ts";
import type { Log } from "../../engine/index.ts";
import type { Paths } from "../../home/paths.ts";
import type { Dispatch } from "../dispatch.ts";
import type { PushHooks } from "../telling/push-hooks.ts";

/** What the server is given of the daemon. It knows nothing else of it. */
export interface Services {
  dispatch: Dispatch;
  log: Log;
  clock: Clock;
  version: string;
  paths: Paths;
  /** The settings in effect; read again at each use. */
  settings: Settings;
  token: string;
  /** Calls the listener after each commit that changed a task; gives what ends that. */
  onCommit: (listener: () => void) => () => void;
  /** Where clients of A2A want to be told. */
  push: Pick<PushHooks, "put" | "drop">;
  /** Where the files of the package are that are served as they are. */
  assets: string;
  /** Aborted when the server ends. */
  closing: AbortController;
}

/** A server that listens. */
export interface HttpServer {
  /** Its base address, with a slash at the end. */
  url: string;
  /** An address that lets a browser in once, within a minute. */
  loginUrl(): string;
  /** Stops listening at once; resolves when every connection has ended, after half a second at the latest. */
  close(): Promise<void>;
}
