"""10,000 connections at once, from a process of their own: a process may have no more than 20,000 descriptors here."""

import os
import re
import shutil
import subprocess

import pytest
from websockets.sync.client import connect

from conftest import ROOT, TARGET, clean_environment

SIZE = 10_000
# What a connection may take of the server's own memory; the kernel's part (4 to 5 KB per socket) is not in it.
RSS_BYTES_PER_CONNECTION_MAX = 2_000


@pytest.fixture(scope="session")
def crowd():
    """The client program, built from examples/crowd.rs."""
    program = TARGET / "release" / "examples" / "crowd"
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not here, and the crowd is a Rust program")
    build = ["cargo", "build", "--quiet", "--locked", "--release", "-p", "wigwag-net", "--example", "crowd"]
    subprocess.run(build, cwd=ROOT, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})
    return program


def test_10000_connections_get_their_own_answers_and_stay(crowd, serve, capsys):
    server = serve("--log-level", "warn")
    with connect(f"{server.url}/random") as client:
        client.send("warm")
        client.recv(20)
    server.wait_for_metric("wigwag_connections", 0, service="random")
    before = server.memory()

    clients = subprocess.Popen(
        [crowd, f"{server.host}:{server.port}", str(SIZE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    try:
        line = clients.stdout.readline().strip()
        assert line == f"{SIZE} open, {SIZE} answered, 0 wrong", clients.stderr.read() if not line else line
        per_connection = (server.memory() - before) / SIZE
        assert server.metric("wigwag_connections", service="random") == SIZE
        # They idle now, and another client is served as ever.
        with connect(server.url) as client:
            for number in range(1_000):
                client.send(str(number))
                assert re.fullmatch(rf"{number} \d+", client.recv(20))
        out, err = clients.communicate(timeout=60)
    finally:
        clients.kill()
    with capsys.disabled():
        print(f"\n{line}; the server's RSS grew by {per_connection:.0f} bytes per connection")
    assert (clients.returncode, out.strip()) == (0, f"0 lost, {SIZE} closed, 0 cut off"), err
    assert per_connection < RSS_BYTES_PER_CONNECTION_MAX
    server.wait_for_metric("wigwag_connections", 0, service="random")
    assert server.metric("wigwag_closes_total", code="1000") == SIZE + 2
