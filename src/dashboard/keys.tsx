import { useEffect, useRef } from "preact/hooks";

const PAGES: Readonly<Record<string, string>> = {
  t: "#/",
  q: "#/queues",
  s: "#/schedules",
  n: "#/submit",
};

const HELP = [
  ["t", "tasks"],
  ["q", "queues"],
  ["s", "schedules"],
  ["n", "submit a task"],
  ["/", "search"],
  ["j, k", "next task, previous task"],
  ["Enter", "open the task"],
  ["?", "this help"],
  ["Esc", "close the help, leave a field"],
] as const;

/** Keyboard shortcuts for every page, and the help that lists them. */
export function Keys() {
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { key, target } = event;
      const field = target instanceof Element && target.closest("input, textarea, select");
      if (field && key === "Escape") (field as HTMLElement).blur();
      if (field || event.ctrlKey || event.metaKey || event.altKey || help.current?.open) return;
      if (runShortcut(key, help.current)) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const open = () => help.current?.showModal();
  return (
    <>
      <button type="button" class="keys" aria-label="Keyboard shortcuts" onClick={open}>
        ?
      </button>
      <dialog ref={help} aria-labelledby="keys">
        <h2 id="keys">Keyboard shortcuts</h2>
        <dl>
          {HELP.map(([key, description]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{description}</dd>
            </div>
          ))}
        </dl>
        <button type="button" onClick={() => help.current?.close()}>
          Close
        </button>
      </dialog>
    </>
  );
}

/** Carries out the shortcut of a key. Returns whether the key has one. */
function runShortcut(key: string, help: HTMLDialogElement | null): boolean {
  const page = Object.hasOwn(PAGES, key) ? PAGES[key] : undefined;
  if (page !== undefined) location.hash = page;
  else if (key === "?") help?.showModal();
  else if (key === "/") document.querySelector<HTMLElement>("input[type=search]")?.focus();
  else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else return false;
  return true;
}

function step(offset: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>(".rows a")];
  const index = links.indexOf(document.activeElement as HTMLElement);
  links[Math.max(0, index + offset)]?.focus();
}
