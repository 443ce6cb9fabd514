// A server that does nothing else: it reads the body and sends as many bytes as its argument says.
const { createServer } = require("node:http");

const answer = Buffer.alloc(Number(process.argv[2]), "a");
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
