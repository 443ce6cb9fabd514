/**
 * What an agent runs before each call of a tool: it hands what it reads to the host and prints the host's answer. Without
 * a host it prints what stands for "nothing to decide", its second argument.
 */
import { connect } from "node:net";

const [path = "", nothing = ""] = process.argv.slice(2);
let answer = "";
const socket = connect({ path, allowHalfOpen: true });
process.stdin.pipe(socket);
socket.on("data", (chunk) => {
  answer += chunk;
});
socket.on("error", () => process.stdout.write(nothing));
socket.on("end", () => process.stdout.write(answer === "" ? nothing : answer));
