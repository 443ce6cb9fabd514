import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, describe, expect, type TestContext } from "vitest";
import { type Home, isOnPath, isShared, it, until } from "../harness/index.ts";
import { Web } from "../harness/web.ts";
import { agentOptions, step } from "./agent-story.ts";
import { noted, open } from "./story.ts";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser: Browser | null = null;
afterAll(async () => await browser?.close());

/** Opens the dashboard with access. Skips the test without a browser. `errors` collects the console errors. */
async function opened(home: Home, skip: TestContext["skip"]): Promise<{ page: Page; errors: string[] }> {
  const name = BROWSERS.find(isOnPath);
  skip(name === undefined, `needs one of ${BROWSERS.join(", ")}`);
  const executablePath = (process.env.PATH ?? "")
    .split(":")
    .map((folder) => `${folder}/${name}`)
    .find(isFile);
  browser ??= await chromium.launch({
    executablePath: executablePath as string,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(30_000);
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await Web.open(home);
  await page.goto((await home.cli("ui", "--print")).stdout.trim());
  return { page, errors };
}

function isFile(path: string): boolean {
  try {
    readFileSync(path, { flag: "r" }).subarray(0, 1);
    return true;
  } catch {
    return false;
  }
}

async function serious(page: Page): Promise<string[]> {
  // The page's policy allows no scripts, so the test injects its own through the debugger.
  const { violations } = (await page.evaluate(`${axe}; axe.run()`)) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** Saves a screenshot to the folder `DASHBOARD_SHOTS`, if that is set. */
async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.DASHBOARD_SHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

/** An expression: the texts of a row that overlap an earlier text. */
const OVERLAPS = `[...document.querySelectorAll(".rows li:first-child a")].flatMap((row) => {
  const parts = [...row.children].filter((part) => part.offsetWidth > 0).map((part) => [part, part.getBoundingClientRect()]);
  const lies = ([, a], [, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return parts.filter((one, at) => parts.some((other, n) => n < at && lies(one, other))).map(([part]) => part.textContent);
})`;

const patient = { deadlineMs: 60_000, message: "the conversation" };

/** Presses Tab until the element with this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const focused = `(document.activeElement?.labels?.[0] ?? document.activeElement)?.textContent.trim()`;
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(focused)) === name) return;
  }
  throw new Error(`${name} is not reached by keyboard`);
}

/** Resolves after the page has shown everything that had arrived. */
async function allShown(page: Page): Promise<void> {
  await page.evaluate(
    `fetch("/").then((answer) => answer.text()).then(() => new Promise(requestAnimationFrame))`,
  );
}

describe("the dashboard", () => {
  it("shows tasks live, pauses, resumes, answers and shows the log, without console errors", async ({
    home,
    skip,
  }) => {
    const { page, errors } = await opened(home, skip);
    await page.getByText("There are no tasks yet.").waitFor();
    await shot(page, "empty");
    const print = "printf '\\033[31mred\\033[0m <i>x</i>\\n'; sleep 300";
    const id = await home.run("--name", "<b>bold</b>", "sh", "-c", print);
    await page.getByRole("link", { name: "<b>bold</b>" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume", exact: true }).waitFor();
    expect((await home.task(id)).state).toBe("suspended");
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.locator("pre .c-red", { hasText: "red" }).waitFor();
    expect(await page.locator("pre").textContent()).toContain("<i>x</i>");
    expect(await serious(page)).toEqual([]);
    await shot(page, "task");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Run again" }).waitFor();
    const module = home.module(`import { defineTask } from "agentctl";
      export default defineTask(async (task) => {
        await task.artifact("a.txt", "kept");
        return await task.ask("Publish?", { choices: ["yes", "no"] }); });`);
    const other = await home.run("--name", "asker", module);
    await home.reaches(other, "input-required");
    await page.goto(`${page.url().split("#")[0]}#/task/${other}`);
    await page.getByRole("button", { name: "yes" }).click();
    await page.getByText('"yes"').waitFor();
    expect(await page.getByRole("link", { name: "a.txt" }).getAttribute("href")).toBe(
      `/tasks/${other}/artifacts/a.txt`,
    );
    await page.getByRole("link", { name: "Queues" }).click();
    await page.getByRole("cell", { name: "default" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    expect(await serious(page)).toEqual([]);
    await shot(page, "keys");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("t");
    await page.getByRole("link", { name: "asker" }).waitFor();
    for (const key of ["j", "j", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("heading", { name: "Time line" }).waitFor();
    expect(await serious(page)).toEqual([]);
    expect(errors).toEqual([]);
    await page.close();
  });

  it("handles 10,000 tasks, fits small and large screens and reconnects after a daemon restart", async ({
    home,
    skip,
  }) => {
    await home.cli("daemon", "start");
    // To cancel 10,000 tasks at the end takes a minute in PostgreSQL.
    const many = isShared(home) ? 2_000 : 10_000;
    const tasks = Array.from({ length: many }, (_, n) => ({
      argv: ["true"],
      name: `n-${n}`,
      held: true,
      cwd: home.work,
    }));
    for (let at = 0; at < tasks.length; at += 5000)
      await home.rpc("tasks/batch", { tasks: tasks.slice(at, at + 5000) });
    const { page } = await opened(home, skip);
    await page.getByText(`${many} of ${many}`).waitFor();
    expect(await page.locator(".rows li").count()).toBeLessThan(100);
    await page.getByLabel("Text").fill("n-777");
    const found = tasks.filter(({ name }) => name.includes("n-777")).length;
    await page.getByText(`${found} of ${many}`).waitFor();
    for (const [width, scheme] of [
      [360, "light"],
      [1280, "dark"],
      [2560, "light"],
    ] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme: scheme });
      const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(overflow)).toBe(0);
      expect(await page.evaluate(OVERLAPS)).toEqual([]);
      expect(await serious(page)).toEqual([]);
      await shot(page, `tasks-${width}-${scheme}`);
    }
    const pid = await home.killDaemon();
    await page.getByText("reconnecting").waitFor();
    await home.cli("daemon", "start");
    await page.getByText("live", { exact: true }).waitFor();
    const id = await home.run("--name", "after-return", "true");
    await page.getByLabel("Text").fill("after-return");
    await page.getByText(`1 of ${many + 1}`).waitFor();
    expect([id > many, pid > 0]).toEqual([true, true]);
    await page.close();
  });

  it("shows an agent's conversation, continues it after a daemon restart and works with the keyboard only", async ({
    home,
    skip,
  }) => {
    const { page, errors } = await opened(home, skip);
    const steps = [{ say: "Hello" }, step(1, { gated: true }), step(2, { gated: true })];
    const id = await home.run("--name", "talk", ...agentOptions(home, "claude", steps), "do it");
    const talk = page.locator("pre");
    await page.getByRole("link", { name: "talk" }).waitFor();
    for (const key of ["t", "j", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("heading", { name: "Conversation" }).waitFor();
    await noted(home, 1, "begun.log");
    await until(async () => (await talk.textContent())?.includes("> do it\nHello\n$ ") ?? false, patient);
    await home.killDaemon();
    await page.getByText("reconnecting").waitFor();
    await home.cli("daemon", "start");
    await page.getByText("live", { exact: true }).waitFor();
    open(home, "go-1");
    await until(async () => (await talk.textContent())?.includes("\n  done-1") ?? false, patient);
    await tabTo(page, "Message");
    await page.keyboard.type("be quick");
    await page.keyboard.press("Enter");
    await page.getByText("sent", { exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await shot(page, "agent");
    await page.keyboard.press("t");
    await page.getByRole("link", { name: "talk" }).waitFor();
    for (const key of ["j", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
    await tabTo(page, "Pause");
    await page.keyboard.press("Enter");
    await until(async () => (await home.json("show", `${id}`)).activity.doing === "pause", patient);
    open(home, "go-2");
    await page.getByRole("button", { name: "Resume", exact: true }).waitFor();
    expect((await home.task(id)).state).toBe("suspended");
    await tabTo(page, "Cancel");
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Run again" }).waitFor();
    expect(await serious(page)).toEqual([]);
    expect(errors.filter((text) => !/ERR_|Failed to load resource/.test(text))).toEqual([]);
    await page.close();
  });

  it("shows how a task ended even if an older response arrives later", async ({ home, skip }) => {
    const { page } = await opened(home, skip);
    const id = await home.run("--name", "late", "sleep", "300");
    await page.getByRole("link", { name: "late" }).waitFor();
    const arrived: string[] = [];
    let letIn = () => {};
    const isOver = new Promise<void>((resolve) => (letIn = resolve));
    await page.route("**/rpc", async (route) => {
      const answer = await route.fetch();
      const { result } = (await answer.json()) as { result?: { task?: { state: string } } };
      const state = result?.task?.state ?? "other";
      if (state === "working") await isOver;
      await route.fulfill({ response: answer });
      arrived.push(state);
    });
    await page.goto(`${page.url().split("#")[0]}#/task/${id}`);
    await page.getByRole("link", { name: "late" }).waitFor({ state: "hidden" });
    await home.cli("cancel", String(id));
    await page.getByRole("button", { name: "Run again" }).waitFor();
    letIn();
    await until(() => arrived.includes("working"));
    await allShown(page);
    expect(await page.getByRole("button", { name: "Run again" }).count()).toBe(1);
    await page.unrouteAll({ behavior: "wait" });
    await page.close();
  });

  it("stays on the newly opened task when a button of the previous task is answered", async ({
    home,
    skip,
  }) => {
    const { page } = await opened(home, skip);
    const base = page.url().split("#")[0];
    const [first, second] = [await home.run("sleep", "300"), await home.run("--name", "second", "true")];
    let letIn = () => {};
    const isOver = new Promise<void>((resolve) => (letIn = resolve));
    const asked: string[] = [];
    await page.route("**/rpc", async (route) => {
      const { method, params } = route.request().postDataJSON() as {
        method: string;
        params: { id?: number };
      };
      const response = await route.fetch();
      if (method === "tasks/cancel") await isOver;
      await route.fulfill({ response });
      if (params.id === first) asked.push(method);
    });
    await page.goto(`${base}#/task/${first}`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.goto(`${base}#/task/${second}`);
    await page.getByRole("heading", { name: "second" }).waitFor();
    await until(() => asked.includes("tasks/get"));
    asked.length = 0;
    letIn();
    await until(() => asked.includes("tasks/get"));
    await allShown(page);
    expect(await page.getByRole("heading", { name: "second" }).count()).toBe(1);
    await page.unrouteAll({ behavior: "wait" });
    await page.close();
  });

  it("shows why the daemon refused a submission", async ({ home, skip }) => {
    const { page } = await opened(home, skip);
    await page.getByText("There are no tasks yet.").waitFor();
    await page.keyboard.press("n");
    await page.getByLabel("Program, one argument a line").fill("true");
    await page.getByLabel("Or a coding agent").selectOption("claude");
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByRole("alert").getByText("Give one of a program").waitFor();
    await page.getByLabel("Or a coding agent").selectOption("");
    await page.getByLabel("Directory").fill("relative");
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByRole("alert").getByText("cwd").waitFor();
    expect(await serious(page)).toEqual([]);
    await shot(page, "submit");
    await page.getByLabel("Directory").fill(home.work);
    await page.getByRole("button", { name: "Submit" }).click();
    await page.getByRole("button", { name: "Run again" }).waitFor();
    await page.close();
  });

  it("holds, releases, resumes from a checkpoint, searches the log, and shows queues and schedules", async ({
    home,
    skip,
  }) => {
    const { page, errors } = await opened(home, skip);
    const base = page.url().split("#")[0];
    const button = (name: string | RegExp) => page.getByRole("button", { name });
    const held = await home.run("--hold", "--label", "team=web", "true");
    await page.goto(`${base}#/task/${held}`);
    await page.getByText("is held").waitFor();
    await button("Release").click();
    await button("Run again").waitFor();
    const module = home.module(`import { defineTask } from "agentctl";
      export default defineTask(async (task) => {
        for (const n of [1, 2]) { await task.step("step " + n, async () => console.log("line " + n)); await task.save({ n }); }
        for (;;) await task.sleep("300ms"); });`);
    const id = await home.run("--name", "saver", module);
    await page.goto(`${base}#/task/${id}`);
    await page.locator("li", { hasText: "step 2" }).waitFor();
    await page.locator("pre", { hasText: "line 2" }).waitFor();
    await page.getByLabel("Search").fill("LINE 1");
    await page.locator("pre", { hasText: /^line 1$/ }).waitFor();
    await page.getByLabel("Search").fill("");
    await button("Pause").click();
    await button("Resume from 1").click();
    await page.getByText("2 of 2").waitFor();
    await button("Cancel").click();
    await button("Run again").click();
    await page.waitForURL(`${base}#/task/${id + 1}`);
    await page.locator("li", { hasText: "step 2" }).waitFor();
    await button("Cancel").click();
    await button("Go on where it stopped").click();
    await page.waitForURL(`${base}#/task/${id + 2}`);
    await button("Cancel").click();
    await button("Run again").waitFor();
    expect((await home.json("show", `${id + 2}`)).steps).toMatchObject([
      { name: "step 1" },
      { name: "step 2" },
    ]);
    await home.cli("schedule", "add", "nightly", "0 3 * * *", "--", "true");
    await page.goto(`${base}#/schedules`);
    await page.getByRole("cell", { name: "nightly" }).waitFor();
    await page.getByRole("cell", { name: /^\d{4}-\d\d-\d\d \d\d:\d\d:00$/ }).waitFor();
    expect(await serious(page)).toEqual([]);
    await page.goto(`${base}#/queues`);
    await button("Hold").click();
    await page.getByText("default is held").waitFor();
    await button("Release").click();
    await page.getByText("default is released").waitFor();
    expect(await serious(page)).toEqual([]);
    await page.goto(`${base}#/`);
    await page.getByLabel("State").selectOption("canceled");
    await page.getByText("3 of 4").waitFor();
    await page.getByLabel("State").selectOption("");
    await page.getByLabel("Label").fill("team=web");
    await page.getByText("1 of 4").waitFor();
    expect(errors).toEqual([]);
    await page.close();
  });
});
