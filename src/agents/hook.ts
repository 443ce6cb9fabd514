/**
 * What an agent runs before each call of a tool: it hands what it reads to the host and prints the host's answer, a line.
 * Without a host it answers nothing and so holds the call back: whoever notices that the host is gone ends the agent with
 * all its processes, and a call that began meanwhile would be run in part.
 */
import { connect } from "node:net";

/** How often a hook whose host is gone looks for the agent. */
const LOOK_MS = 500;

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

/** Until the agent is gone too. */
function holdBack(): void {
  socket.destroy();
  process.stdin.destroy();
  const timer = setInterval(() => {
    if (process.ppid !== agent) clearInterval(timer);
  }, LOOK_MS);
}
