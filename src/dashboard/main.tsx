/** The dashboard: one page, which uses only `/rpc`, `/events`, and the logs and artifacts of tasks. */
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Keys } from "./keys.tsx";
import { Live } from "./model.ts";
import { QueuesPage, SchedulesPage } from "./queues.tsx";
import { SubmitPage } from "./submit.tsx";
import { TaskPage } from "./task.tsx";
import { TasksPage } from "./tasks.tsx";

const PAGES = [
  ["#/", "Tasks"],
  ["#/queues", "Queues"],
  ["#/schedules", "Schedules"],
  ["#/submit", "Submit"],
] as const;

function useRoute(): string {
  const [route, setRoute] = useState(location.hash || "#/");
  useEffect(() => {
    const change = () => setRoute(location.hash || "#/");
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}

function App() {
  const route = useRoute();
  const [, redraw] = useState(0);
  const live = useMemo(() => new Live(() => redraw((n) => n + 1)), []);
  useEffect(() => live.start(), [live]);
  const { model } = live;
  const task = /^#\/task\/(\d+)/.exec(route)?.[1];
  return (
    <>
      <header>
        <a class="brand" href="#/">
          agentctl
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([href, title]) => (
            <a key={href} href={href} aria-current={route === href ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class={model.isUp ? "link up" : "link down"} role="status">
          {model.isUp ? "live" : "reconnecting"}
        </span>
        <Keys />
      </header>
      <main>
        {model.isSignedOut ? <SignedOut /> : null}
        {task !== undefined ? (
          <TaskPage key={task} id={Number(task)} changes={model.changes} returns={model.returns} />
        ) : null}
        {route === "#/" || route.startsWith("#/?") ? <TasksPage model={model} /> : null}
        {route === "#/queues" ? <QueuesPage changes={model.changes} /> : null}
        {route === "#/schedules" ? <SchedulesPage changes={model.changes} /> : null}
        {route === "#/submit" ? <SubmitPage /> : null}
      </main>
    </>
  );
}

function SignedOut() {
  return (
    <p class="failure" role="alert">
      This browser is not signed in. Run <code>agentctl ui</code> and open the address that it prints.
    </p>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
