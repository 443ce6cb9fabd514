import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { isTooDeep, MAX_DEPTH, MAX_LINE_BYTES } from "../../protocol/framing.ts";

/** So many bytes of bodies that have not ended are kept over all requests. */
const MOST_WAITING_BYTES = 128 * 1024 * 1024;
/** What is sent after a refusal is read and dropped for so long, so that the refusal arrives. */
const DRAIN_MS = 1000;
const TOO_MANY = "too many bytes wait for the end of their requests";

let waiting = 0;

/** The whole body; throws `TooLarge` past 16 MiB, as the socket refuses a longer line. */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > MAX_LINE_BYTES) throw tooLarge(request);
  const chunks: Buffer[] = [];
  let size = 0;
  // Listeners cost half of what iterating costs, and most bodies are one chunk.
  const whole = new Promise<void>((resolve, reject) => {
    const cut = () => {
      if (!request.complete)
        reject(new AgentctlError("InvalidRequest", { reason: "its body was cut short" }));
    };
    request.once("end", resolve).once("close", cut).once("error", cut);
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      waiting += chunk.length;
      if (size > MAX_LINE_BYTES) reject(tooLarge(request));
      else if (waiting > MOST_WAITING_BYTES) reject(new AgentctlError("TooMany", { reason: TOO_MANY }));
      else chunks.push(chunk);
    });
  });
  try {
    await whole;
  } finally {
    request.removeAllListeners("data");
    waiting -= size;
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
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
