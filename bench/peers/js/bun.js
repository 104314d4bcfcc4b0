// Bun (uWebSockets inside): `bun bun.js PORT`. Bun corks the answers of one read by itself; compression is off
// by default.
const answer = () => " " + (1 + Math.floor(Math.random() * 100));

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response("WebSocket only\n", { status: 426 });
  },
  websocket: {
    message(socket, message) {
      if (typeof message === "string") socket.sendText(message + answer());
      else socket.sendBinary(Buffer.concat([message, Buffer.from(answer())]));
    },
  },
});
