"""`wigwag connect` without a terminal: pipes, arguments, records; against the real server and Python websockets."""

import json
import re
import signal
import socket
import ssl
import subprocess
import threading
from http import HTTPStatus
from pathlib import Path

import pytest

from certificates import make_certificate
from conftest import DEADLINE, WIGWAG, clean_environment, wait_until, wigwag
from foreign import Foreign, closing, echo, silent, tell_request


def connect(*args, lines="", **env):
    """Runs `wigwag connect ARGS` with these lines as input, to its end."""
    if isinstance(lines, str):
        lines = lines.encode()
    run = subprocess.run(
        [WIGWAG, "connect", *map(str, args)], input=lines, capture_output=True, timeout=60, env=clean_environment(**env)
    )
    run.out, run.err = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
    return run


def start(*args):
    """As `connect`, and lets it run."""
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process = subprocess.Popen([WIGWAG, "connect", *map(str, args)], env=clean_environment(), **pipes)
    STARTED.append(process)
    return process


STARTED = []


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def fails(run, *parts, code=1):
    """It ended with this exit code, said this, and did not print it as an answer."""
    assert run.returncode == code, run.err
    for part in parts:
        assert part in run.err, run.err
        assert part not in run.out


class TestPipe:
    def test_one_line_is_one_message_and_its_answer_one_line(self, server):
        run = connect(f"{server.url}/echo", lines="one\n\n/two\r\nthree")
        assert (run.returncode, run.out, run.err) == (0, "one\n\n/two\nthree\n", "")

    def test_the_scheme_may_be_left_out(self, server):
        run = connect(f"127.0.0.1:{server.port}/random", lines="hello\n")
        assert run.returncode == 0 and re.fullmatch(r"hello \d+\n", run.out), run

    def test_ten_thousand_lines_have_ten_thousand_answers_in_order(self, server):
        lines = [str(number) for number in range(10_000)]
        run = connect(f"{server.url}/random", lines="\n".join(lines))
        assert run.returncode == 0, run.err
        assert [answer.split(" ")[0] for answer in run.out.splitlines()] == lines

    def test_bytes_pass_as_binary_messages(self, server):
        run = connect(f"{server.url}/echo", "-b", lines=b"\xff\x00a\nb\n")
        assert (run.returncode, run.stdout) == (0, b"\xff\x00a\nb\n")
        fails(connect(f"{server.url}/echo", lines=b"\xff\n"), "--binary")

    def test_nothing_is_coloured(self, server):
        run = connect(f"{server.url}/nothing", lines="a")
        fails(run, "error: ", "404")
        assert "\x1b" not in run.out + run.err

    def test_messages_of_many_mebibytes_pass(self, serve):
        server = serve("--message-bytes-max", "64MiB")
        line = b"x" * (20 << 20) + b"\n"
        assert connect(f"{server.url}/echo", lines=line).stdout == line

    def test_the_connection_is_closed_with_1000(self):
        with Foreign(echo) as foreign:
            assert connect(foreign.url, lines="a\n").returncode == 0
            wait_until(lambda: foreign.ends == [(1000, "")], "its end")

    def test_a_reader_that_leaves_is_no_failure(self, server):
        command = f"seq 100000 | {WIGWAG} connect {server.url}/echo | head -1; exit ${{PIPESTATUS[1]}}"
        run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=clean_environment())
        assert (run.returncode, run.stdout, run.stderr) == (0, "1\n", "")

    def test_a_server_that_reads_slowly_slows_the_pipe_down(self):
        go_on = threading.Event()

        async def late(connection):
            while not go_on.is_set():
                await connection.ping()
            await echo(connection)

        with Foreign(late, compression=None, max_queue=1) as foreign:
            process = start(foreign.url, "--replies", 400)
            line = b"x" * 200_000 + b"\n"

            def feed():
                for _ in range(400):
                    process.stdin.write(line)
                process.stdin.close()

            feeding = threading.Thread(target=feed)
            feeding.start()
            feeding.join(2)
            held_up = feeding.is_alive()
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 40_000, "what cannot be sent is not read"
            go_on.set()
            answers = process.stdout.read()
            feeding.join(DEADLINE)
            assert process.wait(DEADLINE) == 0, process.stderr.read()
            process.stderr.close()
            process.stdout.close()
            assert held_up and answers == line * 400

    def test_an_interrupt_closes_properly_and_reports(self):
        with Foreign(echo) as foreign:
            process = start(foreign.url)
            process.stdin.write(b"a\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"a\n"
            process.send_signal(signal.SIGINT)
            # Not yet the end of its input, which would race with the signal.
            assert process.wait(DEADLINE) == 130
            _, err = process.communicate()
            assert b"1 message sent (1 byte), 1 received (1 byte)" in err, err
            wait_until(lambda: foreign.ends == [(1000, "")], "its end")


class TestAnswers:
    def test_a_missing_answer_is_a_failure(self):
        with Foreign(silent) as foreign:
            fails(connect(foreign.url, "-w", "300ms", lines="a\nb\n"), "2 of 2 messages not answered within 300ms")
            assert connect(foreign.url, "--replies", 0, lines="a\nb\n").returncode == 0

    def test_as_many_replies_as_asked_for_are_enough(self, server):
        subscribe = '{"action":"subscribe","letter":"a"}\n'
        run = connect(f"{server.url}/letters", "--replies", 3, lines=subscribe)
        assert run.returncode == 0 and run.out.count('{"A":') == 3, run
        fails(connect(f"{server.url}/echo", "--replies", 3, "-w", "300ms", lines="a\n"), "1 of 3 messages arrived")

    def test_any_replies_are_taken_as_long_as_asked_for(self, server):
        run = connect(f"{server.url}/stream", "--replies", "any", "-w", "2s", "-x", '{"message":"Hi"}')
        assert run.returncode == 0 and len(run.out.splitlines()) == 5, run

    def test_until_waits_for_the_message_that_matches(self, server):
        run = connect(f"{server.url}/stream", "--until", '"type":"count"', lines='{"message":"Hi o"}\n')
        answers = [json.loads(line) for line in run.out.splitlines()]
        assert run.returncode == 0 and len(answers) == 9 and answers[-1]["type"] == "count", run
        fails(connect(f"{server.url}/echo", "--until", "x$", "-w", "300ms", lines="a\n"), "no message matched x$")


class TestExecute:
    def test_lines_and_commands_are_carried_out_in_order(self, server, tmp_path):
        file = tmp_path / "a file.txt"
        file.write_text("from a file")
        run = connect(f"{server.url}/echo", "-x", "one", "-x", "/ping", "-x", f"/send {file}", "-x", "//three")
        assert (run.returncode, run.out) == (0, "one\nfrom a file\n/three\n"), run
        assert re.fullmatch(r"pong after [\d.]+ .s\n", run.err), run.err

    def test_the_input_is_not_read(self, server):
        process = start(f"{server.url}/echo", "-x", "one")
        assert process.stdout.readline() == b"one\n" and process.wait(DEADLINE) == 0
        process.communicate()

    def test_a_command_that_is_none_is_wrong_usage(self):
        fails(connect("localhost:1", "-x", "/clsoe"), "is /close meant?", code=2)

    def test_a_file_that_is_not_there_is_a_failure(self, server):
        fails(connect(f"{server.url}/echo", "-x", "/send none"), "cannot read none")

    def test_close_says_code_and_reason(self):
        with Foreign(echo) as foreign:
            assert connect(foreign.url, "-x", "/close 4001 that is all").returncode == 0
            wait_until(lambda: foreign.ends == [(4001, "that is all")], "its end")


class TestViews:
    def test_hex(self, server):
        run = connect(f"{server.url}/echo", "--hex", "-x", "hé")
        assert run.out == "text, 3 bytes\n00000000  68 c3 a9" + " " * 42 + "|h..|\n"

    def test_json(self, server):
        run = connect(f"{server.url}/echo", "--json-pretty", "-x", '{"b":1.50,"a":[]}', "-x", "no json")
        assert run.out == '{\n  "b": 1.50,\n  "a": []\n}\nno json\n'

    def test_time_and_round_trip(self, server):
        run = connect(f"{server.url}/echo", "--timestamps", "--rtt", "-x", "a")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z +[\d.]+ .s a\n", run.out), run.out

    def test_pings_are_sent_at_an_interval(self):
        with Foreign(silent, ping_interval=None) as foreign:
            run = connect(foreign.url, "--ping-interval", "50ms", "--rtt", "--replies", "any", "-w", "1s")
            assert run.err.count("pong after") >= 3, run.err


class TestRequest:
    def headers(self, *args):
        with Foreign(tell_request, subprotocols=["chat.v2"] if "-s" in args else None) as foreign:
            run = connect(foreign.url, "--replies", 1, *args)
            assert run.returncode == 0, run.err
            return json.loads(run.out)

    def test_headers_go_out(self):
        headers = self.headers("-H", "X-Room: 7", "-H", "X-Time: 12:30", "-o", "https://example.org", "-s", "x,y", "-s", "chat.v2")
        assert (headers["x-room"], headers["x-time"], headers["origin"]) == ("7", "12:30", "https://example.org")
        assert headers["sec-websocket-protocol"] == "x, y, chat.v2"
        assert "sec-websocket-extensions" not in headers and "authorization" not in headers

    def test_credentials_go_out(self):
        assert self.headers("--auth", "me:se:cret")["authorization"] == "Basic bWU6c2U6Y3JldA=="
        assert self.headers("--bearer", "abc")["authorization"] == "Bearer abc"

    def test_compression_is_offered_and_used(self):
        assert "permessage-deflate" in self.headers("--compress")["sec-websocket-extensions"]
        with Foreign(echo) as foreign:
            line = "again and " * 1000
            assert connect(foreign.url, "--compress", lines=line).out == line + "\n"

    def test_the_handshake_is_shown_without_secrets(self):
        def add_cookie(_, __, response):
            response.headers["Set-Cookie"] = "session=SECRET"

        with Foreign(echo, subprotocols=["chat"], process_response=add_cookie) as foreign:
            flags = ["-H", "Cookie: id=SECRET", "-H", "X-Room: 7", "--bearer", "SECRET", "-s", "chat"]
            run = connect(f"{foreign.url}/x?token=SECRET&room=1", *flags, "-x", "/headers")
        for line in [
            "> GET /x?token=(hidden)&room=1 HTTP/1.1",
            f"> Host: 127.0.0.1:{foreign.port}",
            "> X-Room: 7",
            "> Authorization: (hidden)",
            "< Sec-WebSocket-Protocol: chat",
            "< Set-Cookie: (hidden)",
        ]:
            assert f"{line}\n" in run.err, run.err
        assert "SECRET" not in run.err

    @pytest.mark.parametrize(
        ("flags", "hint"),
        [
            (["-H", "Origin: x"], "--origin"),
            (["-H", "X"], "NAME: VALUE"),
            (["--auth", "me"], "USER:PASSWORD"),
            (["-s", "a b"], "is no name"),
            (["--cert", "a.pem"], "--key"),
        ],
    )
    def test_wrong_flags_say_what_is_right(self, flags, hint):
        fails(connect("localhost:1", *flags), hint, code=2)


class TestFailures:
    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        fails(connect(f"127.0.0.1:{port}", lines="a"), "refused", "start it with: wigwag serve")

    def test_a_server_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            fails(connect(f"127.0.0.1:{deaf.getsockname()[1]}", "--connect-timeout", "300ms"), "no answer within 300ms")

    def test_a_refusal_shows_status_and_body(self, server):
        fails(connect(f"{server.url}/nothing"), "refused with 404 Not Found\n", "/echo")
        fails(connect(f"{server.url}/echo", "-o", "http://evil.example"), "refused with 403 Forbidden\n")

    @pytest.mark.parametrize(
        ("status", "header", "hint"),
        [
            (401, ("WWW-Authenticate", 'Basic realm="here"'), "authenticate with --auth USER:PASSWORD"),
            (302, ("Location", "/elsewhere"), "Location: /elsewhere"),
            (503, ("Retry-After", "7"), "Retry-After: 7"),
        ],
    )
    def test_a_refusal_of_a_foreign_server_says_what_to_do(self, status, header, hint):
        def refuse(connection, _):
            response = connection.respond(HTTPStatus(status), "not now\nnor \x1b[2Jever\n")
            response.headers[header[0]] = header[1]
            return response

        with Foreign(echo, process_request=refuse) as foreign:
            run = connect(foreign.url)
            fails(run, f"refused with {status} {HTTPStatus(status).phrase}", hint, "  not now\n  nor ␛[2Jever\n")
            assert foreign.ends == []

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (1001, "1001 going away (why)"),
            (1008, "1008 policy violation (why)"),
            (1011, "1011 internal error (why)"),
            (1013, "1013 try again later (why)"),
            (4321, "4321 private code (why)"),
        ],
    )
    def test_a_close_shows_its_meaning(self, code, words):
        with Foreign(closing(code, "why")) as foreign:
            fails(connect(foreign.url, lines="a\n"), f"closed by the server: {words}", "1 of 1 message not answered")

    def test_an_end_without_a_close_is_1006(self):
        async def cut(connection):
            await connection.recv()
            connection.transport.abort()

        with Foreign(cut) as foreign:
            fails(connect(foreign.url, lines="a\n"), "(1006)")

    def test_input_that_was_not_sent_is_a_failure(self):
        with Foreign(closing(1000)) as foreign:
            process = start(foreign.url, "--replies", "any")
            process.stdin.write(b"a\n")
            process.stdin.flush()
            assert process.wait(DEADLINE) == 1
            _, err = process.communicate()
            assert b"the input was not sent to its end" in err, err

    def test_a_broken_frame_is_answered_with_1002(self):
        async def babble(connection):
            await connection.recv()
            connection.transport.write(b"\xff\x00")
            await connection.wait_closed()

        with Foreign(babble) as foreign:
            fails(connect(foreign.url, lines="a\n"), "closed with 1002 protocol error: the server broke the protocol")


class TestTls:
    def context(self, tmp_path, **client):
        tmp_path.mkdir(exist_ok=True)
        cert, key = make_certificate(tmp_path, "foreign")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        return context, cert

    def test_certificates_are_verified_unless_told_otherwise(self, tmp_path):
        context, cert = self.context(tmp_path)
        with Foreign(echo, ssl=context) as foreign:
            url = foreign.url.replace("ws:", "wss:")
            fails(connect(url, "-x", "a"), "--cacert")
            assert connect(url, "-x", "a", "--cacert", cert).out == "a\n"
            assert connect(url, "-x", "a", "-k").out == "a\n"

    def test_a_client_certificate_is_shown_where_the_server_asks_for_one(self, tmp_path):
        context, cert = self.context(tmp_path / "server")
        (tmp_path / "client").mkdir()
        own, own_key = make_certificate(tmp_path / "client", "client")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(own)

        async def tell_name(connection):
            certificate = connection.transport.get_extra_info("peercert")
            await connection.send(str(dict(pair for part in certificate["subject"] for pair in part)["commonName"]))
            await silent(connection)

        with Foreign(tell_name, ssl=context) as foreign:
            url = foreign.url.replace("ws:", "wss:")
            run = connect(url, "--cacert", cert, "--cert", own, "--key", own_key, "--replies", 1)
            assert (run.returncode, run.out) == (0, "client\n"), run.err
            fails(connect(url, "--cacert", cert, "--replies", 1), "no connection to wss://")

    def test_the_wrong_scheme_is_guessed(self, serve, server, tmp_path):
        cert, key = make_certificate(tmp_path, "wigwag")
        secure = serve("--tls-cert", cert, "--tls-key", key)
        fails(connect(secure.url.replace("wss:", "ws:"), "-x", "a"), "the URL begins with wss://")
        fails(connect(server.url.replace("ws:", "wss:"), "-x", "a", "-k"), "the URL begins with ws://")

    def test_a_key_of_another_certificate_is_named(self, tmp_path):
        (tmp_path / "other").mkdir()
        cert, _ = make_certificate(tmp_path, "one")
        _, key = make_certificate(tmp_path / "other", "other")
        fails(connect("wss://127.0.0.1:1", "--cert", cert, "--key", key), "does not match the certificate")

    def test_an_authoritys_certificate_is_explained_by_both_clients(self, serve, tmp_path):
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
        try:
            subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not here")
        server = serve("--tls-cert", cert, "--tls-key", key)
        for run in (
            wigwag("connect", server.url, "--cacert", cert, "-x", "a"),
            wigwag("try", "echo", "--url", server.url, "--cacert", cert),
        ):
            assert run.returncode == 1 and "basicConstraints=critical,CA:FALSE" in run.stderr, run.stderr


class TestReconnect:
    def test_the_connection_is_opened_again_when_the_server_comes_back(self, serve):
        first = serve()
        process = start(f"{first.url}/echo", "--reconnect")
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"one\n"
        first.kill()
        assert b"; reconnecting in " in process.stderr.readline()
        serve(listen=f"127.0.0.1:{first.port}")
        out, err = process.communicate(b"two\n", timeout=60)
        assert (process.returncode, out) == (0, b"two\n"), err
        assert b"connected to " in err, err

    def test_it_waits_for_a_server_that_is_not_there_yet(self, serve):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        process = start(f"127.0.0.1:{port}/echo", "--reconnect", "-x", "one")
        assert b"reconnecting" in process.stderr.readline()
        serve(listen=f"127.0.0.1:{port}")
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, b"one\n"), err

    def test_a_message_without_an_answer_is_a_failure_all_the_same(self):
        async def forgetful(connection):
            if await connection.recv() == "forget":
                connection.transport.abort()
            await connection.send("kept")

        with Foreign(forgetful) as foreign:
            process = start(foreign.url, "--reconnect")
            process.stdin.write(b"forget\n")
            process.stdin.flush()
            assert b"reconnecting" in process.stderr.readline()
            out, err = process.communicate(b"keep\n", timeout=60)
            assert process.returncode == 1 and out == b"kept\n", err
            assert b"1 of 2 messages not answered" in err, err

    def test_a_refusal_is_not_tried_again(self, server):
        fails(connect(f"{server.url}/nothing", "--reconnect"), "refused with 404")


class TestRecord:
    def test_a_record_can_be_replayed(self, server, tmp_path):
        file, again = tmp_path / "one.ndjson", tmp_path / "two.ndjson"
        lines = "one\ntwo\n"
        assert connect(f"{server.url}/echo", "--record", file, lines=lines).returncode == 0
        run = connect(f"{server.url}/random", "--replay", file, "--record", again)
        assert run.returncode == 0 and [line.split(" ")[0] for line in run.out.splitlines()] == ["one", "two"], run

        def sent(path):
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            assert all({"time", "at", "direction", "type"} <= set(entry) for entry in entries)
            assert [entries[0]["type"], entries[-1]["type"]] == ["open", "close"] and entries[-1]["code"] == 1000
            messages = [entry for entry in entries if entry["type"] == "text"]
            assert len(messages) == 4
            return [entry["data"] for entry in messages if entry["direction"] == "out"]

        assert sent(file) == sent(again) == ["one", "two"]

    def test_bytes_and_pace_are_kept(self, server, tmp_path):
        file = tmp_path / "record.ndjson"
        line = '{{"time":"","at":{at},"direction":"out","type":"binary","base64":"{data}"}}\n'
        file.write_text(line.format(at=100.0, data="/wA=") + line.format(at=100.5, data="Yg=="))
        run = connect(f"{server.url}/echo", "--replay", file, "--timestamps")
        (first, one), (second, two) = [line.split(b" ", 1) for line in run.stdout.splitlines()]
        assert (one, two) == (b"\xff\x00", b"b")
        seconds = [float(time.rstrip(b"Z").rpartition(b":")[2]) for time in (first, second)]
        assert 0.45 < (seconds[1] - seconds[0]) % 60 < 5, run.stdout

    def test_what_is_no_record_is_named_by_its_line(self, server, tmp_path):
        file = tmp_path / "record.ndjson"
        file.write_text("hello\n")
        fails(connect(f"{server.url}/echo", "--replay", file), "record.ndjson, line 1 is no line of a record")
        fails(connect(f"{server.url}/echo", "--replay", file, "--record", file), "cannot be replayed and recorded at once")
        assert file.read_text() == "hello\n"
        fails(connect(f"{server.url}/echo", "--replay", tmp_path / "none"), "cannot read")


class TestManualAndCompletions:
    def test_every_command_has_a_page(self, tmp_path):
        assert wigwag("man", "--dir", tmp_path).returncode == 0
        pages = {page.name for page in tmp_path.iterdir()}
        assert {"wigwag.1", "wigwag-connect.1", "wigwag-serve.1", "wigwag-try-stream.1"} <= pages
        assert "\\-\\-ping\\-interval" in wigwag("man", "connect").stdout

    def test_completions_know_the_flags(self):
        script = wigwag("completions", "bash").stdout
        for word in ("--ping-interval", "--subprotocol", "--json-pretty", "--dir"):
            assert word in script


