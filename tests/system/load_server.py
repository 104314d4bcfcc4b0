"""A server of Python's `websockets`, to be loaded: python load_server.py (echo | numbered)

`numbered` answers with the message, a space and a number from 1 to 100. Prints its port. `--die-after N` ends the process,
as a crash would, when N messages were received; `--shake-after S` answers each handshake after S seconds.
"""

import argparse
import asyncio
import os
import random

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["echo", "numbered"])
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--die-after", type=int, default=0)
parser.add_argument("--shake-after", type=float, default=0)
args = parser.parse_args()
received = 0


async def handle(connection):
    global received
    try:
        async for message in connection:
            received += 1
            if args.die_after and received >= args.die_after:
                os._exit(9)
            await connection.send(f"{message} {random.randint(1, 100)}" if args.kind == "numbered" else message)
    except ConnectionClosed:
        pass


async def shake_hands(_connection, _request):
    await asyncio.sleep(args.shake_after)


async def main():
    options = {"compression": None, "ping_interval": None, "process_request": shake_hands}
    async with serve(handle, "127.0.0.1", args.port, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
