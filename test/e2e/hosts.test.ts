import { expect } from "vitest";
import { it, processes, until } from "../harness/index.ts";
import { noted, notes, open, taskModule } from "./story.ts";

const told = taskModule(`
  note([process.pid, process.env.NODE_ENV, new Date(0).getHours()].join(" "));
  await task.step("wait", () => gate("go"));
`);

it("starts hosts in advance even for variables that a process reads at its start", async ({ home }) => {
  await home.cli("config", "set", "hosts", "1");
  const waiting = () =>
    processes(home.dir)
      .filter(({ command }) => command.endsWith("host.mjs"))
      .map(({ pid }) => pid);
  const of = { NODE_ENV: "production", TZ: "Asia/Tokyo" };
  const variables = Object.entries(of).flatMap(([name, text]) => ["--env", `${name}=${text}`]);
  const id = await home.run(...variables, home.module(told));
  await noted(home, 1);
  // Whether the waiting host is ready at the resume depends on how long its start takes.
  await until(
    async () => {
      const times = notes(home).length;
      const ahead = waiting();
      await home.cli("pause", `${id}`, "--grace", "0s");
      await home.cli("resume", `${id}`, "--wait");
      await noted(home, times + 1);
      const [pid, ...rest] = notes(home).at(-1)?.split(" ") ?? [];
      expect(rest).toEqual(["production", "9"]);
      return ahead.includes(Number(pid));
    },
    { everyMs: 300 },
  );
  open(home);
  await home.reaches(id, "completed");
});
