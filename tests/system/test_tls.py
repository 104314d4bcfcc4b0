"""wss and https on the same port."""

import asyncio
import http.client

import pytest
from websockets.asyncio.client import connect

from certificates import make_certificate, trusting
from conftest import DEADLINE, wigwag
from wire import BINARY, CLOSE, TEXT, Raw, frame

# The library's threaded client is not used here: it reads and writes one TLS session from two threads, and now and then
# hangs for it, whoever the server is.


@pytest.fixture
def cert(tmp_path):
    return make_certificate(tmp_path, "wigwag")


@pytest.fixture
def server(serve, cert):
    return serve("--tls-cert", cert[0], "--tls-key", cert[1])


@pytest.fixture
def tls(cert):
    return trusting(cert[0])


def test_mebibytes_are_echoed_while_more_are_sent(server, tls):
    messages = [bytes([number]) * (1 << 20) for number in range(16)]

    async def exchange():
        async with connect(f"{server.url}/echo", ssl=tls, compression=None, max_size=2 << 20) as client:

            async def send_all():
                for message in messages:
                    await client.send(message)

            async def receive_all():
                return [await client.recv() for _ in messages]

            _, answers = await asyncio.gather(send_all(), receive_all())
            return answers

    assert asyncio.run(asyncio.wait_for(exchange(), 60)) == messages


def test_connections_open_one_after_the_other(server, tls):
    for number in range(300):
        with Raw(server, tls=tls) as raw:
            raw.open()
            message = str(number).encode()
            raw.send(frame(TEXT, message))
            assert raw.read_frame() == (TEXT, message)
            raw.send(frame(CLOSE, b"\x03\xe8"))
            assert raw.read_close()[0] == 1000


def test_the_close_that_fails_a_connection_can_be_read(server, tls):
    with Raw(server, tls=tls) as raw:
        raw.open()
        raw.send(frame(BINARY, b"x" * 1000, length=64 << 20))
        assert raw.read_close()[0] == 1009
        raw.read_end()


def test_pages_and_probes_are_served(server, tls):
    client = http.client.HTTPSConnection(server.host, server.port, timeout=DEADLINE, context=tls)
    for path in ("/healthz", "/", "/metrics"):
        client.request("GET", path)
        response = client.getresponse()
        assert response.status == 200 and response.read()
    client.close()


def test_plain_bytes_end_in_an_alert_and_not_in_silence(server):
    with Raw(server) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # A TLS record of type 21, alert.
        assert raw.take(1) == b"\x15"
        assert raw.is_cut()


def test_a_silent_connection_is_cut_after_the_head_time(serve, cert):
    server = serve("--tls-cert", cert[0], "--tls-key", cert[1], "--handshake-timeout", "300ms")
    with Raw(server) as silent:
        assert silent.is_cut()


def test_try_verifies_the_certificate(server, cert):
    refused = wigwag("try", "echo", "--url", server.url)
    assert refused.returncode == 1 and "--cacert" in refused.stderr, refused.stderr
    trusted = wigwag("try", "random", "-n", 1000, "--url", server.url, "--cacert", cert[0])
    assert trusted.returncode == 0 and trusted.stdout.endswith("\n1000 sent, 1000 answered, 0 lost\n"), trusted.stderr
    insecure = wigwag("try", "echo", "hi", "--url", server.url, "--insecure")
    assert (insecure.returncode, insecure.stdout.splitlines()[0]) == (0, "hi"), insecure.stderr
