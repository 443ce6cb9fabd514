/** Thrown when an agent reports a failure or cannot start. */
export class AgentFailed extends Error {
  override readonly name = "AgentFailed";
}
