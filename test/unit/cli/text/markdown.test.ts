import { describe, expect, test } from "vitest";
import { topic, topics } from "../../../../src/cli/command/topics.ts";
import { terminalText } from "../../../../src/cli/text/markdown.ts";

const page = `# Title

<!-- a mark -->

Some **bold** words and \`code\`, a [link](there.md), and enough of them for two lines.

- first
- second, which is longer than the width of the screen

| key | value |
| --- | --- |
| a | one |
| bc | two words that need more than one line |

\`\`\`sh
echo "as it is"   # however long this line may become in the end
\`\`\`
`;

test("a page becomes plain text that fits the terminal, and its code can still be pasted", () => {
  expect(terminalText(page, 40)).toBe(`TITLE

Some bold words and code, a link, and
enough of them for two lines.

- first
- second, which is longer than the width
  of the screen

  a   one
  bc  two words that need more than one
      line

    echo "as it is"
      # however long this line may
      # become in the end
`);
});

test("a table with more than two columns is printed row by row, with its titles", () => {
  const table = "| tool | good | bad |\n| --- | --- | --- |\n| x | y | |\n| | z | w |";
  expect(terminalText(table, 40)).toBe("x\n    good: y\n\n    good: z\n    bad: w\n");
});

describe("topics", () => {
  test("begin with what a newcomer reads first", () => {
    expect(topics().slice(0, 2)).toEqual(["quick-start", "pausing"]);
  });

  test("are found by their whole name or by one word of it", () => {
    expect(topic("queues-and-schedules", 80)).toMatch(/^QUEUES AND SCHEDULES\n/);
    expect(topic("schedules", 80)).toBe(topic("queues-and-schedules", 80));
    expect(topic("moon", 80)).toBeUndefined();
  });

  test.for(topics())("%s contains no Markdown markup", (name) => {
    const text = topic(name, 80) ?? "";
    const prose = text.split("\n").filter((line) => !line.startsWith("    "));
    expect(prose.filter((line) => /^#|^```|\]\(|\*\*|^<!--/.test(line))).toEqual([]);
  });
});
