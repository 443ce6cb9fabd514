import { defined } from "../../core/defined.ts";
import { AgentctlError, codeOf } from "../../core/errors.ts";
import type { Failure, Step } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import {
  acknowledge,
  activeByToken,
  hello,
  journalPart,
  keep,
  keepArtifact,
  type Link,
  openQuestion,
  type Place,
  reportAgent,
  saveCheckpoint,
  saveResult,
  sleepUntil,
  stepBegan,
  stepEnded,
  suspended,
  suspendItself,
} from "../../engine/index.ts";
import type { Handlers, JournalEntry } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { artifactJson } from "./artifacts.ts";
import { type Daemon, parseTime } from "./context.ts";

type Attempt = Pick<Handlers<Caller>, Extract<keyof Handlers<Caller>, `attempt/${string}`>>;

/** Returns the handlers of what a running task asks for. The attempt's token authorises each call. */
export function attemptHandlers({ engine }: Daemon): Attempt {
  // Dispatch has checked that there is a token.
  const authorise = (params: { token?: string | undefined }, caller: Caller, isSave = false) =>
    activeByToken(engine, params.token ?? (caller.token as string), isSave);
  return {
    "attempt/hello": async ({ token }, caller) => {
      const active = await activeByToken(engine, token);
      caller.token = token;
      const welcome = await hello(engine, active, linkTo(caller));
      const { task, attempt, dir, pausing, checkpoint, module } = welcome;
      return {
        id: task.id,
        uuid: task.uuid,
        name: task.name,
        attempt,
        dir,
        pausing,
        maxBytes: engine.settings.checkpointMaxBytes,
        checkpoint: checkpoint && { ...checkpoint, data: checkpoint.data.toString("base64") },
        module: module && {
          ...module,
          kept: module.kept.map(({ value, ...key }) => ({ ...key, value: JSON.parse(value) })),
          journal: module.journal.steps.map(entryOf),
          journalNext: module.journal.next ?? undefined,
          journalBytes: module.journal.totalBytes,
        },
      };
    },

    "attempt/journal": async (params, caller) => {
      const { taskId } = await authorise(params, caller);
      const part = await journalPart(engine, await engine.require(taskId), params.after);
      return { journal: part.steps.map(entryOf), next: part.next ?? undefined };
    },

    "attempt/checkpoint": async (params, caller) => {
      const active = await authorise(params, caller, true);
      const { label, base, nonce, unused } = params;
      const kept = params.kept?.map(({ value, ...key }) => ({ ...key, value: JSON.stringify(value) }));
      const save = { data: bytesOf(params), ...defined({ label, base, nonce, kept, unused }) };
      return { seq: await saveCheckpoint(engine, active, save) };
    },

    "attempt/step": async (params, caller) => {
      const active = await authorise(params, caller);
      const place = placeOf("step", params.name, params);
      if (params.started) {
        await stepBegan(engine, active, place);
        return {};
      }
      if (params.started === false) {
        stepEnded(active, place);
        return {};
      }
      const startedAt = parseTime(params.startedAt) ?? engine.clock.now();
      const value = params.value === undefined ? NO_VALUE : JSON.stringify(params.value);
      const existing = await acknowledge(engine, active, place, { value, startedAt });
      const { written } = params;
      return {
        ...journaledValue(existing ?? NO_VALUE),
        ...defined({ taken: written === undefined ? undefined : active.steps?.hasRead(written) }),
      };
    },

    "attempt/keep": async ({ name, n, base, value, ...params }, caller) => {
      const active = await authorise(params, caller);
      await keep(engine, active, { name, n, base, value: JSON.stringify(value) });
      return {};
    },

    "attempt/suspend": async (params, caller) => {
      const active = await authorise(params, caller);
      const { cause, reason = null, error } = params;
      await suspendItself(engine, active, {
        cause,
        reason,
        until: parseTime(params.until),
        error: failureOf(error),
      });
      return {};
    },

    "attempt/sleep": async (params, caller) => {
      const active = await authorise(params, caller);
      const place = placeOf("sleep", "sleep", params);
      return { until: toIso(await sleepUntil(engine, active, place, params.ms)) };
    },

    "attempt/ask": async (params, caller) => {
      const active = await authorise(params, caller);
      const { prompt, choices, timeoutMs, default: fallback } = params;
      const question = { prompt, ...defined({ choices, timeoutMs, fallback }) };
      const place = placeOf("ask", "ask", params);
      return { answer: await openQuestion(engine, active, place, question) };
    },

    "attempt/progress": async (params, caller) => {
      const active = await authorise(params, caller);
      const { done, total = null, message = null } = params;
      const progress = { done, total, message };
      await engine.store.update(active.taskId, { progress }, { token: active.token });
      return {};
    },

    "attempt/artifact": async (params, caller) => {
      const active = await authorise(params, caller);
      return { artifact: artifactJson(await keepArtifact(engine, active, params)) };
    },

    "attempt/messages": async (params, caller) => {
      const active = await authorise(params, caller);
      const key = params.n === undefined ? null : placeOf("messages", "messages", params);
      const take = () => engine.store.takeMessages(active.token, key, engine.clock.now());
      return { messages: await take() };
    },

    "attempt/agent": async ({ report, session, progressed, ...params }, caller) => {
      const active = await authorise(params, caller);
      await reportAgent(engine, active, report, defined({ session, progressed }));
      return {};
    },

    "attempt/alive": async (params, caller) => {
      (await authorise(params, caller)).update({ hasConfirmedCancel: true });
      return {};
    },

    "attempt/suspended": async (params, caller) => {
      const active = await authorise(params, caller);
      const value = params.value === undefined ? undefined : JSON.stringify(params.value);
      const until = parseTime(params.until) ?? undefined;
      const suspension = { to: params.for, ...defined({ base: params.base, value, until }) };
      await suspended(engine, active, suspension);
      return {};
    },

    "attempt/result": async (params, caller) => {
      const active = await authorise(params, caller);
      const { value = null, unused } = params;
      const error = failureOf(params.error);
      await saveResult(engine, active, error ? { error } : { value }, unused);
      return {};
    },
  };
}

/** Returns how the engine sends messages to an attempt. Throws if its connection cannot receive any. */
function linkTo({ listener }: Caller): Link {
  if (!listener) {
    const reason = "attempt/hello needs a connection that stays open, because pauses are requested on it";
    throw new AgentctlError("UnsupportedOperation", { reason });
  }
  return {
    pause: (params) => listener.notify("attempt/pause", params),
    cancel: (params) => listener.notify("attempt/cancel", params),
    message: () => listener.notify("attempt/message", {}),
    answer: (params) => listener.notify("attempt/answer", params),
  };
}

function entryOf({ kind, name, n, base, call, alone, result }: Step): JournalEntry {
  return { kind, name, n, base, call, alone, ...journaledValue(result) };
}

function failureOf(
  error: { name: string; message: string; data?: Record<string, unknown> | undefined } | undefined,
): Failure | null {
  if (!error) return null;
  const { name, message, data = null } = error;
  return { name, code: codeOf(name), message, data };
}

/** The journal entry of a step without a return value: JSON cannot express undefined. */
const NO_VALUE = "";

function journaledValue(result: string): { value?: unknown } {
  return result === NO_VALUE ? {} : { value: JSON.parse(result) };
}

function placeOf(
  kind: Place["kind"],
  name: string,
  { n = 0, base = 0, call = 0, alone = false }: { n?: number; base?: number; call?: number; alone?: boolean },
): Place {
  return { kind, name, n, base, call, alone };
}

function bytesOf(params: { value?: unknown; data?: string | undefined }): Buffer {
  if (params.data !== undefined && params.value !== undefined) {
    throw new AgentctlError("InvalidParams", { field: "value", reason: "give either value or data" });
  }
  if (params.data !== undefined) return fromBase64(params.data);
  if (params.value !== undefined) return Buffer.from(JSON.stringify(params.value));
  throw new AgentctlError("InvalidParams", { field: "value", reason: "give value, or data in base64" });
}

/** Decodes `data`. Node skips invalid characters and would return other bytes, so we encode again and compare. */
function fromBase64(data: string): Buffer {
  const bytes = Buffer.from(data, "base64");
  const encoded = bytes.toString("base64");
  // Line breaks, which the program base64 adds, have no meaning.
  if (encoded === data || encoded === data.replace(/\s+/g, "")) return bytes;
  throw new AgentctlError("InvalidParams", { field: "data", reason: "is not base64 with its padding" });
}
