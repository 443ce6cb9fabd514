/**
 * The hook that an agent runs before each tool call. It sends its stdin to the host and prints the host's answer, one
 * line. Without a host it prints nothing and holds the call back. An agent without a host is soon killed with all its
 * processes, so a call that began now would run only in part.
 */
import { connect } from "node:net";

/** How often a hook without a host checks whether its agent still runs, in ms. */
const POLL_MS = 500;

const [path = ""] = process.argv.slice(2);
const agent = process.ppid;
let answer = "";
const socket = connect({ path, allowHalfOpen: true });
process.stdin.pipe(socket);
socket.on("data", (chunk) => {
  answer += chunk;
});
socket.on("error", holdBack);
socket.on("end", () => {
  if (answer.endsWith("\n")) process.stdout.write(answer.trimEnd());
  else holdBack();
});

/** Prints nothing and waits until the agent is gone too. */
function holdBack(): void {
  socket.destroy();
  process.stdin.destroy();
  const timer = setInterval(() => {
    if (process.ppid !== agent) clearInterval(timer);
  }, POLL_MS);
}
