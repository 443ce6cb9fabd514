import { describe, expect, test } from "vitest";
import { LineNotUtf8, LineSplitter, LineTooLong, MAX_LINE_BYTES } from "../../../src/protocol/framing.ts";

const lines = ['{"a":1}', "", "grüße, 世界, 🜚 and \u2028", "x".repeat(300), '{"last":true}\r'];
const stream = Buffer.from(`${lines.join("\n")}\n`);

function pushed(splitter: LineSplitter, bytes: Buffer, size: number): string[] {
  const got: string[] = [];
  for (let at = 0; at < bytes.length; at += size) got.push(...splitter.push(bytes.subarray(at, at + size)));
  return got;
}

test.each([1, 2, 3, 5, 7, 64, 1000])("chunks of %d bytes give the same lines", (size) => {
  expect(pushed(new LineSplitter(), stream, size)).toEqual(lines);
});

test("a character that is split over two chunks is whole in its line", () => {
  const splitter = new LineSplitter();
  const bytes = Buffer.from("🜚\n");
  expect(splitter.push(bytes.subarray(0, 2))).toEqual([]);
  expect(splitter.push(bytes.subarray(2))).toEqual(["🜚"]);
});

test.each([
  ["a byte that begins no character", [0xff, 0x61]],
  ["half a character", [0x61, 0xf0, 0x9f]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a longer form than is needed", [0xc0, 0xaf]],
])("%s is refused, in one chunk and in many", (_, bytes) => {
  const line = Buffer.from([...bytes, 10]);
  expect(() => new LineSplitter().push(line)).toThrow(LineNotUtf8);
  expect(() => pushed(new LineSplitter(), line, 1)).toThrow(LineNotUtf8);
});

test("an unfinished line waits for its end", () => {
  const splitter = new LineSplitter();
  expect(splitter.push(Buffer.from("half"))).toEqual([]);
  expect(splitter.push(Buffer.from(" and half\nrest"))).toEqual(["half and half"]);
});

describe("16 MiB is the longest line", () => {
  test("a line of exactly that many bytes is accepted", () => {
    const [line] = pushed(
      new LineSplitter(),
      Buffer.alloc(MAX_LINE_BYTES + 1, 10).fill("x", 0, MAX_LINE_BYTES),
      65_536,
    );
    expect(line?.length).toBe(16 * 1024 * 1024);
  });

  test("a longer line is refused before its end arrives, and so is everything after it", () => {
    const splitter = new LineSplitter();
    pushed(splitter, Buffer.alloc(MAX_LINE_BYTES, "x"), 65_536);
    expect(() => splitter.push(Buffer.from("x"))).toThrow(LineTooLong);
    expect(() => splitter.push(Buffer.from("{}\n"))).toThrow(LineTooLong);
  });

  test("the limit counts bytes, not characters, and applies to each line separately", () => {
    const splitter = new LineSplitter(6);
    expect(splitter.push(Buffer.from("äöü\nabcdef\n"))).toEqual(["äöü", "abcdef"]);
    expect(() => splitter.push(Buffer.from("äöüa"))).toThrow(new LineTooLong("a line of more than 6 bytes"));
  });
});

test("a long line in tiny pieces takes linear time", () => {
  const splitter = new LineSplitter();
  const piece = Buffer.alloc(16, "x");
  const startedAt = performance.now();
  for (let i = 0; i < 100_000; i++) splitter.push(piece);
  expect(splitter.push(Buffer.from("\n"))[0]?.length).toBe(1_600_000);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
