import type { Engine } from "../engine.ts";

/** Keeps a message for a task, which reads it when it asks; answers the message's number once it is durable. */
export async function send(
  engine: Engine,
  ref: string | number,
  { text, actor }: { text: string; actor: string },
): Promise<number> {
  const { id } = await engine.require(ref);
  return await engine.store.addMessage(id, { text, at: engine.clock.now(), actor });
}
