import { useEffect, useState } from "preact/hooks";
import type { ArtifactJson, TaskDetailsJson } from "../protocol/methods.ts";
import { Actions, reasonOf, useActions } from "./actions.tsx";
import { rpc } from "./api.ts";
import { useLatest } from "./latest.ts";
import { Log } from "./log.tsx";
import { detailOf, formatDuration, plain, timeOf, titleOf, usageOf } from "./words.ts";

interface TaskData {
  task: TaskDetailsJson;
  artifacts: readonly ArtifactJson[];
}

/** The page of one task. Each task's page has its own `key`. `changes` and `returns` are those of `Model`. */
export function TaskPage({ id, changes, returns }: { id: number; changes: number; returns: number }) {
  const [data, setData] = useState<TaskData | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const latest = useLatest();
  const reload = async () => {
    const isLatest = latest.ask();
    try {
      const [{ task }, { artifacts }] = await Promise.all([
        rpc("tasks/get", { id, details: true }),
        rpc("artifacts/list", { id }),
      ]);
      if (!isLatest()) return;
      setData({ task: task as TaskDetailsJson, artifacts });
      setFailure(null);
    } catch (error) {
      if (!isLatest()) return;
      setFailure(error instanceof TypeError ? "the daemon does not answer" : reasonOf(error));
    }
  };
  useEffect(() => void reload(), [id, changes]);
  const alert =
    failure === null ? null : (
      <p class="failure" role="alert">
        {plain(failure)}
      </p>
    );
  if (!data) return alert ?? <p class="empty">…</p>;
  const { task, artifacts } = data;
  return (
    <article>
      <h1>
        <span class={`state s-${task.state}`}>{task.state}</span> {titleOf(task)} <small>{id}</small>
      </h1>
      <p class="says">{detailOf(task)}</p>
      {alert}
      <Actions task={task} onDone={reload} />
      <Summary task={task} />
      <TimeLine task={task} />
      <Steps task={task} />
      <Checkpoints task={task} onDone={reload} />
      <Artifacts task={task} artifacts={artifacts} />
      <Log
        id={id}
        title={task.kind === "agent" ? "Conversation" : "Log"}
        isLive={task.endedAt === null}
        attempt={task.attempt}
        returns={returns}
      />
    </article>
  );
}

function Summary({ task }: { task: TaskDetailsJson }) {
  const {
    queue,
    priority,
    labels,
    cwd,
    argv,
    module,
    attempt,
    maxAttempts,
    runMs,
    pausedMs,
    exitCode,
    error,
    result,
    input,
    agent,
    usage,
  } = task;
  const rows: [string, string | null][] = [
    ["Command", argv?.join(" ") ?? module?.path ?? null],
    ["Directory", cwd],
    ["Queue", `${queue}, priority ${priority}`],
    [
      "Labels",
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(", ") || null,
    ],
    ["Attempts", attempt === null ? null : `${attempt} of ${Math.max(attempt, maxAttempts)}`],
    ["Run time", `${formatDuration(runMs)}${pausedMs > 0 ? `, paused ${formatDuration(pausedMs)}` : ""}`],
    ["Input", input],
    ["Agent", agent && [agent.name, agent.version, agent.model].filter(Boolean).join(" ")],
    ["Session", agent?.session ?? null],
    ["Usage", usage && usageOf(usage)],
    ["Exit code", exitCode === null ? null : String(exitCode)],
    ["Error", error && `${error.name}: ${error.message}`],
    ["Result", result === null || result === undefined ? null : JSON.stringify(result)],
  ];
  return (
    <dl>
      {rows.map(([name, value]) =>
        value === null ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{plain(value)}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

function TimeLine({ task }: { task: TaskDetailsJson }) {
  return (
    <section>
      <h2>Time line</h2>
      <ol class="line">
        {task.events.map(({ seq, at, to, cause, actor, attempt }) => (
          <li key={seq}>
            <time dateTime={at}>{timeOf(at)}</time>
            <span class={to === null ? "state" : `state s-${to}`}>{to ?? cause}</span>
            <span>{plain(`${cause} by ${actor}${attempt === null ? "" : `, attempt ${attempt}`}`)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Steps({ task: { steps } }: { task: TaskDetailsJson }) {
  if (steps.length === 0) return null;
  return (
    <section>
      <h2>Steps</h2>
      <ol class="line">
        {steps.map(({ name, n, startedAt, endedAt, unused }) => (
          <li key={`${name} ${n}`}>
            <span>
              {plain(name)}
              {n > 1 ? ` (${n})` : ""}
            </span>
            <span>
              {formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}
              {unused ? ", not used" : ""}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Checkpoints({ task, onDone }: { task: TaskDetailsJson; onDone: () => Promise<void> }) {
  const { act, isBusy, notice } = useActions(onDone);
  if (task.checkpoints.length === 0) return null;
  return (
    <section>
      <h2>Checkpoints</h2>
      <ul class="line">
        {task.checkpoints.map(({ seq, createdAt, size, label, superseded }) => (
          <li key={seq}>
            <span>
              {seq}
              {label === null ? "" : ` ${plain(label)}`}
              {superseded ? ", superseded" : ""}
            </span>
            <time dateTime={createdAt}>{timeOf(createdAt)}</time>
            <span>{size} bytes</span>
            {task.state === "suspended" ? (
              <button
                type="button"
                disabled={isBusy}
                onClick={act(
                  () => rpc("tasks/resume", { id: task.id, from: seq }),
                  `Resume from ${seq}: done`,
                )}
              >
                Resume from {seq}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {notice}
    </section>
  );
}

function Artifacts({ task, artifacts }: { task: TaskDetailsJson; artifacts: readonly ArtifactJson[] }) {
  if (artifacts.length === 0) return null;
  return (
    <section>
      <h2>Artifacts</h2>
      <ul class="line">
        {artifacts.map(({ name, size }) => (
          <li key={name}>
            <a
              download
              href={`/tasks/${task.id}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`}
            >
              {plain(name)}
            </a>
            <span>{size} bytes</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
