"""Servers behind a gateway that are not wigwag's: Python's `websockets`, and sockets that do as they like."""

import contextlib
import random
import socket
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve


class Upstream:
    """A server of `websockets` on a thread; remembers what clients asked of it, and how they ended."""

    def __init__(self, handler, port=0, **options):
        self.requests = []
        self.closes = []
        self.handler = handler
        self.server = serve(self.handle, "127.0.0.1", port, compression=None, close_timeout=2, **options)
        self.port = self.server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def handle(self, connection):
        # A gateway that only asks whether somebody is there passes nobody's request on.
        is_probe = "X-Forwarded-For" not in connection.request.headers
        if not is_probe:
            self.requests.append(connection.request)
        with contextlib.suppress(ConnectionClosed):
            self.handler(connection)
        if not is_probe:
            self.closes.append((connection.close_code, connection.close_reason))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()


def echo(connection):
    for message in connection:
        connection.send(message)


def with_a_number(connection):
    """What /random answers, by somebody else."""
    for message in connection:
        connection.send(f"{message} {random.randint(1, 100)}")


def free_port():
    """A port that nobody has now; where the server that will have it must be named before it runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def silent():
    """Takes connections and never says anything: its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
