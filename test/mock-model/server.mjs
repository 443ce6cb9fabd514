/**
 * A model provider on loopback, for real agents: speaks the protocols of Anthropic, OpenAI and Gemini, and answers as the
 * plan in the prompt says. `node server.mjs [port]` prints its address, then a line for each request.
 */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import * as anthropic from "./anthropic.mjs";
import * as chat from "./chat.mjs";
import * as gemini from "./gemini.mjs";
import { nextOf } from "./plan.mjs";
import * as responses from "./responses.mjs";

const protocols = [anthropic, responses, chat, gemini];

/** The server and its address; `log` is given a line for each request. */
export async function startModel(log = () => {}, port = 0) {
  const resets = new Map();
  const server = createServer((request, response) => {
    serve(request, response, { log, resets }).catch((error) => {
      log(`failed: ${error.stack}`);
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

async function serve(request, response, { log, resets }) {
  let body = "";
  for await (const chunk of request) body += chunk;
  const [path] = request.url.split("?");
  const json = (status, value, headers = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
  if (request.method === "GET" && path.endsWith("/models"))
    return json(200, {
      object: "list",
      data: [{ id: "mock-model", type: "model", object: "model" }],
      models: [],
    });
  const protocol = request.method === "POST" && protocols.find((each) => each.path.test(path));
  if (!protocol) {
    log(`${request.method} ${request.url} 404`);
    return json(404, { error: { message: "not here" } });
  }
  const asked = JSON.parse(body);
  if (/count_?tokens/i.test(path)) return json(200, { input_tokens: 100, totalTokens: 100 });
  const conversation = protocol.read(asked);
  const next = nextOf(conversation, resets);
  log(
    `${new Date().toISOString().slice(17)} ${path} ${conversation.turns.length} turns: ${JSON.stringify(next) ?? "silence"}`,
  );
  if (!next) return;
  await sleep(next.delay ?? 0);
  if (next.limit) {
    const { headers, body: said } = protocol.limit(next.limit, Math.ceil(next.limit - Date.now() / 1000));
    return json(429, said, headers);
  }
  const parts = protocol.write(next, asked, path);
  if (!Array.isArray(parts)) return json(200, parts);
  response.writeHead(200, { "content-type": "text/event-stream", ...protocol.headers });
  for (const part of parts) {
    if (next.chunk) await sleep(next.chunk);
    response.write(part);
  }
  response.end();
}

if (import.meta.filename === process.argv[1]) {
  const { url } = await startModel(console.log, Number(process.argv[2] ?? 0));
  console.log(url);
}
