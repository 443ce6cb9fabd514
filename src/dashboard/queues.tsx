import { useEffect, useState } from "preact/hooks";
import type { QueueJson, ScheduleJson } from "../protocol/methods.ts";
import { useActions } from "./actions.tsx";
import { rpc } from "./api.ts";
import { useLatest } from "./latest.ts";
import { plain, timeOf } from "./words.ts";

export function QueuesPage({ changes }: { changes: number }) {
  const [queues, setQueues] = useState<readonly QueueJson[]>([]);
  const latest = useLatest();
  const reload = async () => {
    const isLatest = latest.ask();
    const { queues: found } = await rpc("queues/list", {});
    if (isLatest()) setQueues(found);
  };
  useEffect(() => void reload().catch(() => undefined), [changes]);
  const { act, isBusy, notice } = useActions(reload);
  const change = ({ name, held }: QueueJson) =>
    held
      ? act(() => rpc("queues/release", { name }), `${name} is released`)
      : act(() => rpc("queues/hold", { name }), `${name} is held: nothing of it starts`);
  return (
    <>
      <h1>Queues</h1>
      {notice}
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th>Name</th>
              <th>Slots</th>
              <th class="spare">Working</th>
              <th>Waiting</th>
              <th>Held</th>
              <th>Change</th>
            </tr>
          </thead>
          <tbody>
            {queues.map((queue) => (
              <tr key={queue.name}>
                <td>{plain(queue.name)}</td>
                <td>
                  {queue.used} of {queue.slots ?? "any number"}
                </td>
                <td class="spare">{queue.working}</td>
                <td>{queue.waiting}</td>
                <td>{queue.held ? plain(queue.heldBy ?? "yes") : "no"}</td>
                <td>
                  <button type="button" disabled={isBusy} onClick={change(queue)}>
                    {queue.held ? "Release" : "Hold"}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

export function SchedulesPage({ changes }: { changes: number }) {
  const [schedules, setSchedules] = useState<readonly ScheduleJson[]>([]);
  const latest = useLatest();
  useEffect(() => {
    const isLatest = latest.ask();
    rpc("schedules/list", {}).then(
      ({ schedules: found }) => isLatest() && setSchedules(found),
      () => undefined,
    );
  }, [changes]);
  const timeText = (iso: string | null) => (iso === null ? "–" : timeOf(iso));
  return (
    <>
      <h1>Schedules</h1>
      {schedules.length === 0 ? (
        <p class="empty">There are no schedules.</p>
      ) : (
        <div class="wide">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>When</th>
                <th>Zone</th>
                <th>Next run</th>
                <th>Last run</th>
                <th>Last task</th>
              </tr>
            </thead>
            <tbody>
              {schedules.map(({ name, cron, tz, paused, nextAt, lastAt, lastTask }) => (
                <tr key={name}>
                  <td>{plain(name)}</td>
                  <td>
                    <code>{plain(cron)}</code>
                  </td>
                  <td>{plain(tz ?? "")}</td>
                  <td>{paused ? "paused" : timeText(nextAt)}</td>
                  <td>{timeText(lastAt)}</td>
                  <td>{lastTask === null ? "–" : <a href={`#/task/${lastTask}`}>{lastTask}</a>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
