import { execFileSync } from "node:child_process";
import { beforeEach, describe, expect } from "vitest";
import { launcher } from "../harness/command.ts";
import { type Home, it, needs, until } from "../harness/index.ts";
import { open, taskModule } from "./story.ts";

const WATCH = `${process.execPath} ${launcher} watch`;

/** `agentctl watch` in its own terminal, as a person sees it. */
class Terminal {
  readonly #home: Home;

  constructor(home: Home, line = `${WATCH}; echo "left with $?"; exec sleep 60`) {
    this.#home = home;
    this.#tmux("new-session", "-d", "-x", "90", "-y", "12", line);
  }

  /** Sends a signal to the program in the foreground. */
  signal(name: string): void {
    execFileSync("pkill", [`-${name}`, "-P", this.#tmux("display-message", "-p", "#{pane_pid}").trim()]);
  }

  /** Whether the cursor is visible, the screen is the normal one, and long lines wrap. */
  isAsBefore(): boolean {
    return (
      this.#tmux("display-message", "-p", "#{cursor_flag} #{alternate_on} #{wrap_flag}").trim() === "1 0 1"
    );
  }

  press(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** Waits until the screen matches `what` and does not match `not`. */
  shows(what: RegExp, not?: RegExp): Promise<string> {
    const screen = () => this.#tmux("capture-pane", "-p");
    const look = () => {
      const now = screen();
      return what.test(now) && !not?.test(now) ? now : undefined;
    };
    return until(look, { message: `${what} on the screen${not ? `, and not ${not}` : ""}` });
  }

  /** Closes the terminal while its program may still run. */
  close(): void {
    try {
      this.#tmux("kill-server");
    } catch (error) {
      // The last program has ended and the server with it, perhaps during this call.
      if (!/no server running|server exited|lost server/.test((error as Error).message)) throw error;
    }
  }

  #tmux(...words: string[]): string {
    return execFileSync("tmux", ["-f", "/dev/null", "-S", this.#home.file("tmux"), ...words], {
      env: this.#home.env,
      encoding: "utf8",
    });
  }
}

describe("watch in a terminal", () => {
  beforeEach(({ skip }) => needs(skip, "tmux"));

  it("shows a task's progress even while nothing else happens", async ({ home }) => {
    const source = taskModule(`
      task.progress(1, 3, "one");
      await gate("two");
      task.progress(2, 3, "two");
      await gate("never");`);
    const id = await home.run(home.module(source));
    await until(async () => (await home.task(id)).progress?.done === 1);
    const terminal = new Terminal(home);
    try {
      await terminal.shows(/33% 1\/3 .*one/);
      open(home, "two");
      await terminal.shows(/66% 2\/3 .*two/);
    } finally {
      terminal.close();
    }
  });

  it("shows tasks as they change, and pauses, resumes and cancels the selected one", async ({ home }) => {
    const first = await home.run("--name", "first", "sh", "-c", "echo hello from it; exec sleep 60");
    const second = await home.run("--name", "second", "sleep", "60");
    await home.reaches(second, "working");
    const terminal = new Terminal(home);
    try {
      await terminal.shows(/2 working[\s\S]*> +1 +working +first[\s\S]* +2 +working +second/);
      terminal.press("Down");
      await terminal.shows(/> +2 +working +second/);
      terminal.press("Home");
      await terminal.shows(/> +1 +working +first/);
      terminal.press("p");
      await terminal.shows(/> +1 +suspended[\s\S]*task 1 paused \(frozen\)/);
      expect((await home.task(first)).state).toBe("suspended");
      terminal.press("r");
      await terminal.shows(/> +1 +working[\s\S]*task 1 resumed/);
      terminal.press("Enter");
      await terminal.shows(/log of task 1\s+hello from it/);
      terminal.press("Escape");
      await terminal.shows(/> +1 +working/);
      terminal.press("c");
      await terminal.shows(/press c again to cancel task 1/);
      expect((await home.task(first)).state).toBe("working");
      terminal.press("c");
      await terminal.shows(/> +1 +canceled[\s\S]*task 1 canceled/);
      await home.run("--name", "third", "--hold", "true");
      await terminal.shows(/3 +submitted +third/);
      terminal.press("q");
      await terminal.shows(/left with 0/);
      expect((await home.task(second)).state).toBe("working");
    } finally {
      terminal.close();
    }
  });

  it("restores the terminal however it ends", async ({ home, skip }) => {
    needs(skip, "pkill");
    await home.run("--name", "first", "--hold", "true");
    const crash = "data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('crash'))})";
    const ends: [code: number, end: (terminal: Terminal) => void][] = [
      [0, (terminal) => terminal.press("q")],
      [0, (terminal) => terminal.press("C-c")],
      [143, (terminal) => terminal.signal("TERM")],
      [129, (terminal) => terminal.signal("HUP")],
      [1, (terminal) => terminal.signal("USR2")],
    ];
    const loop = `export NODE_OPTIONS="--import ${crash}"; for n in 0 1 2 3 4; do ${WATCH}; echo "left $n with $?"; read -r x; done`;
    const terminal = new Terminal(home, loop);
    try {
      for (const [at, [code, end]] of ends.entries()) {
        await terminal.shows(/> +1 +submitted +first/);
        end(terminal);
        await terminal.shows(new RegExp(`left ${at} with ${code}`));
        expect(terminal.isAsBefore()).toBe(true);
        // After the last program the terminal would end by itself, at an unknown time.
        if (at < ends.length - 1) terminal.press("Enter");
      }
    } finally {
      terminal.close();
    }
  });

  it("filters, answers, and shows queues, help and the logs of all attempts", async ({ home }) => {
    const failing = home.module(
      taskModule(`
        console.log("attempt", task.attempt);
        if (task.attempt === 1) throw new Error("once");
        return await task.ask("Deploy it?", { choices: ["yes", "no"] });`),
    );
    const ids = [await home.run("--name", "held", "--hold", "true")];
    ids.push(await home.run("--name", "asks", "--retries", "1", "--backoff", "10ms", failing));
    await home.reaches(ids[1] ?? 0, "input-required");
    const terminal = new Terminal(home);
    try {
      await terminal.shows(/1 needs you, 1 submitted[\s\S]*>! +2 +input-required[\s\S]*1 +submitted/);
      terminal.press("/", "h", "e", "l", "d", "Enter");
      await terminal.shows(/1 of 2 with "held"[\s\S]*> +1 +submitted/);
      terminal.press("h");
      await terminal.shows(/task 1 released/);
      await home.reaches(ids[0] ?? 0, "completed");
      terminal.press("Escape");
      await terminal.shows(/2 +input-required[\s\S]*1 +completed/);
      terminal.press("Home", "Tab");
      await terminal.shows(/NAME +SLOTS[\s\S]*> +default/);
      terminal.press("Tab");
      await terminal.shows(/-- attempt 1 --\s+attempt 1[\s\S]*-- attempt 2 --\s+attempt 2/);
      terminal.press("/", ..."ATTEMPT", "Space", "2", "x");
      await terminal.shows(/\/ATTEMPT 2x_ +no line here has "ATTEMPT 2x"[\s\S]*Enter keep/);
      terminal.press("BSpace", "Enter", "n");
      await terminal.shows(/match 1 of 2 for "ATTEMPT 2"[\s\S]*Esc end the search/);
      terminal.press("Escape");
      await terminal.shows(/Esc tasks/);
      terminal.press("?");
      await terminal.shows(/PgUp PgDn +a page/);
      terminal.press("Escape");
      await terminal.shows(/-- attempt 2 --/);
      terminal.press("a");
      await terminal.shows(/asks: Deploy it\?\s+\[1 yes\] +2 no/);
      terminal.press("Down", "Enter");
      await terminal.shows(/task 2 answered/);
      expect((await home.reaches(ids[1] ?? 0, "completed")).result).toBe("no");
    } finally {
      terminal.close();
    }
  });

  it("continues with the next daemon, and ends with its terminal", async ({ home }) => {
    const id = await home.run("sleep", "60");
    await home.reaches(id, "working");
    const terminal = new Terminal(home);
    try {
      await terminal.shows(/1 +working/);
      await home.killDaemon();
      await terminal.shows(/the daemon went away/);
      await home.run("--name", "after", "sleep", "61");
      await terminal.shows(/2 +working +after/, /the daemon went away/);
    } finally {
      terminal.close();
    }
  });
});

it("refuses to run watch on a dumb terminal", async ({ home, skip }) => {
  needs(skip, "tmux");
  const terminal = new Terminal(home, `TERM=dumb ${WATCH}; echo "left with $?"; exec sleep 60`);
  try {
    await terminal.shows(/watch needs a terminal[\s\S]*left with 2/);
  } finally {
    terminal.close();
  }
});

it("refuses to run watch without a terminal, and suggests list", async ({ home }) => {
  const { code, stdout, stderr } = await home.cli("watch");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("watch needs a terminal");
  expect(stderr).toContain("agentctl list");
});
