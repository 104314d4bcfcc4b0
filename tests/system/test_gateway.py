"""`wigwag gateway` before other servers, each a process or a thread of its own: what passes, what waits, what is refused."""

import json
import re
import signal
import socket
import struct
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from certificates import make_certificate, trusting
from conftest import DEADLINE, wait_until, wigwag
from upstream import Upstream, echo, free_port, silent, with_a_number
from wire import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame, request

MIB = 1 << 20


def subscribe(letter, action="subscribe"):
    return frame(TEXT, json.dumps({"action": action, "letter": letter}).encode())


def close_of(client):
    """Waits for the Close that a client is sent: its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.recv(DEADLINE)
    return closed.value.rcvd.code, closed.value.rcvd.reason


def answer_of(client, message):
    client.send(message)
    return client.recv(DEADLINE)


class TestLetters:
    """The ready-made client, the gateway and the server: three processes."""

    def test_through_the_gateway_as_without(self, serve, gateway):
        server = serve("--letters-interval", "100ms")
        self.updates_come(gateway(f"{server.url}/letters"))

    def test_the_gateway_may_be_started_first(self, serve, gateway):
        port = free_port()
        front = gateway(f"ws://127.0.0.1:{port}/letters")
        assert "does not answer yet" in front.banner
        with connect(f"{front.url}/ws") as early:
            # Accepted, held, and served once there is a server.
            early.send(json.dumps({"action": "subscribe", "letter": "c"}))
            serve("--letters-interval", "100ms", listen=f"127.0.0.1:{port}")
            assert list(json.loads(early.recv(DEADLINE))) == ["C"]
        self.updates_come(front)

    def updates_come(self, front):
        for url in (front.url, f"{front.url}/ws", f"{front.url}/letters"):
            run = wigwag("try", "letters", "A", "B", "--for", "1s", "--url", url)
            assert run.returncode == 0, run.stderr
            lines = run.stdout.splitlines()
            assert len(lines) >= 4, lines
            assert all(re.fullmatch(r"Letter [AB] updated with number \d{4}\.", line) for line in lines), lines


class TestServices:
    def test_every_service_works_through_the_gateway(self, server, gateway):
        front = gateway(f"{server.url}/letters")
        for command in (["random", "-n", 10_000], ["echo", "-n", 1_000], ["stream", "Hi o"]):
            run = wigwag("try", *command, "--url", front.url if command[0] != "random" else f"{front.url}/random")
            assert run.returncode == 0, run.stderr
        assert front.metric("wigwag_messages_received_total", service="random") == 10_000

    def test_the_page_and_the_gateways_own_figures_are_there(self, server, gateway):
        front = gateway(f"{server.url}/letters")
        assert "<html" in front.get("/").lower()
        with connect(f"{front.url}/metrics/live") as live:
            names = [service["name"] for service in json.loads(live.recv(DEADLINE))["services"]]
        assert {"ws", "echo", "random", "stream", "letters"} <= set(names), names

    def test_without_them_only_the_upstream_is_relayed(self, server, gateway):
        front = gateway(f"{server.url}/echo", "--relay-services", "off")
        with Raw(front) as raw:
            assert raw.ask("/random")[0] == 404
        with connect(front.url) as client:
            assert answer_of(client, "x") == "x"


class TestRelay:
    def test_10000_messages_get_10000_right_answers_from_a_python_server(self, gateway):
        with Upstream(with_a_number) as upstream:
            front = gateway(upstream.url)
            run = wigwag("try", "random", "-n", 10_000, "--url", f"{front.url}/ws", timeout=120)
            # One message in 1,024 is measured.
            assert front.metric("wigwag_relay_added_latency_seconds_count", service="ws") >= 10
        assert run.returncode == 0, run.stderr
        assert run.stdout.splitlines()[-1] == "10000 sent, 10000 answered, 0 lost"

    def test_text_binary_and_large_messages_pass_unchanged(self, gateway):
        messages = ["", "é" * 1000, b"", bytes(range(256)), b"x" * MIB, "y" * 70_000]
        with Upstream(echo) as upstream, connect(f"{gateway(upstream.url).url}/ws", max_size=2 * MIB) as client:
            for message in messages:
                assert answer_of(client, message) == message

    def test_a_message_in_fragments_is_one_message(self, gateway):
        with Upstream(echo) as upstream, Raw(gateway(upstream.url)) as raw:
            raw.open("/ws")
            raw.send(frame(TEXT, b"in ", fin=False) + frame(PING, b"now") + frame(0, b"three ", fin=False))
            assert raw.read_frame() == (PONG, b"now"), "a Ping is answered by the gateway, at once"
            raw.send(frame(0, b"parts"))
            assert raw.read_frame() == (TEXT, b"in three parts")

    def test_what_is_glued_to_the_handshakes_is_relayed(self, gateway):
        def greeting(connection):
            connection.send("hello")
            echo(connection)

        with Upstream(greeting) as upstream, Raw(gateway(upstream.url)) as raw:
            raw.send(request(raw.host, "/ws") + frame(TEXT, b"first") + frame(TEXT, b"second"))
            assert raw.response()[0] == 101
            assert [raw.read_frame() for _ in range(3)] == [(TEXT, b"hello"), (TEXT, b"first"), (TEXT, b"second")]

    def test_the_query_is_passed_on(self, gateway):
        with Upstream(echo) as upstream:
            front = gateway(f"{upstream.url}/chat", "--route", f"/other={upstream.url}/o?fixed=1")
            for path in ("/ws?room=1&x=%20", "/?room=2", "/other?room=3", "/ws"):
                with connect(front.url + path) as client:
                    answer_of(client, "x")
            paths = [request.path for request in upstream.requests]
        assert paths == ["/chat?room=1&x=%20", "/chat?room=2", "/o?fixed=1&room=3", "/chat"]

    def test_closes_pass_in_both_directions_with_code_and_reason(self, gateway):
        def closing(connection):
            if connection.recv(DEADLINE) == "close":
                connection.close(4001, "enough")
            else:
                connection.recv(DEADLINE)

        with Upstream(closing) as upstream:
            url = f"{gateway(upstream.url).url}/ws"
            with connect(url) as client:
                client.send("close")
                assert close_of(client) == (4001, "enough")
            with connect(url) as client:
                client.send("wait")
                client.close(4002, "going")
            wait_until(lambda: (4002, "going") in upstream.closes, "the client's Close arrives")

    def test_a_close_without_code_stays_without(self, gateway):
        with Upstream(echo) as upstream, Raw(gateway(upstream.url)) as raw:
            raw.open("/ws")
            raw.send(frame(CLOSE))
            assert raw.read_frame() == (CLOSE, b"")
            wait_until(lambda: upstream.closes, "the upstream is closed")
            assert upstream.closes[0][0] == 1005

    def test_a_clients_protocol_error_closes_the_upstream_properly(self, gateway):
        with Upstream(echo) as upstream, Raw(gateway(upstream.url)) as raw:
            raw.open("/ws")
            raw.send(frame(TEXT, b"\xff"))
            assert raw.read_close()[0] == 1007
            wait_until(lambda: upstream.closes, "the upstream is closed")
            assert upstream.closes[0][0] == 1001

    def test_what_was_asked_before_a_protocol_error_is_answered_before_the_close(self, server, gateway):
        with Raw(gateway(f"{server.url}/echo")) as raw:
            raw.open("/ws")
            raw.send(frame(TEXT, b"fine") + frame(TEXT, b"\xff"))
            assert raw.read_frame() == (TEXT, b"fine")
            assert raw.read_close()[0] == 1007


class TestHandshake:
    def test_the_upstream_chooses_the_subprotocol(self, gateway):
        with Upstream(echo, subprotocols=["chat.v2"]) as upstream:
            front = gateway(upstream.url)
            with connect(f"{front.url}/ws", subprotocols=["chat.v1", "chat.v2"]) as client:
                assert client.subprotocol == "chat.v2"
                assert answer_of(client, "x") == "x"

    def test_a_refusal_is_passed_on(self, gateway):
        def refuse(connection, request):
            return connection.respond(403, "not you\n") if request.path == "/no" else None

        with Upstream(echo, process_request=refuse) as upstream:
            front = gateway(f"{upstream.url}/no", "--route", f"/yes={upstream.url}/yes")
            with pytest.raises(InvalidStatus) as refused:
                connect(f"{front.url}/ws")
            assert refused.value.response.status_code == 403
            assert b"not you" in refused.value.response.body
            with connect(f"{front.url}/yes") as client:
                assert answer_of(client, "x") == "x"

    def test_the_upstream_is_told_who_asks_and_nothing_secret(self, gateway):
        headers = {"Cookie": "id=1", "Authorization": "Bearer t", "X-Custom": "c", "Accept-Language": "de"}
        sent = self.headers_at_upstream(gateway, headers)
        assert sent["X-Forwarded-For"] == "127.0.0.1"
        assert sent["X-Forwarded-Proto"] == "http"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", sent["X-Forwarded-Host"])
        assert "for=127.0.0.1" in sent["Forwarded"] and "proto=http" in sent["Forwarded"]
        assert sent["Accept-Language"] == "de"
        for name in ("Cookie", "Authorization", "X-Custom", "Origin", "Sec-WebSocket-Extensions"):
            assert name not in sent, name

    def test_cookies_credentials_and_headers_are_passed_when_asked_for(self, gateway):
        headers = {"Cookie": "id=1", "Authorization": "Bearer t", "X-Custom": "c"}
        flags = ["--pass-cookies", "--pass-authorization", "--pass-header", "X-Custom"]
        sent = self.headers_at_upstream(gateway, headers, *flags)
        assert {name: sent[name] for name in headers} == headers

    def headers_at_upstream(self, gateway, headers, *flags):
        with Upstream(echo) as upstream:
            with connect(f"{gateway(upstream.url, *flags).url}/ws", additional_headers=headers) as client:
                answer_of(client, "x")
            return upstream.requests[0].headers

    def test_a_gateway_does_not_relay_to_itself(self, gateway):
        port = free_port()
        front = gateway(f"ws://127.0.0.1:{port}/ws", "--relay-services", "off", listen=f"127.0.0.1:{port}")
        with Raw(front) as raw:
            status, _ = raw.ask("/ws", "Sec-WebSocket-Protocol: any")
        assert status == 508
        assert front.metric("wigwag_relay_failures_total", service="ws", reason="loop") >= 1
        health = json.loads(front.get("/healthz"))
        assert health["status"] == "degraded"
        [upstream] = health["upstreams"]
        assert (upstream["answers"], upstream["detail"]) == (False, "leads back to this gateway")
        assert f"{upstream['url']} leads back to this gateway" in front.banner

    def test_foreign_pages_are_refused_as_by_the_server(self, server, gateway):
        with Raw(gateway(server.url)) as raw:
            assert raw.ask("/ws", "Origin: https://evil.example")[0] == 403


class TestRestart:
    CLIENTS = 100

    def start(self, serve, gateway, *flags):
        port = free_port()
        options = ["--letters-interval", "50ms"]
        server = serve(*options, listen=f"127.0.0.1:{port}")
        front = gateway(f"{server.url}/letters", *flags)
        return server, front, lambda: serve(*options, listen=f"127.0.0.1:{port}")

    def test_100_subscribers_get_updates_again_and_none_is_closed(self, serve, gateway):
        server, front, restart = self.start(serve, gateway, "--replay-on-reconnect")
        clients = [Raw(front).open("/ws") for _ in range(self.CLIENTS)]
        letters = [chr(ord("A") + number % 26) for number in range(self.CLIENTS)]
        for client, letter in zip(clients, letters):
            client.send(subscribe(letter))
        for client, letter in zip(clients, letters):
            assert self.next_letter(client) == letter
        server.kill()
        front.wait_for_metric("wigwag_relay_upstream_connections", 0, service="ws")
        for client in clients:
            self.drop_what_came(client)
        restart()
        for client, letter in zip(clients, letters):
            for _ in range(3):
                assert self.next_letter(client) == letter
        assert front.metric("wigwag_connections", service="ws") == self.CLIENTS
        assert front.metric("wigwag_connections_opened_total", service="ws") == self.CLIENTS
        assert front.metric("wigwag_relay_replays_total", service="ws") == self.CLIENTS
        for client in clients:
            client.socket.close()

    def test_json_rules_replay_only_present_subscriptions(self, serve, gateway):
        rules = ["--replay-key", "letter", "--replay-cancel", "action=unsubscribe", "--replay-ignore-case"]
        server, front, restart = self.start(serve, gateway, "--replay-on-reconnect", *rules)
        with Raw(front) as client:
            client.open("/ws")
            for step in (subscribe("a"), subscribe("b"), subscribe("A", "unsubscribe")):
                client.send(step)
            # Many changes of mind do not add up: 100 times this is more than is kept.
            client.send((subscribe("c") + subscribe("c", "unsubscribe")) * 1_000)
            wait_until(lambda: server.metric("wigwag_messages_received_total", service="letters") == 2_003, "all is heard")
            server.kill()
            front.wait_for_metric("wigwag_relay_upstream_connections", 0, service="ws")
            self.drop_what_came(client)
            server = restart()
            assert [self.next_letter(client) for _ in range(5)] == ["B"] * 5
            assert server.metric("wigwag_messages_received_total", service="letters") == 1

    def test_without_replay_the_client_is_told_to_come_back(self, serve, gateway):
        server, front, _ = self.start(serve, gateway)
        with Raw(front) as client:
            client.open("/ws")
            client.send(subscribe("a"))
            assert self.next_letter(client) == "A"
            server.kill()
            code, reason = client.read_close()
        assert code == 1012 and reason

    def test_more_than_is_kept_cannot_be_replayed(self, serve, gateway):
        port = free_port()
        server = serve(listen=f"127.0.0.1:{port}")
        front = gateway(f"{server.url}/echo", "--replay-on-reconnect")
        with Raw(front) as client:
            client.open("/ws")
            message = frame(TEXT, b"x" * 60_000)
            for _ in range(2):
                client.send(message)
                assert client.read_message() == (TEXT, b"x" * 60_000)
            server.kill()
            assert client.read_close()[0] == 1012

    def next_letter(self, client):
        opcode, payload = client.read_frame()
        assert opcode == TEXT, (opcode, payload)
        (letter,) = json.loads(payload)
        return letter

    def drop_what_came(self, client):
        """Whole frames only: the gateway has sent what it had, and the upstream is gone."""
        client.socket.setblocking(False)
        try:
            while True:
                client.fill()
        except BlockingIOError:
            pass
        finally:
            client.socket.settimeout(DEADLINE)
        while client.unread:
            client.read_frame()


class TestHold:
    def test_nobody_waits_where_hold_is_0(self, gateway):
        front = gateway(f"ws://127.0.0.1:{free_port()}", "--hold", "0")
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{front.url}/ws")
        assert refused.value.response.status_code == 502
        assert refused.value.response.headers["Retry-After"] == "5"
        assert b"cannot be reached: it takes no connection" in refused.value.response.body

    def test_an_upstream_that_does_not_answer_is_504(self, gateway):
        with silent() as url:
            front = gateway(url, "--hold", "0s", "--connect-timeout", "300ms", "--relay-services", "off")
            with pytest.raises(InvalidStatus) as refused:
                connect(f"{front.url}/ws")
        assert refused.value.response.status_code == 504

    def test_who_waited_in_vain_is_told_to_try_later(self, gateway):
        front = gateway(f"ws://127.0.0.1:{free_port()}", "--hold", "1s")
        began = time.monotonic()
        with connect(f"{front.url}/ws") as client:
            code, reason = close_of(client)
        assert code == 1013 and reason
        assert 0.8 < time.monotonic() - began < DEADLINE

    def test_what_is_said_meanwhile_arrives_in_order(self, gateway):
        port = free_port()
        front = gateway(f"ws://127.0.0.1:{port}")
        with connect(f"{front.url}/ws") as client:
            for number in range(100):
                client.send(str(number))
            with Upstream(echo, port=port):
                assert [client.recv(DEADLINE) for _ in range(100)] == [str(number) for number in range(100)]

    def test_who_says_too_much_meanwhile_is_told_to_try_later(self, gateway):
        front = gateway(f"ws://127.0.0.1:{free_port()}", "--hold-bytes-max", "10KiB")
        with connect(f"{front.url}/ws") as client:
            client.send(b"x" * 20_000)
            code, reason = close_of(client)
        assert code == 1013 and reason

    def test_an_offered_subprotocol_waits_for_the_upstream(self, gateway):
        port = free_port()
        front = gateway(f"ws://127.0.0.1:{port}")
        with Raw(front) as raw:
            raw.send(request(raw.host, "/ws", "Sec-WebSocket-Protocol: chat.v1"))
            raw.socket.settimeout(0.5)
            with pytest.raises(socket.timeout):
                raw.response()
            raw.socket.settimeout(DEADLINE)
            with Upstream(echo, port=port, subprotocols=["chat.v1"]):
                status, head = raw.response()
        assert status == 101 and "sec-websocket-protocol: chat.v1" in head


class TestTls:
    @pytest.fixture
    def upstream(self, serve, tmp_path):
        (tmp_path / "upstream").mkdir()
        cert, key = make_certificate(tmp_path / "upstream", "upstream")
        return serve("--tls-cert", cert, "--tls-key", key), cert

    def test_both_sides_speak_tls(self, upstream, gateway, tmp_path):
        server, upstream_cert = upstream
        cert, key = make_certificate(tmp_path, "gateway")
        front = gateway(f"{server.url}/echo", "--upstream-ca", upstream_cert, "--tls-cert", cert, "--tls-key", key)
        with Raw(front, tls=trusting(cert)) as raw:
            raw.open("/ws")
            for size in (1, 1_000, 100_000):
                raw.send(frame(BINARY, b"x" * size))
                assert raw.read_message() == (BINARY, b"x" * size)

    def test_an_unknown_certificate_is_refused(self, upstream, gateway):
        server, _ = upstream
        front = gateway(f"{server.url}/echo", "--hold", "0")
        with Raw(front) as raw:
            assert raw.ask("/ws")[0] == 502
        assert front.metric("wigwag_relay_failures_total", service="ws", reason="untrusted") >= 1

    def test_insecure_takes_it_and_says_so_loudly(self, upstream, gateway):
        server, _ = upstream
        front = gateway(f"{server.url}/echo", "--insecure-upstream")
        assert "INSECURE" in front.banner and "insecure-upstream" in front.log()
        with Raw(front) as raw:
            raw.open("/ws")
            raw.send(frame(TEXT, b"x"))
            assert raw.read_frame() == (TEXT, b"x")


class TestEnd:
    def test_a_drain_closes_both_sides(self, gateway):
        with Upstream(echo) as upstream:
            front = gateway(upstream.url)
            with connect(f"{front.url}/ws") as client:
                assert answer_of(client, "x") == "x"
                front.signal(signal.SIGTERM)
                assert close_of(client)[0] == 1001
            assert front.wait() == 0
            wait_until(lambda: upstream.closes, "the upstream is closed")
            assert upstream.closes[0][0] == 1001
        assert front.report()[1:] == (0, 0)

    def test_sighup_is_answered_as_by_the_server(self, server, gateway):
        front = gateway(server.url)
        front.signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP: nothing to reload" in front.log(), "the gateway says so")

    def test_a_taken_port_is_said_with_exit_code_1(self, server):
        run = wigwag("gateway", "--listen", f"127.0.0.1:{server.port}")
        assert run.returncode == 1 and f"127.0.0.1:{server.port} is taken" in run.stderr


class TestBackpressure:
    def test_a_slow_reader_slows_the_upstream_and_loses_nothing(self, gateway):
        count, size = 2_000, 50_000
        sent = [0]

        def flood(connection):
            for number in range(count):
                connection.send(struct.pack("!I", number) * (size // 4))
                sent[0] = number + 1

        with Upstream(flood, ping_interval=None) as upstream:
            front = gateway(upstream.url, "--write-timeout", "1m")
            before = front.memory("VmHWM")
            with Raw(front, receive_buffer=4096) as slow:
                slow.open("/ws")
                self.wait_until_still(sent)
                assert 0 < sent[0] < count // 2, "the upstream is slowed down"
                assert front.memory("VmHWM") - before < 8 * MIB
                for number in range(count):
                    assert slow.read_message() == (BINARY, struct.pack("!I", number) * (size // 4)), number
            assert front.memory("VmHWM") - before < 8 * MIB

    def test_a_slow_upstream_slows_the_client_and_loses_nothing(self, gateway):
        go_on = threading.Event()
        received = []

        def lazy(connection):
            go_on.wait(DEADLINE)
            for message in connection:
                received.append(struct.unpack("!I", message[:4])[0])

        with Upstream(lazy, max_queue=1, ping_interval=None) as upstream:
            front = gateway(upstream.url, "--write-timeout", "1m")
            before = front.memory("VmHWM")
            with Raw(front) as fast:
                fast.open("/ws")
                fast.socket.settimeout(1)
                stream = b"".join(frame(BINARY, struct.pack("!I", number) * 5_000) for number in range(2_000))
                sent = self.send_until_stuck(fast, stream)
                assert 0 < sent < len(stream), "the client is slowed down"
                assert front.memory("VmHWM") - before < 8 * MIB
                go_on.set()
                fast.socket.settimeout(DEADLINE)
                fast.send(stream[sent:])
                wait_until(lambda: len(received) == 2_000, "everything arrives")
            assert received == list(range(2_000))

    def send_until_stuck(self, raw, stream):
        sent = 0
        try:
            while sent < len(stream):
                sent += raw.socket.send(stream[sent : sent + 65_536])
        except socket.timeout:
            pass
        return sent

    def wait_until_still(self, counter):
        """Until the counter has not moved for half a second."""
        last = [counter[0], time.monotonic()]

        def is_still():
            if counter[0] != last[0]:
                last[:] = counter[0], time.monotonic()
            return counter[0] > 0 and time.monotonic() - last[1] > 0.5

        wait_until(is_still, "the upstream waits")


class TestProbes:
    def test_health_says_whether_upstreams_answer_and_the_gateway_lives_on(self, server, gateway):
        front = gateway(f"{server.url}/letters")
        health = json.loads(front.get("/healthz"))
        assert health["status"] == "ok"
        assert {upstream["url"] for upstream in health["upstreams"]} == {
            f"{server.url}/{name}" for name in ("echo", "random", "stream", "letters")
        }
        assert all(upstream["answers"] for upstream in health["upstreams"]), health
        paths = {upstream["url"]: upstream["paths"] for upstream in health["upstreams"]}
        assert paths[f"{server.url}/letters"] == ["/letters", "/ws"]
        assert paths[f"{server.url}/echo"] == ["/echo"]
        server.kill()
        wait_until(lambda: json.loads(front.get("/healthz"))["status"] == "degraded", "the change is seen")
        assert front.get("/readyz") == "ready\n"

    def test_the_banner_says_where_everything_goes(self, server, gateway):
        front = gateway(f"{server.url}/letters", "--route", "/chat=ws://127.0.0.1:9/c")
        for line in (
            rf"  ws       {front.url}/ws   → {server.url}/letters   \(also {front.url}\)",
            rf"  random   {front.url}/random   → {server.url}/random",
            rf"  chat     {front.url}/chat   → ws://127.0.0.1:9/c",
            rf"  {server.url}/letters answers",
            r"  ws://127.0.0.1:9/c does not answer yet",
        ):
            assert re.search(line, front.banner), f"{line} in {front.banner}"

    def test_metrics_count_each_route_and_its_upstream(self, server, gateway):
        port = free_port()
        front = gateway(f"{server.url}/echo", "--route", f"/gone=ws://127.0.0.1:{port}/; hold=0s")
        with connect(f"{front.url}/ws", compression=None) as client:
            for _ in range(200):
                answer_of(client, "12345678")
            assert front.metric("wigwag_connections", service="ws") == 1
            assert front.metric("wigwag_relay_upstream_connections", service="ws") == 1
            assert front.metric("wigwag_messages_received_total", service="ws") == 200
            assert front.metric("wigwag_messages_sent_total", service="ws") == 200
            assert front.metric("wigwag_bytes_received_total", service="ws") == 200 * (6 + 8)
            assert front.metric("wigwag_bytes_sent_total", service="ws") == 200 * (2 + 8)
            assert front.metric("wigwag_relay_connect_seconds_count", service="ws") >= 1
        with Raw(front) as raw:
            assert raw.ask("/gone")[0] == 502
        assert front.metric("wigwag_relay_failures_total", service="gone", reason="unreachable") >= 1
        front.wait_for_metric("wigwag_relay_upstream_connections", 0, service="ws")
