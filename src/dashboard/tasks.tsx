import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { states } from "../core/machine.ts";
import type { TaskJson } from "../protocol/methods.ts";
import type { Model } from "./model.ts";
import { ago, detailOf, titleOf } from "./words.ts";

const ROW_PX = 44;
const NO_TASKS = "There are no tasks yet. Submit one here, or with agentctl run.";
/** How many rows are drawn above and below the visible ones. */
const OVERSCAN_ROWS = 12;

interface Filters {
  state: string;
  queue: string;
  label: string;
  text: string;
}

/** All tasks, newest first. The page contains only the visible rows. */
export function TasksPage({ model }: { model: Model }) {
  const [filters, setFilters] = useState<Filters>({ state: "", queue: "", label: "", text: "" });
  const all = useMemo(() => [...model.tasks.values()].sort((a, b) => b.id - a.id), [model.changes]);
  const queues = useMemo(() => [...new Set(all.map(({ queue }) => queue))].sort(), [all]);
  const tasks = useMemo(() => all.filter((task) => matches(task, filters)), [all, filters]);
  const set = (field: keyof Filters) => (event: Event) =>
    setFilters({ ...filters, [field]: (event.currentTarget as HTMLInputElement).value });
  return (
    <>
      <h1>Tasks</h1>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          State{" "}
          <select value={filters.state} onChange={set("state")}>
            <option value="">all</option>
            <option value="open">open</option>
            {states.map((state) => (
              <option key={state} value={state}>
                {state}
              </option>
            ))}
          </select>
        </label>
        <label>
          Queue{" "}
          <select value={filters.queue} onChange={set("queue")}>
            <option value="">all</option>
            {queues.map((queue) => (
              <option key={queue} value={queue}>
                {queue}
              </option>
            ))}
          </select>
        </label>
        <label>
          Label <input value={filters.label} placeholder="key=value" onInput={set("label")} />
        </label>
        <label>
          Text <input type="search" value={filters.text} onInput={set("text")} />
        </label>
        <output>
          {tasks.length} of {all.length}
          {model.isLoaded ? "" : " …"}
        </output>
      </form>
      {tasks.length === 0 ? (
        <p class="empty">{emptyText(all.length, model.isLoaded)}</p>
      ) : (
        <Rows tasks={tasks} />
      )}
    </>
  );
}

function emptyText(total: number, isLoaded: boolean): string {
  if (total > 0) return "No task matches these filters.";
  return isLoaded ? NO_TASKS : "…";
}

function Rows({ tasks }: { tasks: readonly TaskJson[] }) {
  const box = useRef<HTMLElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  useEffect(() => {
    const measure = () => setHeight(box.current?.clientHeight ?? 800);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  const first = Math.max(0, Math.floor(top / ROW_PX) - OVERSCAN_ROWS);
  const visible = tasks.slice(first, first + Math.ceil(height / ROW_PX) + 2 * OVERSCAN_ROWS);
  const now = Date.now();
  return (
    <section
      class="rows"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
      tabIndex={0}
      aria-label="List of tasks"
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div class="space" style={{ height: `${tasks.length * ROW_PX}px` }}>
        <ul style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {visible.map((task) => (
            <Row key={task.id} task={task} now={now} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Row({ task, now }: { task: TaskJson; now: number }) {
  const { id, state, queue, progress, updatedAt } = task;
  return (
    <li>
      <a href={`#/task/${id}`}>
        <span class="id">{id}</span>
        <span class={`state s-${state}`}>{state}</span>
        <span class="title">{titleOf(task)}</span>
        <span class="detail">{detailOf(task)}</span>
        <span class="done">
          {progress && progress.total !== null ? (
            <progress value={progress.done} max={progress.total} aria-label={`progress of task ${id}`} />
          ) : null}
        </span>
        <span class="queue">{queue}</span>
        <span class="age">{ago(updatedAt, now)}</span>
      </a>
    </li>
  );
}

function matches(task: TaskJson, { state, queue, label, text }: Filters): boolean {
  if (state === "open" ? task.endedAt !== null : state !== "" && task.state !== state) return false;
  if (queue !== "" && task.queue !== queue) return false;
  const [key = "", value] = label.split("=");
  if (key !== "" && !(key in task.labels && (value === undefined || task.labels[key]?.startsWith(value))))
    return false;
  if (text === "") return true;
  const words = `${task.id} ${titleOf(task)} ${detailOf(task)}`.toLowerCase();
  return words.includes(text.toLowerCase());
}
