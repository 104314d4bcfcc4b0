"""The services as a person meets them: the example scripts, and the ready-made clients of `wigwag try`."""

import re
import subprocess
import sys
import time

import pytest
from websockets.sync.client import connect

from conftest import ROOT, WIGWAG, clean_environment, wigwag

SENTENCE = "The quick brown fox jumped over the lazy dog o"
STREAM_LINES = [
    *(f"Streamed echo: {character}" for character in SENTENCE),
    *(f"Streamed reverse echo: {character}" for character in reversed(SENTENCE)),
    "Last char 'o' count: 4",
]


def example(name, url):
    """Runs a script of examples/python; its lines."""
    script = ROOT / "examples" / "python" / name
    command = [sys.executable, script, url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment())
    assert run.returncode == 0, run.stdout[-500:] + run.stderr
    return run.stdout.splitlines()


class TestExamples:
    def test_a_script_that_knows_only_host_and_port_gets_10000_answers(self, server):
        assert example("random_10000.py", server.url)[-1] == "10000 sent, 10000 answered, 0 lost"
        assert server.metric("wigwag_messages_sent_total", service="random") == 10_000

    def test_the_sentence_streams_there_and_back_at_a_tenth_of_a_second(self, server):
        began = time.monotonic()
        lines = example("stream.py", f"{server.url}/stream")
        took = time.monotonic() - began
        assert lines == STREAM_LINES and len(lines) == 46 + 46 + 1
        # The first character comes at once or after its pause; then there is no drift over the whole text.
        assert 9.0 < took < 11.5, took

    def test_letters_are_subscribed_resubscribed_and_unsubscribed(self, server):
        lines = example("letters.py", f"{server.url}/letters")
        updates = [line for line in lines if re.fullmatch(r"Letter [AB] updated with number [1-9]\d{3}\.", line)]
        refusals = [line for line in lines if line == "Letter A: You need to subscribe before un-subscribing"]
        assert (len(updates), len(refusals), len(lines)) == (7, 2, 9), lines


class TestTry:
    def test_random_prints_each_answer_and_the_count(self, server):
        run = wigwag("try", "random", "-n", 10_000, "--url", server.url)
        lines = run.stdout.splitlines()
        assert run.returncode == 0, run.stderr
        assert len(lines) == 10_001 and lines[-1] == "10000 sent, 10000 answered, 0 lost"
        numbers = [re.fullmatch(r"hello (\d+)", line)[1] for line in lines[:-1]]
        assert {int(number) for number in numbers} == set(range(1, 101)), "10,000 draws meet all of 1 to 100"
        assert server.metric("wigwag_messages_received_total", service="random") == 10_000

    def test_stream_prints_the_sentence_there_and_back(self, serve):
        server = serve("--stream-interval", "1ms")
        run = wigwag("try", "stream", "--url", server.url)
        assert (run.returncode, run.stdout.splitlines()) == (0, STREAM_LINES), run.stderr

    def test_letters_print_their_updates_for_a_while(self, serve):
        server = serve("--letters-interval", "200ms")
        run = wigwag("try", "letters", "A", "b", "C", "--for", "2s", "--url", server.url)
        assert run.returncode == 0, run.stderr
        lines = run.stdout.splitlines()
        letters = [re.fullmatch(r"Letter ([ABC]) updated with number [1-9]\d{3}\.", line)[1] for line in lines]
        for letter in "ABC":
            assert 8 <= letters.count(letter) <= 13, (letter, letters)

    def test_echo_prints_the_text_and_the_count(self, server):
        run = wigwag("try", "echo", "naïve ☃", "--url", server.url)
        assert (run.returncode, run.stdout.splitlines()) == (0, ["naïve ☃", "1 sent, 1 answered, 0 lost"]), run.stderr

    @pytest.mark.parametrize("service", [["random"], ["stream"], ["letters", "A"], ["echo"]])
    def test_a_server_that_is_not_there_is_said_with_exit_code_1(self, serve, service):
        gone = serve()
        gone.kill()
        run = wigwag("try", *service, "--url", gone.url)
        assert run.returncode == 1 and run.stdout == ""
        assert f"127.0.0.1:{gone.port}" in run.stderr and "wigwag serve" in run.stderr, run.stderr

    def test_a_server_that_dies_midway_is_said_with_exit_code_1(self, server):
        command = ["try", "letters", "A", "--for", "1m", "--url", server.url]
        client = subprocess.Popen([WIGWAG, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert client.stdout.readline().startswith("Letter A updated")
        server.kill()
        _, complaint = client.communicate(timeout=20)
        assert client.returncode == 1 and complaint.strip(), complaint


class TestBadInput:
    """An unusable message is answered, and the connection goes on."""

    @pytest.mark.parametrize("message", ["", "{", "[]", '{"message":1}', "{}", b"\x00", '{"message":"a","message":"b"}'])
    def test_stream_answers_with_an_error_and_goes_on(self, serve, message):
        server = serve("--stream-interval", "1ms")
        with connect(f"{server.url}/stream") as client:
            client.send(message)
            assert client.recv(10).startswith('{"type":"error","code":"')
            client.send('{"message":"x"}')
            answers = [client.recv(10) for _ in range(3)]
        assert answers[-1] == '{"type":"count","last_char":"x","count":0}'

    @pytest.mark.parametrize(
        "message", ["", "{", '{"action":"subscribe"}', '{"action":"subscribe","letter":"7"}', '{"action":"dance"}', b"\x00"]
    )
    def test_letters_answer_with_an_error_and_go_on(self, server, message):
        with connect(f"{server.url}/letters") as client:
            client.send(message)
            assert client.recv(10).startswith('{"error":"')
            client.send('{"action":"unsubscribe","letter":"q"}')
            assert client.recv(10) == '{"Q":"You need to subscribe before un-subscribing"}'
