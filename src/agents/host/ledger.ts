/** Adds up what an agent uses in all its processes. Agents report it per process or per session. */
import type { Fact, Used } from "../adapter/types.ts";
import type { AgentSpec, AgentState } from "./state.ts";

const countNames = ["inputTokens", "outputTokens", "cachedTokens"] as const;

export class Ledger {
  readonly #state: AgentState;
  /** The usage before this process. */
  readonly #previousUsage: AgentState["usage"];

  constructor(state: AgentState) {
    this.#state = state;
    this.#previousUsage = { ...state.usage };
  }

  take(fact: Fact): void {
    const { usage } = this.#state;
    if (fact.is === "turn") usage.turns++;
    if (fact.is === "tool") usage.toolCalls++;
    if (fact.is === "usage") this.#addUsage(fact.used);
    if (fact.is === "cost") this.#addCost(fact.of, fact.usd);
    if (fact.is === "cost") this.#state.priced = { weight: weightOf(usage), usd: usage.costUsd ?? 0 };
  }

  #addUsage(used: Used): void {
    const { usage, seen } = this.#state;
    for (const name of countNames) {
      if (used.of === "process") usage[name] = this.#previousUsage[name] + used[name];
      else {
        usage[name] += Math.max(0, used[name] - seen[name]);
        seen[name] = used[name];
      }
    }
  }

  #addCost(scope: "process" | "session", usd: number): void {
    const { usage, seen } = this.#state;
    if (scope === "process") {
      usage.costUsd = (this.#previousUsage.costUsd ?? 0) + usd;
      return;
    }
    usage.costUsd = (usage.costUsd ?? 0) + Math.max(0, usd - seen.costUsd);
    seen.costUsd = usd;
  }
}

/** Returns the tokens weighted by usual prices: output costs several times as much as input, cached input little. */
function weightOf({ inputTokens, outputTokens, cachedTokens }: AgentState["usage"]): number {
  return inputTokens + 5 * outputTokens + cachedTokens / 10;
}

/** We trust an estimate until the usage is this many times the usage that it is based on. */
const TRUST_FACTOR = 4;

/**
 * Whether to end the process of an agent that reports its cost only then. True if the budget may be used up, judged by
 * the price of the earlier tokens.
 */
export function isCostDue({ usage, priced }: AgentState, { maxCost }: AgentSpec): boolean {
  const weight = weightOf(usage);
  if (maxCost === null || weight <= (priced?.weight ?? 0)) return false;
  if (!priced || weight >= TRUST_FACTOR * priced.weight) return true;
  return (priced.usd * weight) / priced.weight >= maxCost;
}

/** Returns a message about the budget that is used up; undefined if none is. */
export function overBudget({ usage }: AgentState, spec: AgentSpec): string | undefined {
  const tokens = usage.inputTokens + usage.outputTokens;
  const { maxCost, maxTokens, maxTurns } = spec;
  if (maxCost !== null && (usage.costUsd ?? 0) >= maxCost)
    return `it has cost $${(usage.costUsd ?? 0).toFixed(2)} of $${maxCost}`;
  if (maxTokens !== null && tokens >= maxTokens) return `it has used ${tokens} of ${maxTokens} tokens`;
  if (maxTurns !== null && usage.turns >= maxTurns)
    return `its model has answered ${usage.turns} of ${maxTurns} times`;
  return undefined;
}
