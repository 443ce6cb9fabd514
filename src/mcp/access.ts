/** What the tools are given of agentctl. */
export interface Access {
  /** Calls a method of the daemon; rejects with an error of the catalogue. */
  call(method: string, params: object): Promise<unknown>;
  version: string;
  /** Only tools that change nothing. */
  isReadOnly: boolean;
  /** Only tasks of this queue; null for all. */
  queue: string | null;
  /** The environment and directory of tasks that do not say otherwise. */
  env: Record<string, string> | null;
  cwd: string | null;
}
