"""`wigwag load --search`: the highest load that holds, found against servers whose limit is known."""

import json
import re
import resource
import signal
import subprocess

import pytest
from conftest import DEADLINE, WIGWAG, clean_environment, wait_until, wigwag
from foreign import Foreign, echo

HOLDS = 8


def search(url, *args, timeout=120, **options):
    """Exit code, what the JSON says, and the lines of the trials."""
    command = [WIGWAG, "load", url, "--search", *map(str, args), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=clean_environment(), **options
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def crowded(holds):
    """Echoes as long as no more than so many connections are open; then it swallows messages."""
    open_now = set()

    async def handler(connection):
        open_now.add(connection)
        try:
            async for message in connection:
                if len(open_now) <= holds:
                    await connection.send(message)
        finally:
            open_now.discard(connection)

    return handler


def test_the_most_connections_that_hold_are_found_and_confirmed():
    with Foreign(crowded(HOLDS)) as server:
        code, found, lines = search(
            server.url, "connections", "-c", 2, "--until", "lost==0", "-d", "200ms", "--drain", "300ms", "-t", "20s"
        )
    assert code == 0, lines
    assert found["verdict"] == "PASS"
    assert found["found"] == {"highest": HOLDS, "held": 3, "lowest_missed": HOLDS + 1, "end": "confirmed"}
    assert "lost" in " ".join(found["missed"])
    loads = [trial["load"] for trial in found["trials"]]
    assert loads == [2, 4, 8, 16, 12, 10, 9, 8, 8]
    assert [trial["held"] == "yes" for trial in found["trials"]] == [load <= HOLDS for load in loads]
    assert lines.count("does not") == 4 and lines.count("once more") == 2


def test_where_nothing_holds_the_exit_code_is_4():
    with Foreign(crowded(0)) as server:
        code, found, _ = search(
            server.url, "connections", "-c", 2, "--until", "lost==0", "-d", "100ms", "--drain", "200ms"
        )
    assert (code, found["verdict"], found["found"]["highest"]) == (4, "FAIL", None)


def test_a_rate_that_holds_up_to_the_ceiling_is_confirmed_as_such(server):
    code, found, lines = search(
        f"{server.url}/echo", "rate", "-c", 4, "-r", 50, "--until", "lost==0,p50<5s", "-d", "300ms", "--search-max", 80
    )
    # A machine that is busy with other things may not get the rate out.
    if code == 5:
        pytest.skip(f"this machine is too busy for 80 messages per second: {lines}")
    assert (code, found["found"]["highest"], found["ceiling"]["limit"]) == (0, 80, "asked")
    assert "the most that was to be tried" in lines


def test_descriptors_are_a_ceiling_and_not_the_servers_limit(server):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    code, found, lines = search(
        f"{server.url}/echo", "connections", "-c", 40, "--until", "lost==0", "-d", "200ms", "-w", 1, preexec_fn=few
    )
    assert (code, found["verdict"], found["ceiling"]["limit"]) == (5, "INCONCLUSIVE", "descriptors"), lines
    assert found["found"]["highest"] == found["ceiling"]["load"] < 160
    assert "ulimit -Hn" in lines


def test_ctrl_c_ends_a_search_with_what_is_known(tmp_path, server):
    log = tmp_path / "log"
    with log.open("w") as err:
        command = [WIGWAG, "load", f"{server.url}/echo", "--search", "connections", "--until", "lost==0"]
        process = subprocess.Popen(
            [*command, "-c", "1", "-d", "300ms"], stdout=subprocess.PIPE, stderr=err, text=True, env=clean_environment()
        )
    wait_until(lambda: "holds" in log.read_text(), "the first trial")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    # One connection holds, or by now several hold.
    assert out.startswith("INCONCLUSIVE  interrupted; ") and re.search(r"1 connection holds|connections hold", out), out


def test_what_cannot_be_searched_is_refused():
    with Foreign(echo) as server:
        url = server.url
    for args, code, text in [
        (["--search", "rate"], 2, "--until"),
        (["--search", "rate", "--until", "p99<50ms", "-n", 5], 2, "-n does not go with a search"),
        (["--search", "rate", "--until", "p99<50ms", "--html", "x.html"], 2, "--html is about one run"),
        (["--search", "sizes", "--until", "p99<50ms"], 2, "connections, rate"),
        (["--search", "connections", "--until", "lost==0"], 1, "no connection could be opened"),
    ]:
        done = wigwag("load", url, *args)
        assert done.returncode == code and text in done.stderr, (args, done.stderr)
