"""Signals: what is delivered before the end, what is counted, and what a certificate's renewal leaves alone."""

import json
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from conftest import DEADLINE, wait_until, wigwag
from wire import BINARY, CLOSE, TEXT, Raw, frame


class Pipeliner(threading.Thread):
    """Sends numbered messages to /random without waiting, and counts the answers until the end."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.client = connect(f"{url}/random", compression=None)
        self.sender = threading.Thread(target=self.send_all, daemon=True)
        self.answered, self.code, self.problem = 0, None, None

    def send_all(self):
        number = 0
        try:
            while True:
                self.client.send(str(number))
                number += 1
        except ConnectionClosed:
            pass

    def run(self):
        self.sender.start()
        try:
            while True:
                text, _, number = self.client.recv(DEADLINE).partition(" ")
                if text != str(self.answered) or not 1 <= int(number) <= 100:
                    self.problem = f"answer {self.answered} is {text!r} {number!r}"
                    return
                self.answered += 1
        except ConnectionClosed as closed:
            self.code = closed.rcvd and closed.rcvd.code
        self.sender.join(DEADLINE)


class TestDrain:
    def test_under_load_every_answer_begun_is_delivered(self, server):
        clients = [Pipeliner(server.url) for _ in range(8)]
        for client in clients:
            client.start()
        wait_until(lambda: all(client.answered > 200 for client in clients), "the load runs")
        server.signal(signal.SIGTERM)
        for client in clients:
            client.join(DEADLINE)
        assert server.wait() == 0
        # Each client saw its own answers without a gap, then Close 1001: nothing was begun and lost.
        assert [(client.code, client.problem) for client in clients] == [(1001, None)] * 8
        assert server.report() == (8, 0, 0)

    def test_a_stream_under_way_is_finished(self, serve):
        server = serve("--stream-interval", "20ms")
        sentence = "The quick brown fox jumped over the lazy dog o"
        with connect(f"{server.url}/stream") as client:
            client.send(json.dumps({"message": sentence}))
            answers = [json.loads(client.recv(DEADLINE)) for _ in range(5)]
            server.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    answers.append(json.loads(client.recv(DEADLINE)))
        assert closed.value.rcvd.code == 1001
        assert len(answers) == 46 + 46 + 1 and answers[-1] == {"type": "count", "last_char": "o", "count": 4}
        assert server.wait() == 0
        assert server.report() == (1, 0, 0)

    def test_what_cannot_be_delivered_is_counted(self, serve):
        server = serve("--drain-timeout", "1s")
        with Raw(server, receive_buffer=4096) as deaf:
            deaf.open("/echo")
            deaf.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    deaf.socket.send(frame(BINARY, b"x" * 60_000))
            wait_until(lambda: server.metric("wigwag_out_queue_bytes") > 0, "answers wait")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
        closed, cut, unsent = server.report()
        assert (closed, cut) == (0, 1) and unsent > 0

    def test_new_connections_are_refused(self, serve):
        server = serve("--drain-timeout", "1m")
        with Raw(server) as raw:
            raw.open()
            server.signal(signal.SIGTERM)
            assert raw.read_close()[0] == 1001
            with pytest.raises(ConnectionRefusedError):
                Raw(server)
            raw.send(frame(CLOSE, b"\x03\xe9"))
            raw.read_end()
        assert server.wait() == 0
        assert server.report() == (1, 0, 0)

    def test_a_kept_alive_http_connection_does_not_delay_the_end(self, server):
        with Raw(server) as raw:
            raw.send(f"GET /healthz HTTP/1.1\r\nHost: {raw.host}\r\n\r\n".encode())
            assert raw.response()[0] == 200
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert time.monotonic() - began < 5, "the linger time of 2 s, not the drain time of 10 s"

    @pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
    def test_a_second_signal_stops_at_once(self, serve, first):
        server = serve("--drain-timeout", "1m", "--close-timeout", "1m")
        with Raw(server) as raw:
            raw.open()
            server.signal(first)
            # The Close stays unanswered: the drain would last its minute.
            assert raw.read_close()[0] == 1001
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert time.monotonic() - began < 2
        assert server.report()[:2] == (0, 1)

    def test_a_drain_timeout_of_zero_stops_at_once(self, serve):
        server = serve("--drain-timeout", "0s")
        with Raw(server) as raw:
            raw.open()
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            assert time.monotonic() - began < 2


class TestHangup:
    def test_without_tls_it_says_that_nothing_is_to_be_reloaded(self, server):
        with connect(f"{server.url}/echo") as client:
            server.signal(signal.SIGHUP)
            wait_until(lambda: "SIGHUP: nothing to reload" in server.log(), "the server says so")
            client.send("still here")
            assert client.recv(DEADLINE) == "still here"

    def test_a_new_certificate_is_for_new_connections_and_drops_none(self, serve, tmp_path):
        cert, key = make_certificate(tmp_path, "first")
        server = serve("--tls-cert", cert, "--tls-key", key)
        with connect(f"{server.url}/echo", ssl=trusting(cert)) as old:
            first = certificate(server)
            make_certificate(tmp_path, "second")
            assert certificate(server) == first, "the files alone change nothing"
            server.signal(signal.SIGHUP)
            wait_until(lambda: "certificate reloaded" in server.log(), "the server says so")
            assert certificate(server) != first
            with connect(f"{server.url}/echo", ssl=trusting(cert)) as new:
                for client in (old, new):
                    client.send("served")
                    assert client.recv(DEADLINE) == "served"

            # A broken file: the certificate in use stays.
            second = certificate(server)
            cert.write_text("no certificate")
            server.expected_errors.append("certificate not reloaded")
            server.signal(signal.SIGHUP)
            wait_until(lambda: "certificate not reloaded" in server.log(), "the server says so")
            assert certificate(server) == second
            old.send("served")
            assert old.recv(DEADLINE) == "served"

    def test_tls_and_its_pipelined_messages_of_a_mebibyte(self, serve, tmp_path):
        cert, key = make_certificate(tmp_path, "first")
        server = serve("--tls-cert", cert, "--tls-key", key)
        messages = [bytes([number]) * (1 << 20) for number in range(8)]
        with connect(f"{server.url}/echo", ssl=trusting(cert), compression=None, max_size=2 << 20) as client:
            sender = threading.Thread(target=lambda: [client.send(message) for message in messages])
            sender.start()
            assert [client.recv(DEADLINE) for _ in messages] == messages
            sender.join()


class TestStart:
    def test_a_port_that_is_taken_is_said_with_exit_code_1(self, server):
        run = wigwag("serve", "--listen", f"127.0.0.1:{server.port}")
        assert run.returncode == 1 and run.stdout == ""
        assert f"127.0.0.1:{server.port} is taken" in run.stderr and "port 0" in run.stderr
        assert f"process {server.pid}" in run.stderr, run.stderr

    def test_a_port_can_be_had_again_at_once(self, serve):
        first = serve()
        with connect(f"{first.url}/echo") as client:
            client.send("x")
            assert client.recv(DEADLINE) == "x"
            first.kill()
        second = serve(listen=f"127.0.0.1:{first.port}")
        with connect(f"{second.url}/echo") as client:
            client.send("x")
            assert client.recv(DEADLINE) == "x"

    def test_several_addresses_are_served(self, serve):
        if not has_ipv6():
            pytest.skip("no IPv6 loopback here")
        server = serve("--listen", "[::1]:0")
        urls = [word for word in server.banner.split() if word.startswith("ws://") and word.endswith("/echo")]
        assert len(urls) == 2, server.banner
        for url in urls:
            with connect(url) as client:
                client.send("x")
                assert client.recv(DEADLINE) == "x"

    def test_a_key_that_is_not_there_is_said(self, tmp_path):
        run = wigwag("serve", "--listen", "127.0.0.1:0", "--tls-cert", tmp_path / "no.pem", "--tls-key", tmp_path / "no.key")
        assert run.returncode == 1 and "no.pem" in run.stderr, run.stderr


def make_certificate(directory, name):
    """A certificate of its own for 127.0.0.1, in the same files each time."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    return cert, key


def trusting(cert):
    return ssl.create_default_context(cafile=str(cert))


def certificate(server):
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate((server.host, server.port), timeout=DEADLINE)


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
