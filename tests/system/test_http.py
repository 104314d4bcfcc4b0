"""The HTTP side of the same port: pages, probes, metrics, errors, and who may connect."""

import gzip
import http.client
import json
import re
import time

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from conftest import DEADLINE, wait_until
from wire import TEXT, Raw, frame


@pytest.fixture
def http_client(server):
    client = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE)
    yield client
    client.close()


def ask(client, path, method="GET", body=None, **headers):
    client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = client.getresponse()
    return response, response.read().decode()


class TestPages:
    def test_the_root_is_a_whole_page_with_a_policy(self, http_client):
        response, body = ask(http_client, "/")
        assert response.status == 200 and response.headers["Content-Type"].startswith("text/html")
        assert body.startswith("<!doctype html>") and body.rstrip().endswith("</html>")
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'self'", "connect-src 'self' ws: wss:", "frame-ancestors 'none'"} <= set(policy)
        assert not any("unsafe" in part or "data:" in part for part in policy)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"

    @pytest.mark.parametrize(("path", "text"), [("/healthz", "ok\n"), ("/readyz", "ready\n")])
    def test_probes_answer_in_a_word(self, http_client, path, text):
        response, body = ask(http_client, path)
        assert (response.status, body) == (200, text)

    def test_an_unknown_path_is_404_in_json(self, http_client):
        response, body = ask(http_client, "/nothing", Accept="application/json")
        answer = json.loads(body)
        assert (response.status, answer["status"], answer["error"]) == (404, 404, "not_found")

    def test_an_unknown_path_is_404_in_html_for_browsers(self, http_client):
        response, body = ask(http_client, "/nothing", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        assert response.status == 404 and response.headers["Content-Type"].startswith("text/html")
        assert body.startswith("<!doctype html>")

    @pytest.mark.parametrize("path", ["/", "/healthz", "/metrics"])
    def test_head_has_the_headers_of_get_and_no_body(self, http_client, path):
        got, body = ask(http_client, path)
        head, nothing = ask(http_client, path, "HEAD")
        assert (head.status, nothing) == (200, "")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert body

    @pytest.mark.parametrize("path", ["/", "/healthz", "/metrics"])
    @pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
    def test_other_methods_are_405_and_say_which_are_allowed(self, http_client, path, method):
        response, _ = ask(http_client, path, method)
        assert response.status == 405
        assert {"GET", "HEAD"} <= set(response.headers["Allow"].replace(" ", "").split(","))

    def test_a_service_asked_without_websocket_says_what_it_is(self, http_client):
        response, body = ask(http_client, "/random")
        assert response.status == 426 and "WebSocket" in body

    def test_a_body_over_the_bound_is_413(self, serve):
        server = serve("--http-body-bytes-max", "1KiB")
        client = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE)
        response, _ = ask(client, "/", "POST", b"x" * 2000)
        assert response.status == 413
        client.close()

    def test_a_connection_is_kept_for_many_requests(self, http_client):
        ask(http_client, "/healthz")
        socket = http_client.sock
        for _ in range(50):
            response, _ = ask(http_client, "/healthz")
            assert response.status == 200
        assert http_client.sock is socket, "still the first connection"

    def test_a_kept_connection_can_become_a_websocket(self, server):
        with Raw(server) as raw:
            raw.send(f"GET /healthz HTTP/1.1\r\nHost: {raw.host}\r\n\r\n".encode())
            assert raw.response()[0] == 200
            assert raw.take(3) == b"ok\n"
            raw.open()
            raw.send(frame(TEXT, b"the same connection"))
            assert raw.read_frame() == (TEXT, b"the same connection")


class TestFiles:
    """What the page refers to, be it the real one or the placeholder."""

    @pytest.fixture
    def paths(self, http_client):
        _, page = ask(http_client, "/")
        paths = re.findall(r'="(/[^"]+)"', page)
        assert paths
        return paths

    def fetch(self, client, path, method="GET", **headers):
        client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = client.getresponse()
        return response, response.read()

    def test_gzip_is_the_same_content_and_has_a_tag_of_its_own(self, http_client, paths):
        for path in ["/", *paths]:
            plain, content = self.fetch(http_client, path)
            packed, compressed = self.fetch(http_client, path, Accept_Encoding="gzip;q=1.0, br;q=0")
            assert "Content-Encoding" not in plain.headers
            assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
            if packed.headers["Content-Encoding"] is None:
                assert (compressed, packed.headers["ETag"]) == (content, plain.headers["ETag"])
                continue
            assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(compressed) == content
            assert packed.headers["ETag"] != plain.headers["ETag"]
            assert plain.headers["Vary"] == packed.headers["Vary"] == "accept-encoding"

    def test_what_is_known_already_is_not_sent_again(self, http_client, paths):
        for path in ["/", *paths]:
            for encoding in ("identity", "gzip", "br"):
                first, _ = self.fetch(http_client, path, Accept_Encoding=encoding)
                again, nothing = self.fetch(
                    http_client, path, Accept_Encoding=encoding, If_None_Match=first.headers["ETag"]
                )
                assert (again.status, nothing) == (304, b"")
                assert again.headers["ETag"] == first.headers["ETag"]
                other, content = self.fetch(http_client, path, Accept_Encoding=encoding, If_None_Match='"other"')
                assert other.status == 200 and content

    def test_hashed_names_are_kept_for_ever_and_the_page_is_asked_for_each_time(self, http_client, paths):
        for path in ["/", *paths]:
            response, _ = self.fetch(http_client, path)
            hashed = path.startswith("/assets/")
            assert response.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if hashed else "no-cache")

    def test_head_tells_the_length_that_get_has(self, http_client, paths):
        for path in ["/", *paths]:
            got, content = self.fetch(http_client, path, Accept_Encoding="br")
            head, nothing = self.fetch(http_client, path, "HEAD", Accept_Encoding="br")
            assert (head.status, nothing) == (200, b"")
            for name in ("Content-Length", "Content-Type", "Content-Encoding", "ETag", "Cache-Control"):
                assert head.headers[name] == got.headers[name], name
            assert int(got.headers["Content-Length"]) == len(content)

    def test_types_are_right(self, http_client, paths):
        expected = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
        for path in paths:
            response, _ = self.fetch(http_client, path)
            assert response.headers["Content-Type"] == expected[path.rpartition(".")[2]]

    @pytest.mark.parametrize("path", ["/assets/index-00000000.js", "/assets/", "/assets", "/index.html.gz", "/../Cargo.toml"])
    def test_what_is_no_file_is_404_and_not_the_page(self, http_client, path):
        response, content = self.fetch(http_client, path, Accept="text/html")
        assert response.status == 404 and b'id="root"' not in content
        assert "immutable" not in response.headers.get("Cache-Control", "")


class TestSmuggling:
    @pytest.mark.parametrize("kept_alive", [False, True], ids=["first request", "later request"])
    @pytest.mark.parametrize(
        "head",
        [
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Folded: one\r\n two\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Bad : x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Bad: a\x00b\r\n\r\n",
            "GET  /  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ],
        ids=["two hosts", "no host", "length and encoding", "two lengths", "folded", "space before colon", "NUL", "spaces"],
    )
    def test_an_ambiguous_head_is_400_and_ends_the_connection(self, server, head, kept_alive):
        with Raw(server) as raw:
            if kept_alive:
                raw.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert raw.response()[0] == 200
                raw.take(3)
            # What follows the head must not be taken for a request of its own.
            raw.send(head.encode() + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            data = raw.unread
            try:
                while chunk := raw.socket.recv(65536):
                    data += chunk
            except ConnectionResetError:
                pass
            assert data.startswith(b"HTTP/1.1 400"), data
            assert data.count(b"HTTP/1.1") == 1, data

    def test_a_silent_connection_is_cut_after_the_head_time(self, serve):
        server = serve("--handshake-timeout", "500ms")
        with Raw(server) as silent, Raw(server) as kept:
            kept.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.response()[0] == 200
            kept.take(3)
            kept.send(b"GET /hea")
            began = time.monotonic()
            assert silent.is_cut() and kept.is_cut()
            assert time.monotonic() - began < 5


class TestAccess:
    def test_a_foreign_host_is_403_on_loopback(self, http_client):
        response, body = ask(http_client, "/", Host="evil.example")
        assert response.status == 403 and "--allow-host evil.example" in body

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "dev.localhost"])
    def test_loopback_names_pass(self, http_client, host):
        assert ask(http_client, "/", Host=host)[0].status == 200

    @pytest.mark.parametrize(
        ("origin", "options", "passes"),
        [
            (None, [], True),
            ("http://127.0.0.1:{port}", [], True),
            ("http://localhost:5173", [], True),
            ("http://[::1]:1", [], True),
            ("null", [], True),
            ("https://evil.example", [], False),
            ("http://localhost.evil.example", [], False),
            ("https://app.example", ["--allow-origin", "https://app.example"], True),
            ("http://app.example", ["--allow-origin", "https://app.example"], False),
            ("https://any.example", ["--allow-origin", "*"], True),
        ],
    )
    def test_origins(self, serve, origin, options, passes):
        server = serve(*options)
        origin = origin and origin.format(port=server.port)
        if passes:
            with connect(server.url, origin=origin) as client:
                client.send("hello")
                assert client.recv(DEADLINE).startswith("hello ")
            return
        with pytest.raises(InvalidStatus) as refused:
            connect(server.url, origin=origin)
        response = refused.value.response
        assert response.status_code == 403 and b"--allow-origin" in response.body
        assert server.metric("wigwag_handshakes_refused_total", reason="origin") == 1

    def test_an_allowed_host_passes(self, serve):
        server = serve("--allow-host", "chat.example")
        client = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE)
        assert ask(client, "/", Host="chat.example")[0].status == 200
        client.close()


class TestMetrics:
    def test_figures_match_what_was_done(self, server):
        with connect(f"{server.url}/echo", compression=None) as one, connect(f"{server.url}/random") as two:
            for client in (one, two):
                for _ in range(10):
                    client.send("hello")
                    client.recv(DEADLINE)
            assert server.metric("wigwag_connections", service="echo") == 1
            assert server.metric("wigwag_connections", service="random") == 1
            assert server.metric("wigwag_messages_received_total", service="echo") == 10
            assert server.metric("wigwag_messages_sent_total", service="echo") == 10
            # A header of 2 bytes and, from the client, a mask of 4.
            assert server.metric("wigwag_bytes_received_total", service="echo") == 10 * (2 + 4 + 5)
            assert server.metric("wigwag_bytes_sent_total", service="echo") == 10 * (2 + 5)
            assert server.metric("wigwag_answer_latency_seconds_count") == 20
        for service in ("echo", "random"):
            server.wait_for_metric("wigwag_connections", 0, service=service)
            assert server.metric("wigwag_connections_opened_total", service=service) == 1
        assert server.metric("wigwag_closes_total", code="1000") == 2
        resident = server.metric("process_resident_memory_bytes")
        assert 0.5 < resident / server.memory() < 2
        assert server.metric("process_open_fds") > 3

    def test_the_text_is_what_it_says_it_is(self, http_client):
        response, body = ask(http_client, "/metrics")
        assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        lines = body.splitlines()
        assert lines[-1] == "# EOF" and all(line.startswith(("#", "wigwag_", "process_")) for line in lines)

    def test_they_can_have_an_address_of_their_own(self, serve):
        server = serve("--metrics-listen", "127.0.0.1:0")
        (url,) = [word for word in server.banner.split() if word.endswith("/metrics")]
        other = http.client.HTTPConnection(url.split("/")[2], timeout=DEADLINE)
        assert ask(other, "/metrics")[0].status == 200
        assert ask(other, "/readyz")[0].status == 200
        assert ask(other, "/")[0].status == 404
        here = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE)
        assert ask(here, "/metrics")[0].status == 404
        for client in (other, here):
            client.close()

    def test_live_figures_come_once_a_second(self, server):
        with connect(f"{server.url}/metrics/live") as live, connect(f"{server.url}/echo") as client:
            first = json.loads(live.recv(DEADLINE))
            for _ in range(10):
                client.send("hello")
                client.recv(DEADLINE)
            times, snapshots = [], []
            for _ in range(3):
                snapshots.append(json.loads(live.recv(DEADLINE)))
                times.append(time.monotonic())
            (echo,) = [service for service in snapshots[-1]["services"] if service["name"] == "echo"]
            assert (echo["connections"], echo["messages_in_total"], echo["messages_out_total"]) == (1, 10, 10)
            gaps = [after - before for before, after in zip(times, times[1:])]
            assert all(0.5 < gap < 2 for gap in gaps), gaps
            assert snapshots[-1]["uptime_seconds"] > first["uptime_seconds"]
            assert snapshots[-1]["resident_bytes"] > 1 << 20

    def test_a_count_of_http_answers_is_kept_by_status(self, server, http_client):
        for _ in range(3):
            ask(http_client, "/nothing")
        assert server.metric("wigwag_http_responses_total", status="404") == 3
        wait_until(lambda: server.metric("wigwag_http_connections") >= 1, "this connection is counted")
