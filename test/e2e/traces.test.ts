import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { it, until } from "../harness/index.ts";

interface Span {
  name: string;
  traceId: string;
  spanId: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: { code: number; message?: string };
  links?: { traceId: string; spanId: string }[];
  attributes: { key: string; value: Record<string, string | number> }[];
}

/** Starts a collector that takes OTLP as JSON over HTTP. */
async function collector() {
  const spans: Span[] = [];
  const paths = new Set<string>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      paths.add(`${request.method} ${request.url} ${request.headers["x-key"]}`);
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { spans, paths, url, close: () => server.close().closeAllConnections() };
}

const factsOf = ({ attributes }: Span) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

it("sends each attempt as a span, linked to the attempt that it continues", async ({ home }) => {
  const { spans, paths, url, close } = await collector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: "x-key=mine" };
  await home.cli("daemon", "start", { env });
  const module = home.module(`import { existsSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    import { defineTask } from "agentctl";
    const look = async () => { await setTimeout(20); return existsSync(${JSON.stringify(home.file("go"))}); };
    export default defineTask(async (task) => { while (!(await task.step("look", look))); });`);
  const id = await home.run("--name", "worker", "--label", "team=red", module);
  await home.reaches(id, "working");
  await home.cli("pause", String(id), "--mode", "checkpoint");
  writeFileSync(home.file("go"), "");
  await home.cli("resume", String(id));
  await home.reaches(id, "completed");
  const bad = await home.run("sh", "-c", "exit 3");
  await home.reaches(bad, "failed");
  const { uuid } = await home.task(id);
  await home.cli("daemon", "stop");
  await until(() => spans.length >= 3);
  const [first, second, failed] = spans as [Span, Span, Span];
  expect([...paths]).toEqual(["POST /v1/traces mine"]);
  expect(spans.map(({ name, status }) => [name, status.code])).toEqual([
    ["worker", 0],
    ["worker", 0],
    ["attempt", 2],
  ]);
  expect([first.traceId, second.traceId]).toEqual([uuid, uuid].map((each) => each.replaceAll("-", "")));
  expect(second.links).toMatchObject([{ traceId: first.traceId, spanId: first.spanId }]);
  expect(first.links ?? []).toEqual([]);
  expect(factsOf(first)).toMatchObject({
    "agentctl.task.id": id,
    "agentctl.attempt": 1,
    "agentctl.queue": "default",
    "agentctl.state": "suspended",
    "agentctl.label.team": "red",
  });
  expect(factsOf(failed)).toMatchObject({ "agentctl.state": "failed", "agentctl.exit_code": 3 });
  expect(BigInt(first.endTimeUnixNano) >= BigInt(first.startTimeUnixNano)).toBe(true);
  close();
});

it("runs and stops as usual without a trace collector", async ({ home }) => {
  const { url, close } = await collector();
  close();
  await home.cli("daemon", "start", { env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } });
  expect((await home.cli("run", "--wait", "true")).code).toBe(0);
  const startedAt = performance.now();
  expect((await home.cli("daemon", "stop")).code).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
