"""`wigwag connect` as a person sees it: at a terminal, with a line editor."""

import asyncio
import json
import re
import socket
import stat

import pytest

from conftest import wait_until
from foreign import Foreign, closing, echo
from terminal import Terminal


@pytest.fixture
def connect(tmp_path):
    """Starts `wigwag connect ARGS` at a terminal, with a home of its own; waits for the prompt."""
    terminals = []

    def start(*args, prompt=True, **env):
        terminal = Terminal("connect", *args, XDG_STATE_HOME=str(tmp_path / "state"), **env)
        terminals.append(terminal)
        if prompt:
            terminal.sees("ctrl-d leaves)")
            wait_until(lambda: terminal.lines()[-1].startswith(">"), "the prompt")
        return terminal

    yield start
    for terminal in terminals:
        terminal.__exit__()


class Chatty:
    """Pushes many lines, and keeps what it is sent."""

    def __init__(self):
        self.received = []

    async def __call__(self, connection):
        pushing = asyncio.ensure_future(self.push(connection))
        try:
            async for message in connection:
                self.received.append(message)
        finally:
            pushing.cancel()

    async def push(self, connection):
        number = 0
        while True:
            number += 1
            await connection.send(f"news {number}")
            await asyncio.sleep(0.02)


class TestTyping:
    def test_what_is_typed_is_not_clobbered_by_arrivals(self, connect):
        chatty = Chatty()
        with Foreign(chatty) as foreign:
            terminal = connect(foreign.url)
            typed = "not to be torn apart"
            for part in range(0, len(typed), 4):
                terminal.types(typed[part : part + 4])
                terminal.sees("> " + typed[: part + 4].rstrip())
                seen = terminal.raw.count(b"news")
                wait_until(lambda: terminal.raw.count(b"news") > seen + 3, "news in between")
                wait_until(lambda: terminal.lines()[-1] == ("> " + typed[: part + 4]).rstrip(), "the line below the news")
            assert chatty.received == []
            terminal.types("\r")
            wait_until(lambda: chatty.received == [typed], "it arrives whole")
            news = [line for line in terminal.lines() if "news" in line]
            assert all(re.fullmatch(r"< news \d+", line) for line in news), news
            terminal.types("\x04")
            assert terminal.wait() == 0

    def test_lines_typed_ahead_are_all_sent(self, connect, server):
        terminal = connect(f"{server.url}/echo")
        terminal.types("".join(f"line {number}\r" for number in range(20)))
        terminal.sees("< line 19")
        answers = [line for line in terminal.lines() if line.startswith("< line")]
        assert answers == [f"< line {number}" for number in range(20)]

    def test_a_paste_of_several_lines_is_one_message(self, connect):
        chatty = Chatty()
        with Foreign(chatty) as foreign:
            terminal = connect(foreign.url)
            terminal.types("\x1b[200~one\ntwo\x1b[201~\r")
            wait_until(lambda: chatty.received, "a message")
            assert chatty.received == ["one\ntwo"]
            terminal.types("\x04")
            assert terminal.wait() == 0

    def test_history_lasts_and_is_its_owners_alone(self, connect, server, tmp_path):
        terminal = connect(f"{server.url}/echo")
        terminal.enters("first")
        terminal.sees("< first")
        terminal.enters(" not kept")
        terminal.sees("not kept\n")
        terminal.types("\x04")
        assert terminal.wait() == 0
        file = tmp_path / "state/wigwag/connect_history"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "first" in file.read_text() and "not kept" not in file.read_text()

        terminal = connect(f"{server.url}/random")
        terminal.enters("/history")
        terminal.sees("first\n/history")
        terminal.types("\x1b[A\x1b[A\r")
        terminal.sees("< first ")

    def test_a_history_that_cannot_be_kept_is_said_and_no_hindrance(self, connect, server, tmp_path):
        (tmp_path / "state").write_text("in the way")
        terminal = connect(f"{server.url}/echo")
        terminal.sees("no history: ")
        terminal.enters("all the same")
        terminal.sees("< all the same")

    def test_commands_are_completed(self, connect, server):
        terminal = connect(f"{server.url}/echo")
        terminal.types("/st\t")
        terminal.sees("> /stats")
        terminal.types("\r")
        terminal.sees("0 messages sent")


class TestCommands:
    def test_each_does_what_help_says(self, connect, server, tmp_path):
        terminal = connect(f"{server.url}/echo", "--bearer", "SECRET")
        terminal.enters("/help")
        terminal.sees("ctrl-c or ctrl-d closes")
        names = re.findall(r"^  (/\w+)", terminal.text(), re.M)
        assert names == "/ping /pong /close /send /hex /json /history /save /stats /headers /reconnect /help".split()

        terminal.enters("/ping")
        terminal.sees("pong after ")
        terminal.enters("/pong")
        terminal.sees("pong sent")
        terminal.enters("//slash")
        terminal.sees("< /slash")
        terminal.enters("/hex")
        terminal.enters("ab")
        terminal.sees("00000000  61 62")
        terminal.enters("/hex off")
        terminal.enters("/json on")
        terminal.enters('{"a":[1]}')
        terminal.sees('<\x20{\n    "a": [\n      1\n    ]\n  }')
        file = tmp_path / "a file"
        file.write_bytes(b"\xff\xfe")
        terminal.enters(f"/send {file}")
        terminal.sees("< (binary, 2 bytes) ff fe")
        terminal.enters("/headers")
        terminal.sees("Authorization: (hidden)")
        terminal.sees("< HTTP/1.1 101 Switching Protocols")
        terminal.enters("/stats")
        terminal.sees("4 messages sent (")
        terminal.enters("/save conversation.ndjson".replace("conversation", str(tmp_path / "conversation")))
        terminal.sees("saved to ")
        terminal.enters("/clsoe")
        terminal.sees("is /close meant?")
        entries = [json.loads(line) for line in (tmp_path / "conversation.ndjson").read_text().splitlines()]
        sent = [entry["data"] for entry in entries if (entry["direction"], entry["type"]) == ("out", "text")]
        assert sent == ["/slash", "ab", '{"a":[1]}']
        assert b"SECRET" not in terminal.raw

    def test_close_says_code_and_reason_and_reconnect_opens_again(self, connect):
        with Foreign(echo) as foreign:
            terminal = connect(foreign.url)
            terminal.enters("/close 4000 for now")
            terminal.sees("closed: 4000 private code")
            wait_until(lambda: foreign.ends == [(4000, "for now")], "its end")
            terminal.enters("into the void")
            terminal.sees("not sent: the connection is closed")
            terminal.enters("/reconnect")
            wait_until(lambda: terminal.text().count("connected to ") == 2, "a second connection")
            terminal.enters("and again")
            terminal.sees("< and again")
            terminal.types("\x04")
            assert terminal.wait() == 0
            terminal.sees("2 connections in all")


class TestEnds:
    def test_a_close_of_the_server_is_shown_and_the_session_goes_on(self, connect):
        with Foreign(closing(1008, "enough")) as foreign:
            terminal = connect(foreign.url)
            terminal.enters("a")
            terminal.sees("closed by the server: 1008 policy violation (enough); /reconnect opens it again")
            terminal.enters("/stats")
            terminal.sees("1 message sent")
            terminal.types("\x04")
            assert terminal.wait() == 0

    def test_a_server_that_comes_back_is_found_again(self, connect, serve):
        first = serve()
        terminal = connect(f"{first.url}/echo", "--reconnect")
        first.kill()
        terminal.sees("reconnecting in ")
        terminal.enters("typed meanwhile")
        terminal.sees("kept until the connection is open")
        serve(listen=f"127.0.0.1:{first.port}")
        terminal.sees("< typed meanwhile")
        assert "connecting to" not in terminal.text()

    @pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
    def test_leaving_closes_properly_and_shows_stats(self, connect, key):
        with Foreign(echo) as foreign:
            terminal = connect(foreign.url)
            terminal.enters("hello")
            terminal.sees("< hello")
            terminal.types(key)
            assert terminal.wait() == 0
            terminal.sees("closed: 1000 normal closure")
            terminal.sees("1 message sent (5 bytes), 1 received (5 bytes)")
            terminal.sees("answers: p50 ")
            wait_until(lambda: foreign.ends == [(1000, "")], "its end")
            assert terminal.is_as_before()

    def test_a_signal_from_outside_gives_the_terminal_back(self, connect):
        with Foreign(echo) as foreign:
            terminal = connect(foreign.url)
            assert not terminal.is_as_before()
            terminal.types("half a li")
            terminal.sees("half a li")
            terminal.interrupt()
            assert terminal.wait() == 0
            terminal.sees("closed: 1000 normal closure")
            assert terminal.is_as_before()
            wait_until(lambda: foreign.ends == [(1000, "")], "its end")

    def test_a_refusal_ends_before_there_is_a_prompt(self, connect, server):
        terminal = connect(f"{server.url}/nothing", prompt=False)
        assert terminal.wait() == 1
        terminal.sees("error: no connection to ")
        assert not any(line.startswith(">") for line in terminal.lines())

    def test_what_says_when_to_stop_stops_at_a_terminal_too(self, connect, server):
        terminal = connect(f"{server.url}/echo", "--until", "^end$", prompt=False)
        terminal.types("one\rend\r")
        assert terminal.wait() == 0
        terminal.sees("< end")


class TestLooks:
    def test_a_connection_that_takes_its_time_is_announced(self, connect):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            terminal = connect(f"127.0.0.1:{deaf.getsockname()[1]}", prompt=False)
            terminal.sees("connecting to ws://")
            terminal.types("\x03")
            assert terminal.wait() == 130

    def test_a_server_cannot_steer_the_terminal(self, connect):
        async def hostile(connection):
            await connection.send("\x1b[2J\x1b[H\x1b]0;owned\x07gone")
            await echo(connection)

        with Foreign(hostile) as foreign:
            terminal = connect(foreign.url)
            terminal.sees("< ␛[2J␛[H␛]0;owned␇gone")
            assert b"\x1b]0;" not in terminal.raw and b"\x1b[2J" not in terminal.raw

    @pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
    def test_colours_can_be_turned_off(self, connect, server, env, coloured):
        terminal = connect(f"{server.url}/echo", **env)
        terminal.enters("hello")
        terminal.sees("< hello")
        assert (re.search(rb"\x1b\[[\d;]*m", terminal.raw) is not None) == coloured

    def test_a_terminal_that_cannot_move_its_cursor_is_served_too(self, connect, server):
        terminal = connect(f"{server.url}/echo", TERM="dumb")
        terminal.enters("hello")
        terminal.sees("< hello")
        terminal.types("\x04")
        assert terminal.wait() == 0
