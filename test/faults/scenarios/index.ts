import { agentScenarios } from "./agents.ts";
import { movingScenarios } from "./moving.ts";
import { pauseScenarios } from "./pause.ts";
import { recoveryScenarios } from "./recovery.ts";
import type { Scenario } from "./scenario.ts";
import { serviceScenarios } from "./service.ts";
import { waitingScenarios } from "./waiting.ts";
import { workScenarios } from "./work.ts";

export type { Scenario } from "./scenario.ts";

export const scenarios: Readonly<Record<string, Scenario>> = {
  ...workScenarios,
  ...pauseScenarios,
  ...waitingScenarios,
  ...serviceScenarios,
  ...recoveryScenarios,
  ...movingScenarios,
  ...agentScenarios,
};
