"""`wigwag load --script`: scenarios against wigwag's services and foreign servers, right ones and wrong ones."""

import asyncio
import json
import subprocess

import pytest
from conftest import ROOT, WIGWAG, clean_environment, wigwag
from foreign import Foreign

EXAMPLES = ROOT / "examples" / "load"
CLASSES = ("ok", "lost", "reordered", "altered", "misrouted", "late", "in_doubt", "duplicate", "unsolicited")


def play(url, script, *args, timeout=120):
    """Exit code and outcome."""
    command = [WIGWAG, "load", url, "--script", str(script), "--json", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=clean_environment())
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def classes(outcome):
    """What is not 0."""
    return {name: outcome["account"][name] for name in CLASSES if outcome["account"][name]}


@pytest.fixture
def script(tmp_path):
    def write(content):
        path = tmp_path / "scenario.toml"
        path.write_text(content)
        return path

    return write


# What examples/load say, against what they are for.


def test_the_stream_example_hears_46_46_and_1(serve):
    server = serve("--stream-interval", "0s")
    code, outcome = play(f"{server.url}/stream", EXAMPLES / "stream.toml", "-c", 20)
    assert (code, classes(outcome)) == (0, {"ok": 20 * (46 + 46 + 1)}), outcome["judgement"]
    assert outcome["account"]["arrivals"] == 20 * 93


def test_the_letters_example_sees_three_numbers_and_the_refusal(serve):
    server = serve("--letters-interval", "50ms")
    code, outcome = play(f"{server.url}/letters", EXAMPLES / "letters.toml", "-c", 20)
    # Per connection: three numbers, the message that wants no answer, and the refusal.
    assert (code, classes(outcome)) == (0, {"ok": 20 * 5}), outcome["judgement"]


async def json_echo(connection):
    await connection.send(json.dumps({"type": "heartbeat"}))
    async for message in connection:
        await connection.send(json.dumps({"ok": True, "reply": json.loads(message)}))


def test_the_json_example_asks_ten_times():
    with Foreign(json_echo) as server:
        code, outcome = play(server.url, EXAMPLES / "json-echo.toml", "-c", 5)
    assert (code, classes(outcome)) == (0, {"ok": 50}), outcome["judgement"]
    assert outcome["account"]["parts"] == 5, "heartbeats are let pass"


# Wrong answers are what they are.

ASK = """
repeat = 5
[[step]]
send = 'question {sequence}'
[[step]]
expect = 'answer {sequence}'
within = "500ms"
"""


def wrong(how):
    """Answers five questions; the third as `how` does."""

    async def handler(connection):
        async for message in connection:
            answer = message.replace("question", "answer")
            if message == "question 2":
                await how(connection, answer)
            else:
                await connection.send(answer)

    return handler


async def drop(connection, answer):
    pass


async def double(connection, answer):
    await connection.send(answer)
    await connection.send(answer)


async def alter(connection, answer):
    await connection.send(answer.upper())


async def add(connection, answer):
    await connection.send("nobody asked")
    await connection.send(answer)


async def delay(connection, answer):
    asyncio.get_running_loop().call_later(1.0, lambda: asyncio.ensure_future(connection.send(answer)))


@pytest.mark.parametrize(
    "how, expected",
    [
        (drop, {"ok": 4, "lost": 1}),
        (double, {"ok": 5, "duplicate": 1}),
        (alter, {"ok": 4, "altered": 1}),
        (add, {"ok": 5, "unsolicited": 1}),
        (delay, {"ok": 4, "late": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_answer_is_found_for_what_it_is(script, how, expected):
    with Foreign(wrong(how)) as server:
        code, outcome = play(server.url, script(ASK), "-c", 3, "-t", "5s")
    assert code == 3
    assert classes(outcome) == {name: 3 * count for name, count in expected.items()}, outcome["offenders"]


def test_a_connection_that_dies_leaves_its_answer_in_doubt(script):
    async def die(connection, answer):
        connection.transport.abort()

    with Foreign(wrong(die)) as server:
        code, outcome = play(server.url, script(ASK), "-c", 1)
    assert (code, classes(outcome)) == (3, {"ok": 2, "in_doubt": 1})


def test_a_greeting_and_subprotocol_free_silence_are_checked_too(script):
    """What the server says first is expected before anything is sent; what nobody expects is unsolicited."""

    async def greet(connection):
        await connection.send("welcome")
        await connection.send("buy now")
        await connection.wait_closed()

    with Foreign(greet) as server:
        code, outcome = play(server.url, script("[[step]]\nexpect = 'welcome'\n[[step]]\nwait = '300ms'"), "-c", 2)
    assert (code, classes(outcome)) == (3, {"ok": 2, "unsolicited": 2})


def test_a_duration_repeats_the_script_until_it_is_over(server, script):
    path = script("[[step]]\nsend = '{ledger}'\n[[step]]\nexpect = '{ledger}'\n[[step]]\nwait = '10ms'")
    code, outcome = play(f"{server.url}/echo", path, "-c", 4, "-d", "1s")
    assert code == 0 and set(classes(outcome)) == {"ok"}
    assert outcome["account"]["ok"] > 4


# Mistakes are found before anything is connected.


def test_mistakes_in_a_scenario_are_named_by_line(script):
    path = script("repaet = 1\n[[step]]\nsend = 'x'\n[[step]]\nexpect = { jsn = {} }\n")
    done = wigwag("load", "ws://127.0.0.1:9", "--script", path)
    assert done.returncode == 2
    assert "line 1: a scenario has no `repaet`: did you mean `repeat`?" in done.stderr
    assert "line 5: `expect` has no `jsn`: did you mean `json`?" in done.stderr


def test_flags_that_the_script_decides_are_refused(script):
    path = script(ASK)
    for flags in (["-n", 5], ["-r", 10], ["-m", "x"], ["--expect", "echo"], ["--think", "1s"]):
        done = wigwag("load", "ws://127.0.0.1:9", "--script", path, *flags)
        assert done.returncode == 2 and f"--script and {flags[0]}" in done.stderr, done.stderr
