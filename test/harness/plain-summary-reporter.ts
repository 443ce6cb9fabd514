import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/** Returns the error of the first try. */
function why(test: TestCase): string {
  const [first] = test.result().errors ?? [];
  return first ? `\n  ${first.message.split("\n").slice(0, 3).join("\n  ")}` : "";
}

/**
 * Ends the run with one plain line for all projects: `N passed, N failed` and perhaps `, N skipped`. A file that cannot
 * be loaded and an error outside of a test count as failed, so that the line agrees with the exit code. Above that line
 * it prints the tests that passed only at the second try, and the skipped tests with the reason.
 */
export class PlainSummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const skipped = new Map<string, string[]>();
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        count[result.state] += 1;
        if (result.state === "skipped") {
          const reason = result.note ?? "no reason given";
          skipped.set(reason, [...(skipped.get(reason) ?? []), test.fullName]);
        }
        if (test.diagnostic()?.flaky)
          process.stdout.write(`\npassed at the second try: ${test.fullName}${why(test)}`);
      }
      const suites = [...module.children.allSuites()];
      count.failed += module.errors().length + suites.flatMap((suite) => suite.errors()).length;
    }
    for (const [reason, names] of skipped)
      process.stdout.write(`\nskipped, ${reason}:\n  ${names.join("\n  ")}`);
    const left = count.skipped + count.pending;
    process.stdout.write(
      `\n${count.passed} passed, ${count.failed} failed${left > 0 ? `, ${left} skipped` : ""}\n`,
    );
  }
}

// Vitest loads a reporter from a path by its default export.
export default PlainSummaryReporter;
