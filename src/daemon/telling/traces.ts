/**
 * Each attempt as an OpenTelemetry span, sent to the collector that the `OTEL_*` variables of the daemon name. A file of
 * its own in `dist/`, loaded where they name one and not before. Nobody waits for it: what a collector does not take in
 * time is dropped.
 *
 * The trace is the task: its id is the task's uuid, and that of a span follows from it and the attempt's number. So an
 * attempt is linked to the one that it continues, whichever daemon told of that.
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

/** What ended is sent for so long when the daemon ends. */
const LAST_MS = 1000;

export interface Traces {
  /** Sends what waits; resolves within a second. */
  stop(): Promise<void>;
}

/** Tells of every attempt that ends from here on. */
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
  /** The last attempt of each open task that was told. */
  const told = new Map<number, number>();

  const tell = (task: Task, attempt: Attempt, { to, cause }: TaskEvent) => {
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
  const look = async (event: TaskEvent) => {
    const { task: id, to } = event;
    if (to === null || to === "working" || event.attempt === null) return;
    const task = await engine.store.get(id);
    if (!task) return;
    const last = told.get(id) ?? 0;
    const ended = (await engine.store.attempts(id)).filter(
      ({ n, endedAt }) => n > last && endedAt !== null && endedAt >= since,
    );
    for (const attempt of ended) tell(task, attempt, event);
    if (isTerminal(to)) told.delete(id);
    else if (ended.length > 0) told.set(id, Math.max(...ended.map(({ n }) => n)));
  };
  let looking = Promise.resolve();
  const end = engine.onEvents((events) => {
    for (const event of events) looking = looking.then(() => look(event)).catch(() => undefined);
  });
  const stop = async () => {
    end();
    const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_MS).unref());
    await Promise.race([looking.then(() => provider.shutdown()).catch(() => undefined), late]);
  };
  return { stop };
}

function traceOf({ uuid }: Task): string {
  return uuid.replaceAll("-", "");
}

function spanOf({ uuid }: Task, n: number): string {
  return createHash("sha256").update(`${uuid} ${n}`).digest("hex").slice(0, 16);
}

/** To the attempt before, which this one continues or tries again. */
function linksOf(task: Task, { n }: Attempt): Link[] {
  if (n <= 1) return [];
  const context = { traceId: traceOf(task), spanId: spanOf(task, n - 1), traceFlags: TraceFlags.SAMPLED };
  return [{ context, attributes: { "agentctl.attempt": n - 1 } }];
}

/** Nothing that may hold a secret: no command, no directory, no variables. */
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
