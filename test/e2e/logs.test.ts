import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { open } from "./story.ts";

it("prints all attempts in order on stdout, with headings on stderr", async ({ home }) => {
  const script = 'echo "attempt $AGENTCTL_ATTEMPT"; [ "$AGENTCTL_ATTEMPT" = 2 ]';
  const id = await home.run("--retries", "1", "--backoff", "10ms", "sh", "-c", script);
  await home.reaches(id, "completed");
  const { stdout, stderr } = await home.cli("logs", `${id}`);
  expect(stdout).toBe("attempt 1\nattempt 2\n");
  expect(stderr).toMatch(/attempt 1[\s\S]*attempt 2/);
  expect((await home.cli("logs", `${id}`, "-n", "1")).stdout).toBe("attempt 2\n");
});

it("waits with -f for the first task that a selector matches", async ({ home }) => {
  await home.cli("daemon", "start");
  expect((await home.cli("logs", "--label", "p=y")).stderr).toContain("no task matches");
  const following = home.spawn("logs", "-f", "--label", "p=y");
  await until(() => following.stderr.includes("waiting for the first"));
  await home.run("echo", "another");
  await home.run("--label", "p=y", "--name", "late", "echo", "later");
  expect((await following.ended).code).toBe(0);
  expect(following.stdout).toContain("later");
  expect(following.stdout).not.toContain("another");
});

it("follows a task to its end, even across a pause", async ({ home }) => {
  const id = await home.run("sh", "-c", "echo before; until [ -e go ]; do sleep 0.02; done; echo after");
  const following = home.spawn("logs", "-f", `${id}`);
  await until(() => following.stdout === "before\n");
  await home.cli("pause", `${id}`);
  await home.cli("resume", `${id}`);
  open(home);
  expect((await following.ended).stdout).toBe("before\nafter\n");
});
