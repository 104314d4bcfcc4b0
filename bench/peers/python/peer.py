"""python websockets on uvloop: `peer.py PORT`. Compression is off (nobody asks for it here), the rest is default."""

import asyncio
import logging
import random
import sys

import uvloop
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def answer(socket):
    try:
        async for message in socket:
            number = f" {random.randint(1, 100)}"
            await socket.send(message + (number if isinstance(message, str) else number.encode()))
    except ConnectionClosed:
        pass  # a client that vanishes without a Close frame ends its own connection only


async def main():
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    async with serve(answer, "127.0.0.1", int(sys.argv[1]), compression=None, backlog=1024):
        await asyncio.get_running_loop().create_future()


uvloop.run(main())
