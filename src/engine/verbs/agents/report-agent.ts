import type { AgentReport } from "../../../core/agents.ts";
import { sessionKeyOf } from "../../../core/agents.ts";
import type { ActiveAttempt } from "../../attempt/active-attempt.ts";
import type { Engine } from "../../engine.ts";
import { shareLimit } from "./account.ts";

/** Stores the report of an agent's host, and claims the session; rejects with `SessionInUse`. */
export async function reportAgent(
  engine: Engine,
  active: ActiveAttempt,
  report: AgentReport,
  { session, progressed = false }: { session?: string; progressed?: boolean },
): Promise<void> {
  const before = await engine.require(active.taskId);
  const { agent } = before;
  const claim = session !== undefined && agent !== null ? { sessionKey: sessionKeyOf(agent, session) } : {};
  const set = { agentReport: report, ...claim, ...(progressed && { losses: 0 }) };
  const after = await engine.store.update(active.taskId, set, { token: active.token });
  await shareLimit(engine, before, after);
}
