"""Peers that others wrote: Python's `websockets` and node's `ws`. Chromium has a file of its own."""

import subprocess

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

from conftest import HERE

MIB = 1 << 20
MESSAGES = {
    "empty text": "",
    "short text": "naïve ☃ 𝄞",
    "125 bytes": "x" * 125,
    "126 bytes": "x" * 126,
    "65,536 bytes": "y" * 65_536,
    "1 MiB of text": "z" * MIB,
    "empty binary": b"",
    "short binary": b"\x00\xff" * 700,
    "1 MiB of binary": b"\x01" * MIB,
}


class TestPythonWebsockets:
    @pytest.mark.parametrize("compression", ["deflate", None])
    @pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
    def test_messages_come_back_as_they_were(self, server, message, compression):
        with connect(f"{server.url}/echo", compression=compression, max_size=2 * MIB) as client:
            extensions = client.response.headers.get("Sec-WebSocket-Extensions", "")
            assert ("permessage-deflate" in extensions) == (compression is not None), extensions
            client.send(message)
            assert client.recv(20) == message

    def test_fragments_make_one_message(self, server):
        with connect(f"{server.url}/echo") as client:
            client.send(["one ", "message ", "in ", "fragments"])
            assert client.recv(20) == "one message in fragments"
            client.send(bytes([number]) for number in range(200))
            assert client.recv(20) == bytes(range(200))

    def test_every_ping_is_answered(self, server):
        with connect(f"{server.url}/echo") as client:
            pongs = [client.ping(f"ping {number}") for number in range(20)]
            assert all(pong.wait(20) for pong in pongs)

    def test_answers_keep_the_order_of_10000_pipelined_messages(self, server):
        with connect(f"{server.url}/echo", compression=None) as client:
            for first in range(0, 10_000, 100):
                batch = [str(number) for number in range(first, first + 100)]
                for message in batch:
                    client.send(message)
                assert [client.recv(20) for _ in batch] == batch

    @pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (1008, "ä" * 61), (3000, "own"), (4999, "")])
    def test_the_code_of_a_close_is_answered(self, server, code, reason):
        with connect(f"{server.url}/echo") as client:
            client.close(code, reason)
            # The echo is the proof: the client would report 1006 without it.
            assert (client.protocol.close_rcvd.code, client.protocol.close_rcvd_then_sent) == (code, False)
        server.wait_for_metric("wigwag_closes_total", 1, code=str(code))

    def test_a_message_over_the_bound_gets_1009(self, server):
        with connect(f"{server.url}/echo", compression=None) as client:
            client.send(b"x" * (MIB + 1))
            with pytest.raises(ConnectionClosedError) as closed:
                client.recv(20)
        assert closed.value.rcvd.code == 1009

    def test_no_subprotocol_is_chosen_where_the_service_has_none(self, server):
        with connect(f"{server.url}/echo", subprotocols=["chat", "superchat"]) as client:
            assert client.subprotocol is None
            client.send("still served")
            assert client.recv(20) == "still served"

    def test_binary_comes_back_as_binary_with_a_number(self, server):
        with connect(f"{server.url}/random") as client:
            client.send(b"\xff\xfe")
            answer = client.recv(20)
        assert answer.startswith(b"\xff\xfe ") and 1 <= int(answer[3:]) <= 100, answer

    def test_a_client_that_closes_while_it_is_streamed_to_gets_its_close(self, serve):
        server = serve("--stream-interval", "1ms")
        with connect(f"{server.url}/stream") as client:
            client.send('{"message":"' + "x" * 5000 + '"}')
            client.recv(20)
            client.close()
            with pytest.raises(ConnectionClosedOK):
                while True:
                    client.recv(20)


class TestNodeWs:
    def holds(self, node, server, case):
        run = subprocess.run([node, HERE / "ws_client.mjs", server.url, case], capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stdout.strip()) == (0, f"{case} holds"), run.stdout + run.stderr

    @pytest.mark.parametrize(
        "case",
        ["text", "binary", "fragments", "ping", "compressed", "uncompressed", "mebibyte", "close-codes", "pipelined"],
    )
    def test_by_default(self, node, server, case):
        self.holds(node, server, case)

    def test_windows_are_kept_from_message_to_message_where_both_want_it(self, node, serve):
        self.holds(node, serve("--deflate-context-takeover"), "context-takeover")
