// node ws: `node ws.js PORT`, with bufferutil (its documented accelerator) where npm could install it. ws sets
// TCP_NODELAY itself; compression is off by default.
"use strict";
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 1024 });
server.on("connection", (socket) => {
  socket.on("error", () => {}); // a peer that vanishes concerns its own connection alone
  socket.on("message", (data, isBinary) => {
    const number = " " + (1 + Math.floor(Math.random() * 100));
    if (isBinary) socket.send(Buffer.concat([data, Buffer.from(number)]));
    else socket.send(data.toString() + number);
  });
});
