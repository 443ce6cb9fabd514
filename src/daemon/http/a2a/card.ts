import type { AgentCard, AgentSkill } from "@a2a-js/sdk";
import { PAUSE_URI } from "../../notify/a2a-terms.ts";
import type { Services } from "../services.ts";

const MODES = ["text/plain", "application/json"];
const VERSIONS = ["1.0", "0.3"];

/** Returns the agent card of this home. `base` is the address at which the client reaches it. */
export function cardOf({ settings, version }: Services, base: string): AgentCard {
  const { name, description, skills } = settings.a2a;
  const url = new URL("a2a", base).href;
  const interfaces = VERSIONS.flatMap((protocolVersion) =>
    ["JSONRPC", "HTTP+JSON"].map((protocolBinding) => ({
      url,
      protocolBinding,
      tenant: "",
      protocolVersion,
    })),
  );
  return {
    name: name ?? "agentctl",
    description: description ?? "Runs work as durable tasks that can be paused and resumed.",
    supportedInterfaces: interfaces,
    provider: undefined,
    version,
    capabilities: {
      streaming: true,
      pushNotifications: true,
      extendedAgentCard: true,
      extensions: [
        {
          uri: PAUSE_URI,
          description:
            "Pauses and resumes a task: methods tasks/pause and tasks/resume (PauseTask, ResumeTask)",
          required: false,
          params: undefined,
        },
      ],
    },
    securitySchemes: {
      bearer: {
        scheme: {
          $case: "httpAuthSecurityScheme",
          value: {
            description: "that of the home, as its owner gives it out",
            scheme: "bearer",
            bearerFormat: "",
          },
        },
      },
    },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }],
    defaultInputModes: MODES,
    defaultOutputModes: MODES,
    skills: (skills ?? [{ id: "run", name: "Run a task", description: "Starts a task for the message" }]).map(
      skillOf,
    ),
    signatures: [],
  };
}

function skillOf(skill: Record<string, unknown>): AgentSkill {
  const texts = (field: string) => (Array.isArray(skill[field]) ? (skill[field] as string[]) : []);
  return {
    id: String(skill.id),
    name: String(skill.name),
    description: String(skill.description ?? skill.name),
    tags: Array.isArray(skill.tags) ? texts("tags") : [String(skill.id)],
    examples: texts("examples"),
    inputModes: texts("inputModes"),
    outputModes: texts("outputModes"),
    securityRequirements: [],
  };
}
