// Claims about the server, held by node's `ws`: node ws_client.mjs ws://HOST:PORT CASE
import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";

const [url, name] = process.argv.slice(2);
const MIB = 1 << 20;

async function open(options = {}) {
  const socket = new WebSocket(`${url}/echo`, { handshakeTimeout: 20_000, ...options });
  const waiting = [];
  const arrived = [];
  socket.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    const taker = waiting.shift();
    taker === undefined ? arrived.push(message) : taker(message);
  });
  socket.next = () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((take) => waiting.push(take)));
  await once(socket, "open");
  return socket;
}

async function close(socket, code = 1000, reason = "") {
  const closed = once(socket, "close");
  socket.close(code, reason);
  // §5.5.1: the answer typically has the code it answers; the reason need not come back.
  assert.equal((await closed)[0], code);
}

async function echoes(socket, messages) {
  for (const message of messages) {
    socket.send(message);
    assert.deepEqual(await socket.next(), message);
  }
  await close(socket);
}

const cases = {
  text: async () => echoes(await open(), ["", "a", "naïve ☃ 𝄞", "x".repeat(126), "y".repeat(65_536)]),
  binary: async () => echoes(await open(), [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(70_000, 7)]),
  mebibyte: async () => echoes(await open(), ["x".repeat(MIB), Buffer.alloc(MIB, 1)]),
  fragments: async () => {
    const socket = await open();
    socket.send("one ", { fin: false });
    socket.send("message ", { fin: false });
    socket.ping("between");
    socket.send("in fragments", { fin: true });
    assert.equal((await once(socket, "pong"))[0].toString(), "between");
    assert.equal(await socket.next(), "one message in fragments");
    await close(socket);
  },
  ping: async () => {
    const socket = await open();
    for (const payload of ["", "x", "y".repeat(125)]) {
      socket.ping(payload);
      assert.equal((await once(socket, "pong"))[0].toString(), payload);
    }
    await close(socket);
  },
  compressed: async () => {
    const socket = await open({ perMessageDeflate: { threshold: 0 } });
    assert.match(socket.extensions, /^permessage-deflate/);
    await echoes(socket, ["", "short", "long ".repeat(10_000), Buffer.alloc(MIB)]);
  },
  "context-takeover": async () => {
    const perMessageDeflate = { threshold: 0, clientNoContextTakeover: false, serverNoContextTakeover: false, clientMaxWindowBits: 10 };
    const socket = await open({ perMessageDeflate });
    assert.match(socket.extensions, /^permessage-deflate/);
    await echoes(socket, Array.from({ length: 100 }, (_, number) => `the same words again and again, ${number} `.repeat(50)));
  },
  uncompressed: async () => {
    const socket = await open({ perMessageDeflate: false });
    assert.equal(socket.extensions, "");
    await echoes(socket, ["long ".repeat(10_000)]);
  },
  "close-codes": async () => {
    for (const [code, reason] of [[1000, ""], [1001, "bye"], [1011, "ä".repeat(61)], [3000, "own"], [4999, ""]]) {
      await close(await open(), code, reason);
    }
  },
  pipelined: async () => {
    const socket = await open();
    for (let number = 0; number < 10_000; number += 1) socket.send(`${number}`);
    for (let number = 0; number < 10_000; number += 1) assert.equal(await socket.next(), `${number}`);
    await close(socket);
  },
};

setTimeout(() => {
  console.error(`${name}: nothing more within 30 s`);
  process.exit(1);
}, 30_000).unref();
await cases[name]();
console.log(`${name} holds`);
