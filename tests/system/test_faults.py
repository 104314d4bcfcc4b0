"""What the server survives: peers that are slow, deaf, dead or too many. Others are served meanwhile."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from websockets.sync.client import connect

from conftest import DEADLINE, Server, clean_environment, wait_until
from wire import BINARY, PING, TEXT, Raw, frame, request

MIB = 1 << 20


def exchange(url, count, window=100):
    """Sends that many messages to /random, a window at a time, and checks each answer."""
    with connect(f"{url}/random", compression=None) as client:
        for first in range(0, count, window):
            numbers = range(first, first + window)
            for number in numbers:
                client.send(str(number))
            for number in numbers:
                answer = client.recv(DEADLINE)
                assert re.fullmatch(rf"{number} ([1-9]\d?|100)", answer), answer


def child(script, *args):
    """A client in a process of its own, ready when it has printed a line."""
    command = [sys.executable, "-c", script, *map(str, args)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    assert process.stdout.readline().strip() == "ready"
    return process


class TestSlowHeads:
    SENDERS = 300
    TIMEOUT = 3.0

    def test_300_slow_heads_do_not_slow_others_and_are_cut(self, serve):
        server = serve("--handshake-timeout", f"{self.TIMEOUT:.0f}s")
        began = time.monotonic()
        senders = [Raw(server) for _ in range(self.SENDERS)]
        for sender in senders:
            sender.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\n")
        stop = threading.Event()
        trickle = threading.Thread(target=self.trickle, args=(senders, stop))
        trickle.start()
        try:
            exchange(server.url, 2_000)
            assert time.monotonic() - began < self.TIMEOUT, "2,000 answers take well below the time-out"
            server.wait_for_metric("wigwag_handshake_timeouts_total", self.SENDERS)
            took = time.monotonic() - began
        finally:
            stop.set()
            trickle.join()
        assert self.TIMEOUT <= took < self.TIMEOUT + 3, took
        for sender in senders:
            assert sender.is_cut()
            sender.socket.close()

    def trickle(self, senders, stop):
        """A byte to each, again and again: a time-out for silence would never strike."""
        while not stop.wait(0.1):
            for sender in senders:
                try:
                    sender.send(b"X")
                except OSError:
                    pass


class TestDeafPeers:
    def test_a_peer_that_never_reads_while_it_is_streamed_to_costs_little_and_is_cut(self, serve):
        server = serve("--stream-interval", "0ms", "--write-timeout", "2s")
        before = server.memory("VmHWM")
        with Raw(server, receive_buffer=4096) as deaf:
            deaf.open("/stream")
            # Answers are some seventy times as long as the messages: these ask for 70 MB, and the short ones after
            # them are refused in a line each, until nothing is read any more.
            deaf.send(frame(TEXT, b'{"message":"%s"}' % (b"x" * 20_000)) * 50)
            deaf.send_until_stuck(frame(TEXT, b'{"message":"x"}') * 1_000)
            exchange(server.url, 2_000)
            server.wait_for_metric("wigwag_ends_total", 1, cause="write_timeout")
            assert server.metric("wigwag_connections", service="stream") == 0
            assert server.metric("wigwag_out_queue_bytes") == 0
        assert server.memory("VmHWM") - before < 16 * MIB

    def test_a_peer_that_never_reads_its_echoes_stops_being_read(self, serve):
        server = serve("--write-timeout", "2s")
        before = server.memory("VmHWM")
        with Raw(server, receive_buffer=4096) as deaf:
            deaf.open("/echo")
            deaf.send_until_stuck(frame(BINARY, b"x" * 60_000))
            exchange(server.url, 2_000)
            server.wait_for_metric("wigwag_ends_total", 1, cause="write_timeout")
        assert server.memory("VmHWM") - before < 16 * MIB

    def test_a_peer_that_pings_without_reading_costs_little(self, server):
        before = server.memory("VmHWM")
        with Raw(server, receive_buffer=4096) as deaf:
            deaf.open("/echo")
            pings = frame(PING, b"p" * 125) * 500
            for _ in range(32 * MIB // len(pings)):
                # Pings are read on and on; of the Pongs that wait, only the newest is kept.
                deaf.send(pings)
            assert server.metric("wigwag_out_queue_bytes") < MIB
            exchange(server.url, 2_000)
        assert server.memory("VmHWM") - before < 16 * MIB

    def test_a_subscriber_that_never_reads_gets_no_growing_queue(self, serve):
        server = serve("--letters-interval", "1ms", "--write-timeout", "1m")
        before = server.memory("VmHWM")
        with Raw(server, receive_buffer=4096) as deaf:
            deaf.open("/letters")
            messages = [b'{"action":"subscribe","letter":"%c"}' % letter for letter in b"abcdefghijklmnopqrstuvwxyz"]
            round_ = b"".join(frame(TEXT, message) for message in messages)
            # Each subscription is answered at once, which fills the kernel's buffers in no time.
            deaf.send_until_stuck(round_)
            wait_until(lambda: server.metric("wigwag_publications_skipped_total") > 10_000, "updates are skipped")
            assert server.metric("wigwag_out_queue_bytes") < 2 * MIB
            exchange(server.url, 1_000)
        assert server.memory("VmHWM") - before < 16 * MIB


class TestVanishedPeers:
    STREAMED_TO = """
import sys
from websockets.sync.client import connect
client = connect(sys.argv[1])
client.send('{"message":"' + "x" * 5000 + '"}')
client.recv(20)
print("ready", flush=True)
while True:
    client.recv()
"""

    def test_a_stopped_peer_that_is_streamed_to_is_closed_after_the_idle_time(self, serve):
        server = serve("--stream-interval", "10ms", "--ping-interval", "300ms", "--idle-timeout", "1s", "--close-timeout", "500ms")
        client = child(self.STREAMED_TO, f"{server.url}/stream")
        try:
            assert server.metric("wigwag_connections", service="stream") == 1
            client.send_signal(signal.SIGSTOP)
            server.wait_for_metric("wigwag_ends_total", 1, cause="idle_timeout")
            server.wait_for_metric("wigwag_connections", 0, service="stream")
        finally:
            client.kill()
            client.wait()

    def test_a_peer_whose_network_is_gone_is_closed_after_the_idle_time(self, tmp_path):
        """In a network of its own, whose only interface is taken down: no FIN and no RST ever comes."""
        with PrivateNetwork() as network:
            args = ["--listen", "127.0.0.1:0", "--log-level", "debug", "--stream-interval", "10ms"]
            args += ["--ping-interval", "300ms", "--idle-timeout", "1s", "--close-timeout", "500ms"]
            server = Server(tmp_path, args, {}, network.enter, None)
            server.wait_for_banner()
            script = [sys.executable, "-c", self.STREAMED_TO, f"{server.url}/stream"]
            client = subprocess.Popen([*network.enter, *script], stdout=subprocess.PIPE, text=True)
            try:
                assert client.stdout.readline().strip() == "ready"
                network.run("ip", "link", "set", "lo", "down")
                wait_until(lambda: "no sign of life" in server.log(), "the connection is closed")
                assert server.process.poll() is None
            finally:
                client.kill()
                client.wait()
                server.signal(signal.SIGTERM)
                assert server.wait() == 0
                server.finish()

    def test_a_live_peer_is_not_closed_however_silent_it_is(self, serve):
        server = serve("--ping-interval", "100ms", "--idle-timeout", "500ms")
        with connect(f"{server.url}/echo") as client:
            # The library answers pings by itself; two idle times pass.
            sent = server.metric("wigwag_bytes_sent_total", service="echo")
            wait_until(
                lambda: server.metric("wigwag_bytes_sent_total", service="echo") >= sent + 20, "ten pings were sent"
            )
            client.send("still here")
            assert client.recv(DEADLINE) == "still here"

    def test_a_peer_killed_in_the_middle_of_a_frame_leaves_nothing_behind(self, server):
        script = """
import sys, time
sys.path.insert(0, sys.argv[1])
from wire import BINARY, Raw, frame
class Server: host, port = "127.0.0.1", int(sys.argv[2])
raw = Raw(Server).open()
raw.send(frame(BINARY, b"x" * 500_000, length=1_000_000))
print("ready", flush=True)
time.sleep(60)
"""
        client = child(script, os.path.dirname(__file__), server.port)
        try:
            wait_until(lambda: server.metric("wigwag_unfinished_bytes") >= 500_000, "half a frame has come")
        finally:
            client.kill()
            client.wait()
        server.wait_for_metric("wigwag_connections", 0, service="echo")
        wait_until(lambda: server.metric("wigwag_unfinished_bytes") == 0, "the half frame is forgotten")
        exchange(server.url, 100)

    def test_a_reset_in_the_middle_of_a_stream_leaves_nothing_behind(self, serve):
        server = serve("--stream-interval", "1ms")
        with Raw(server) as raw:
            raw.open("/stream")
            raw.send(frame(TEXT, b'{"message":"%s"}' % (b"x" * 5000)))
            raw.read_frame()
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        server.wait_for_metric("wigwag_connections", 0, service="stream")
        exchange(server.url, 100)


class PrivateNetwork:
    """A network namespace with nothing but a loopback interface. Skips where the system allows none."""

    def __enter__(self):
        as_root = os.geteuid() == 0
        if not all(shutil.which(tool) for tool in ("unshare", "nsenter", "ip")):
            pytest.skip("unshare, nsenter or ip is not here")
        command = ["unshare", "--net", *([] if as_root else ["--map-root-user"])]
        command += ["sh", "-c", "ip link set lo up && echo ready && exec cat"]
        self.holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        ready = self.holder.stdout.readline().strip() == "ready"
        self.enter = ["nsenter", "--target", str(self.holder.pid), "--net"]
        self.enter += [] if as_root else ["--user", "--preserve-credentials"]
        if not ready or subprocess.run([*self.enter, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.__exit__()
            pytest.skip("the system allows no network namespace")
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait(DEADLINE)

    def run(self, *command):
        subprocess.run([*self.enter, *command], check=True)


class TestExhaustion:
    LIMIT = 64

    def test_without_descriptors_the_server_waits_and_serves_again(self, serve):
        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT))

        server = serve(preexec=few_descriptors)
        clients = [Raw(server) for _ in range(self.LIMIT + 20)]
        for client in clients:
            client.send(request(client.host))
        wait_until(lambda: "cannot accept connections" in server.log(), "the server notices")
        assert server.log().count("cannot accept connections") == 1
        served = [client for client in clients if self.is_open(client, 0.02)]
        waiting = [client for client in clients if client not in served]
        assert 30 <= len(served) < self.LIMIT and waiting

        began, cpu = time.monotonic(), server.cpu_seconds()
        rounds = 0
        while time.monotonic() - began < 1:
            # Those who are in are served; the rest cost nothing.
            served[0].send(frame(TEXT, b"served"))
            assert served[0].read_frame() == (TEXT, b"served")
            rounds += 1
            time.sleep(0.05)
        assert rounds >= 10
        assert server.cpu_seconds() - cpu < 0.2, "the server does not spin"

        for client in served:
            client.socket.close()
        for client in waiting:
            assert client.response()[0] == 101
            client.send(frame(TEXT, b"at last"))
            assert client.read_frame() == (TEXT, b"at last")
            client.socket.close()

    def is_open(self, client, patience):
        client.socket.settimeout(patience)
        try:
            return client.response()[0] == 101
        except socket.timeout:
            return False
        finally:
            client.socket.settimeout(DEADLINE)
