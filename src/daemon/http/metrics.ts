/** `GET /metrics`: the daemon's metrics in Prometheus text format. Counters start when the HTTP server starts. */
import type { ServerResponse } from "node:http";
import type { EventJson, Result } from "../../protocol/methods.ts";
import { begin } from "./answer.ts";
import { callerOf, listeningCaller } from "./http-caller.ts";
import type { Services } from "./services.ts";

type Labels = Record<string, string>;
type Sample = readonly [labels: Labels, value: number];

interface Paused {
  outcome: string;
  since: number;
}

/** Counts the events as they are committed. Requests everything else from the daemon when it is read. */
export class Metrics {
  readonly #services: Services;
  readonly #attempts = new Map<string, number>();
  readonly #pauses = new Map<string, { count: number; seconds: number; ended: number }>();
  readonly #paused = new Map<number, Paused>();
  #commits = 0;
  #events = 0;
  #lagSeconds = 0;

  constructor(services: Services) {
    this.#services = services;
    services.closing.signal.addEventListener(
      "abort",
      services.onCommit(() => this.#commits++),
    );
    const listener = listeningCaller({
      actor: "user",
      signal: services.closing.signal,
      onEvent: (event) => void this.#record(event),
      writable: async () => {},
      end: () => {},
    });
    services
      .dispatch({ method: "tasks/subscribe", params: { snapshot: false } }, listener)
      .catch(() => undefined);
  }

  async answer(response: ServerResponse): Promise<void> {
    const caller = callerOf(response, "user");
    const call = async (method: string) => await this.#services.dispatch({ method, params: {} }, caller);
    const status = (await call("daemon/status")) as Result<"daemon/status">;
    const { queues } = (await call("queues/list")) as Result<"queues/list">;
    const text = this.#text(status, queues);
    begin(response, 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(text);
  }

  async #record({ task, to, cause, at }: EventJson): Promise<void> {
    const now = this.#services.clock.now();
    this.#events++;
    this.#lagSeconds = Math.max(0, now - Date.parse(at)) / 1000;
    if (to === "working" && cause !== "thaw") count(this.#attempts, cause);
    if (to === "suspended") {
      const response = await this.#services
        .dispatch({ method: "tasks/get", params: { id: task } }, callerOfNobody)
        .catch(() => null);
      const outcome = (response as Result<"tasks/get"> | null)?.task.pause?.outcome ?? "none";
      const totals = this.#pauses.get(outcome) ?? { count: 0, seconds: 0, ended: 0 };
      this.#pauses.set(outcome, { ...totals, count: totals.count + 1 });
      this.#paused.set(task, { outcome, since: Date.parse(at) });
      return;
    }
    const paused = this.#paused.get(task);
    const totals = paused && this.#pauses.get(paused.outcome);
    if (!paused || !totals || to === null) return;
    this.#paused.delete(task);
    totals.ended++;
    totals.seconds += Math.max(0, Date.parse(at) - paused.since) / 1000;
  }

  #text({ tasks, uptimeMs }: Result<"daemon/status">, queues: Result<"queues/list">["queues"]): string {
    const pauses = [...this.#pauses];
    return [
      metric(
        "agentctl_tasks",
        "gauge",
        "Tasks by state.",
        Object.entries(tasks).map(([state, n]) => [{ state }, n]),
      ),
      metric(
        "agentctl_queue_tasks",
        "gauge",
        "Tasks of a queue that work and that wait.",
        queues.flatMap(({ name, working, waiting }): Sample[] => [
          [{ queue: name, state: "working" }, working],
          [{ queue: name, state: "waiting" }, waiting],
        ]),
      ),
      metric(
        "agentctl_queue_slots",
        "gauge",
        "Slots of a queue; +Inf without a limit.",
        queues.map(({ name, slots }) => [{ queue: name }, slots ?? Number.POSITIVE_INFINITY]),
      ),
      metric(
        "agentctl_queue_slots_used",
        "gauge",
        "Slots that working tasks take.",
        queues.map(({ name, used }) => [{ queue: name }, used]),
      ),
      metric(
        "agentctl_queue_held",
        "gauge",
        "1 where a queue is held.",
        queues.map(({ name, held }) => [{ queue: name }, held ? 1 : 0]),
      ),
      metric(
        "agentctl_attempts_total",
        "counter",
        "Attempts that began, by cause.",
        [...this.#attempts].map(([cause, n]) => [{ cause }, n]),
      ),
      metric(
        "agentctl_pauses_total",
        "counter",
        "Pauses, by outcome.",
        pauses.map(([outcome, { count: n }]) => [{ outcome }, n]),
      ),
      metric("agentctl_pause_duration_seconds", "summary", "How long tasks were paused, by outcome.", [
        ...pauses.map(([outcome, { seconds }]): Named => ["_sum", { outcome }, seconds]),
        ...pauses.map(([outcome, { ended }]): Named => ["_count", { outcome }, ended]),
      ]),
      metric("agentctl_events_total", "counter", "Changes of tasks that were committed.", [
        [{}, this.#events],
      ]),
      metric("agentctl_store_commits_total", "counter", "Transactions of the store that changed tasks.", [
        [{}, this.#commits],
      ]),
      metric("agentctl_event_lag_seconds", "gauge", "Delay between the last change and its notification.", [
        [{}, this.#lagSeconds],
      ]),
      metric("agentctl_uptime_seconds", "gauge", "How long the daemon has run.", [[{}, uptimeMs / 1000]]),
    ].join("");
  }
}

const callerOfNobody = {
  scopes: ["people"],
  actor: "user",
  token: null,
  refusal: null,
  signal: new AbortController().signal,
  listener: null,
} as const;

type Named = readonly [suffix: string, labels: Labels, value: number];

function metric(name: string, type: string, help: string, samples: readonly (Sample | Named)[]): string {
  const lines = samples.map((sample) => {
    const [suffix, labels, value] = sample.length === 3 ? sample : ["", ...sample];
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numeral(value)}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function numeral(value: number): string {
  return value === Number.POSITIVE_INFINITY ? "+Inf" : String(value);
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
