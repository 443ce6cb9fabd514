/** The agent has failed, by its own word or because it could not begin. */
export class AgentFailed extends Error {
  override readonly name = "AgentFailed";
}
