import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { AgentctlError } from "../../core/errors.ts";
import { isTooDeep, MAX_DEPTH, MAX_LINE_BYTES } from "../../protocol/framing.ts";

/** How many bytes of unfinished bodies are kept over all requests. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024;
/** How long we read and drop the rest of a refused body, in ms, so that the refusal arrives. */
const DRAIN_MS = 1000;
const TOO_MANY = "too many bytes wait for the end of their requests";

let waitingBytes = 0;

/** Resolves with the whole body. Rejects with `TooLarge` past 16 MiB, the limit of the socket's lines too. */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > MAX_LINE_BYTES) return Promise.reject(tooLarge(request));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const release = () => {
      waitingBytes -= size;
      size = Number.NaN;
    };
    const refuse = (error: AgentctlError) => {
      release();
      chunks.length = 0;
      reject(error);
    };
    request.on("data", (chunk: Buffer) => {
      // Refused: what still arrives is dropped.
      if (Number.isNaN(size)) return;
      size += chunk.length;
      waitingBytes += chunk.length;
      chunks.push(chunk);
      if (size > MAX_LINE_BYTES) refuse(tooLarge(request));
      else if (waitingBytes > MAX_WAITING_BYTES) refuse(new AgentctlError("TooMany", { reason: TOO_MANY }));
    });
    request.on("end", () => {
      if (Number.isNaN(size)) return;
      release();
      // Most bodies are one chunk.
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    request.on("close", () => {
      if (!Number.isNaN(size))
        refuse(new AgentctlError("InvalidRequest", { reason: "its body was cut short" }));
    });
  });
}

/** Resolves with the body as JSON. Rejects with `ParseError` if it is not JSON. */
export async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const body = await bodyOf(request);
  const parseError = (reason: string) =>
    new AgentctlError("ParseError", { reason }, { message: `the body is not JSON: ${reason}` });
  if (!isUtf8(body)) throw parseError("it is not UTF-8");
  const text = body.toString("utf8");
  if (isTooDeep(text)) throw parseError(`it is nested deeper than ${MAX_DEPTH}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw parseError((error as Error).message);
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
