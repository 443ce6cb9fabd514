/**
 * Sends each attempt as an OpenTelemetry span to the collector that the daemon's `OTEL_*` variables name. This is a
 * separate file in `dist/`, loaded only if they name one. Nothing waits for the collector: spans that it does not take
 * in time are dropped.
 *
 * The trace is the task: its id is the task's uuid. A span's id follows from that uuid and the attempt's number. So an
 * attempt is linked to the one that it continues, even if another daemon reported that one.
 */
import { createHash } from "node:crypto";
import { type Attributes, type Link, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { defined } from "../../core/defined.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Attempt, Task, TaskEvent } from "../../core/task.ts";
import type { Engine } from "../../engine/index.ts";

/** How long the daemon still sends spans when it ends, in ms. */
const FLUSH_TIMEOUT_MS = 1000;

export interface Traces {
  /** Sends the spans that wait. Resolves within a second. */
  stop(): Promise<void>;
}

/** Reports every attempt that ends from now on. */
export function startTraces(engine: Engine, options: { version: string; home: string }): Traces {
  const ids = { trace: "", span: "" };
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "agentctl",
      "service.version": options.version,
      "agentctl.home": options.home,
    }).merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    idGenerator: { generateTraceId: () => ids.trace, generateSpanId: () => ids.span },
  });
  const tracer = provider.getTracer("agentctl", options.version);
  const since = engine.clock.now();
  /** The last reported attempt of each open task. */
  const reportedAttempts = new Map<number, number>();

  const report = (task: Task, attempt: Attempt, { to, cause }: TaskEvent) => {
    Object.assign(ids, { trace: traceOf(task), span: spanOf(task, attempt.n) });
    const span = tracer.startSpan(task.name ?? "attempt", {
      root: true,
      startTime: new Date(attempt.startedAt),
      links: linksOf(task, attempt),
      attributes: attributesOf(task, attempt, to ?? task.state, cause),
    });
    if (to === "failed" || attempt.outcome === "failed")
      span.setStatus({ code: SpanStatusCode.ERROR, ...defined({ message: task.error?.message }) });
    span.end(new Date(attempt.endedAt ?? attempt.startedAt));
  };
  const handleEvent = async (event: TaskEvent) => {
    const { task: id, to } = event;
    if (to === null || to === "working" || event.attempt === null) return;
    const task = await engine.store.get(id);
    if (!task) return;
    const last = reportedAttempts.get(id) ?? 0;
    const ended = (await engine.store.attempts(id)).filter(
      ({ n, endedAt }) => n > last && endedAt !== null && endedAt >= since,
    );
    for (const attempt of ended) report(task, attempt, event);
    if (isTerminal(to)) reportedAttempts.delete(id);
    else if (ended.length > 0) reportedAttempts.set(id, Math.max(...ended.map(({ n }) => n)));
  };
  let pending = Promise.resolve();
  const unsubscribe = engine.onEvents((events) => {
    for (const event of events) pending = pending.then(() => handleEvent(event)).catch(() => undefined);
  });
  const stop = async () => {
    unsubscribe();
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_TIMEOUT_MS).unref());
    await Promise.race([pending.then(() => provider.shutdown()).catch(() => undefined), timeout]);
  };
  return { stop };
}

function traceOf({ uuid }: Task): string {
  return uuid.replaceAll("-", "");
}

function spanOf({ uuid }: Task, n: number): string {
  return createHash("sha256").update(`${uuid} ${n}`).digest("hex").slice(0, 16);
}

/** Returns a link to the previous attempt, which this one continues or retries. */
function linksOf(task: Task, { n }: Attempt): Link[] {
  if (n <= 1) return [];
  const context = { traceId: traceOf(task), spanId: spanOf(task, n - 1), traceFlags: TraceFlags.SAMPLED };
  return [{ context, attributes: { "agentctl.attempt": n - 1 } }];
}

/** Contains nothing that may hold a secret: no command, no directory, no variables. */
function attributesOf(task: Task, attempt: Attempt, state: string, cause: string): Attributes {
  const labels = Object.entries(task.labels).map(([key, value]) => [`agentctl.label.${key}`, value]);
  return {
    ...Object.fromEntries(labels),
    ...defined({
      "agentctl.task.name": task.name ?? undefined,
      "agentctl.outcome": attempt.outcome ?? undefined,
      "agentctl.exit_code": attempt.exitCode ?? undefined,
      "agentctl.signal": attempt.signal ?? undefined,
      "agentctl.pause.outcome": state === "suspended" ? task.pause?.outcome : undefined,
    }),
    "agentctl.task.id": task.id,
    "agentctl.task.uuid": task.uuid,
    "agentctl.task.kind": task.kind,
    "agentctl.queue": task.queue,
    "agentctl.attempt": attempt.n,
    "agentctl.state": state,
    "agentctl.cause": cause,
  };
}
