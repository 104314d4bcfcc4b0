"""WebSocket servers of another make (Python websockets), run beside a test."""

import asyncio
import json
import threading

from websockets.asyncio.server import serve

from conftest import DEADLINE


class Foreign:
    """A server on a thread of its own; `handler(connection)` is a coroutine. Keeps how each connection ended."""

    def __init__(self, handler, port=0, **options):
        self.ends = []
        self.handler = handler
        self.port = port
        self.options = options
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.main(started),))
        self.thread.start()
        assert started.wait(DEADLINE), "the server did not start"

    async def main(self, started):
        self.stopped = asyncio.Event()
        async with serve(self.serve, "127.0.0.1", self.port, **self.options) as server:
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await self.stopped.wait()

    async def serve(self, connection):
        try:
            await self.handler(connection)
        finally:
            await connection.wait_closed()
            self.ends.append((connection.close_code, connection.close_reason))

    def stop(self):
        """Closes what is open with 1001."""
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive(), "the server did not stop"

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def silent(connection):
    async for _ in connection:
        pass


async def tell_request(connection):
    """Sends the request's headers as JSON."""
    headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
    await connection.send(json.dumps(headers))
    await silent(connection)


def closing(code, reason=""):
    """Closes after the first message."""

    async def handler(connection):
        await connection.recv()
        await connection.close(code, reason)

    return handler
