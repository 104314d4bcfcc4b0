// A server of node's `ws`, to be loaded: node ws_server.mjs (echo | numbered)
//
// `numbered` answers with the message, a space and a number from 1 to 100. Prints its port, and on SIGTERM what it counted.
import { WebSocketServer } from "ws";

const kind = process.argv[2];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
let received = 0;

server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    received += 1;
    if (kind === "numbered") socket.send(`${data} ${1 + Math.floor(Math.random() * 100)}`);
    else socket.send(data, { binary });
  });
});
server.on("listening", () => console.log(server.address().port));
process.on("SIGTERM", () => {
  console.log(received);
  process.exit(0);
});
