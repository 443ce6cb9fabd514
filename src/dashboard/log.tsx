import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { pieces } from "./ansi.ts";
import { plain } from "./words.ts";

/** How many characters of the end of a log are shown, because a page cannot hold a gigabyte. */
const MAX_CHARS = 400_000;

interface LogProps {
  id: number;
  /** "Conversation" for an agent, whose log is what it says and does. */
  title: "Log" | "Conversation";
  isLive: boolean;
  attempt: number | null;
  /** How often the daemon came back. A log that was being followed ended with the old daemon. */
  returns: number;
}

/** The log of a task as it grows, with its colours and a search. */
export function Log({ id, title, isLive, attempt, returns }: LogProps) {
  const [text, setText] = useState("");
  const [search, setSearch] = useState("");
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    const closed = new AbortController();
    setText("");
    void read(`/tasks/${id}/log${isLive ? "?follow=1" : ""}`, closed.signal, (part) =>
      setText((before) => `${before}${part}`.slice(-MAX_CHARS)),
    ).catch(() => undefined);
    return () => closed.abort();
  }, [id, isLive, attempt === null, returns]);
  const visibleText = useMemo(() => {
    if (search === "") return text;
    return text
      .split("\n")
      .filter((line) => line.toLowerCase().includes(search.toLowerCase()))
      .join("\n");
  }, [text, search]);
  useEffect(() => {
    const pre = box.current;
    if (pre && isLive && search === "") pre.scrollTop = pre.scrollHeight;
  }, [visibleText]);
  return (
    <section>
      <h2>{title}</h2>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Search{" "}
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <a download={`task-${id}.log`} href={`/tasks/${id}/log`}>
          Download
        </a>
      </form>
      <pre
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        tabIndex={0}
      >
        {pieces(visibleText).map(({ text: part, classes }, index) => (
          <span key={index} class={classes}>
            {plain(part)}
          </span>
        ))}
      </pre>
    </section>
  );
}

async function read(url: string, signal: AbortSignal, onPart: (part: string) => void): Promise<void> {
  const response = await fetch(url, { signal });
  if (!response.ok || !response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) onPart(part.value);
}
