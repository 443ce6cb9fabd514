/** What the tools get from agentctl. */
export interface Access {
  /** Calls a method of the daemon. Rejects with an error of the catalogue. */
  call(method: string, params: object): Promise<unknown>;
  version: string;
  /** Whether only tools that change nothing are available. */
  isReadOnly: boolean;
  /** The only queue whose tasks are visible. Null for all queues. */
  queue: string | null;
  /** The environment and directory of tasks that do not name their own. */
  env: Record<string, string> | null;
  cwd: string | null;
}
