import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { isTooDeep, MAX_DEPTH, MAX_LINE_BYTES } from "../../protocol/framing.ts";

/** So many bytes of bodies that have not ended are kept over all requests. */
const MOST_WAITING_BYTES = 128 * 1024 * 1024;
/** What is sent after a refusal is read and dropped for so long, so that the refusal arrives. */
const DRAIN_MS = 1000;

let waiting = 0;

/** The whole body; throws `TooLarge` past 16 MiB, as the socket refuses a longer line. */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > MAX_LINE_BYTES) throw tooLarge(request);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      waiting += chunk.length;
      if (size > MAX_LINE_BYTES) throw tooLarge(request);
      if (waiting > MOST_WAITING_BYTES)
        throw new AgentctlError("TooMany", { reason: "too many bytes wait for the end of their requests" });
      chunks.push(chunk);
    }
  } finally {
    waiting -= size;
  }
  return Buffer.concat(chunks, size);
}

/** The body as JSON; throws `ParseError`. */
export async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const body = await bodyOf(request);
  const because = (reason: string) =>
    new AgentctlError("ParseError", { reason }, { message: `the body is not JSON: ${reason}` });
  if (!isUtf8(body)) throw because("it is not UTF-8");
  const text = body.toString("utf8");
  if (isTooDeep(text)) throw because(`it is nested deeper than ${MAX_DEPTH}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw because((error as Error).message);
  }
}

function tooLarge(request: IncomingMessage): AgentctlError {
  request.resume();
  const drop = () => {
    if (!request.complete) request.socket.destroy();
  };
  setTimeout(drop, DRAIN_MS).unref();
  return new AgentctlError("TooLarge", { limit: MAX_LINE_BYTES });
}
