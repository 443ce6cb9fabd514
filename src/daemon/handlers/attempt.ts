import { AgentctlError, codeOf } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import {
  acknowledge,
  hello,
  keepArtifact,
  type Live,
  liveByToken,
  openQuestion,
  type Place,
  saveCheckpoint,
  saveResult,
  sleepUntil,
  stepBegan,
  stepEnded,
  suspended,
} from "../../engine/index.ts";
import type { Handlers } from "../../protocol/methods.ts";
import type { Connection } from "../connection.ts";
import { artifactJson } from "./artifacts.ts";
import { at, type Daemon, given } from "./context.ts";

type Attempt = Pick<Handlers<Connection>, Extract<keyof Handlers<Connection>, `attempt/${string}`>>;

/** What a running task asks for: each call is authorised by the attempt's token. */
export function attemptHandlers({ engine }: Daemon): Attempt {
  const live = async (
    params: { token?: string | undefined },
    connection: Connection,
    isSave = false,
  ): Promise<Live> => {
    const token = params.token ?? connection.token;
    if (token !== null && token !== undefined) return await liveByToken(engine, token, isSave);
    throw new AgentctlError("InvalidParams", {
      field: "token",
      reason: "give AGENTCTL_TOKEN, or say attempt/hello first",
    });
  };
  return {
    "attempt/hello": async ({ token }, connection) => {
      const mine = await liveByToken(engine, token);
      connection.token = token;
      const welcome = await hello(engine, mine, connection as never);
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
          journal: module.journal.map(({ kind, name, n, base, call, alone, result }) => ({
            kind,
            name,
            n,
            base,
            call,
            alone,
            ...journaledValue(result),
          })),
        },
      };
    },

    "attempt/checkpoint": async (params, connection) => {
      const mine = await live(params, connection, true);
      const { label, base, nonce } = params;
      return {
        seq: await saveCheckpoint(engine, mine, { data: bytesOf(params), ...given({ label, base, nonce }) }),
      };
    },

    "attempt/step": async (params, connection) => {
      const mine = await live(params, connection);
      const place = placeOf("step", params.name, params);
      if (params.started) {
        await stepBegan(engine, mine, place);
        return {};
      }
      if (params.started === false) {
        stepEnded(mine, place);
        return {};
      }
      const startedAt = at(params.startedAt) ?? engine.clock.now();
      const value = params.value === undefined ? NOTHING : JSON.stringify(params.value);
      return journaledValue((await acknowledge(engine, mine, place, { value, startedAt })) ?? NOTHING);
    },

    "attempt/sleep": async (params, connection) => {
      const mine = await live(params, connection);
      return { until: toIso(await sleepUntil(engine, mine, placeOf("sleep", "sleep", params), params.ms)) };
    },

    "attempt/ask": async (params, connection) => {
      const mine = await live(params, connection);
      const { prompt, choices, timeoutMs, default: fallback } = params;
      const asked = { prompt, ...given({ choices, timeoutMs, fallback }) };
      return { answer: await openQuestion(engine, mine, placeOf("ask", "ask", params), asked) };
    },

    "attempt/progress": async (params, connection) => {
      const mine = await live(params, connection);
      const { done, total = null, message = null } = params;
      await engine.store.update(mine.taskId, { progress: { done, total, message } }, { states: ["working"] });
      return {};
    },

    "attempt/artifact": async (params, connection) => {
      const mine = await live(params, connection);
      return { artifact: artifactJson(await keepArtifact(engine, mine, params)) };
    },

    "attempt/messages": async (params, connection) => {
      const mine = await live(params, connection);
      const key = params.n === undefined ? null : placeOf("messages", "messages", params);
      return { messages: await engine.store.takeMessages(mine.token, key, engine.clock.now()) };
    },

    "attempt/suspended": async (params, connection) => {
      const mine = await live(params, connection);
      const value = params.value === undefined ? undefined : JSON.stringify(params.value);
      const until = at(params.until) ?? undefined;
      await suspended(engine, mine, { to: params.for, ...given({ base: params.base, value, until }) });
      return {};
    },

    "attempt/result": async (params, connection) => {
      const mine = await live(params, connection);
      const { error, value = null } = params;
      const failure = error && {
        name: error.name,
        code: codeOf(error.name),
        message: error.message,
        data: error.data ?? null,
      };
      await saveResult(engine, mine, failure ? { error: failure } : { value });
      return {};
    },
  };
}

/** How a step that gave nothing is journaled: JSON has no word for it. */
const NOTHING = "";

function journaledValue(result: string): { value?: unknown } {
  return result === NOTHING ? {} : { value: JSON.parse(result) };
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
  if (params.data !== undefined) return Buffer.from(params.data, "base64");
  if (params.value !== undefined) return Buffer.from(JSON.stringify(params.value));
  throw new AgentctlError("InvalidParams", { field: "value", reason: "give value, or data in base64" });
}
