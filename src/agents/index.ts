export { type AgentOptions, runAgent } from "./run-agent.ts";
