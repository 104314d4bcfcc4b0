"""The load tester against servers, ours and others': every message is accounted for, and the verdict is the right one."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from certificates import make_certificate
from conftest import DEADLINE, HERE, WIGWAG, clean_environment, wait_until, wigwag
from foreign import Foreign

PASS, NOT_RUN, USAGE, INTEGRITY, THRESHOLD, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
SENT = ["ok", "lost", "reordered", "altered", "misrouted", "late", "in_doubt"]


class Load:
    """A finished run: its exit code and its report."""

    def __init__(self, run, path):
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr
        assert path.exists(), f"no report: {run.returncode} {self.out}{self.err}"
        self.report = json.loads(path.read_text())
        self.account = self.report["account"]
        account = self.account
        assert account["sent"] == sum(account[name] for name in SENT), account
        assert account["arrivals"] == sum(account[name] for name in ("answers", "parts", "duplicate", "unsolicited")), account
        assert self.report["judgement"]["exit_code"] == self.code

    @property
    def verdict(self):
        return self.report["judgement"]["verdict"]

    def __str__(self):
        return f"{self.report['judgement']} {self.account} {self.report['errors']} {self.report['health']}"

    @property
    def is_crowded(self):
        """Whether this machine was too busy with other things to tell."""
        return bool({"cpu", "crowded", "stall"} & {one["kind"] for one in self.report["health"]["saturated"]})

    def assert_pass(self, messages):
        assert (self.code, self.verdict) == (PASS, "PASS"), str(self)
        assert (self.account["sent"], self.account["ok"], self.account["arrivals"]) == (messages,) * 3, str(self)


@pytest.fixture
def load(tmp_path):
    """Runs `wigwag load` to its end."""

    def run(*args, timeout=120, prefix=()):
        path = tmp_path / "report.json"
        path.unlink(missing_ok=True)
        command = [*prefix, WIGWAG, "load", *map(str, args), f"--json={path}", "--no-tui"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=clean_environment())
        return Load(done, path)

    return run


@pytest.fixture
def foreign():
    """Starts servers of others; gives process and URL."""
    processes = []

    def start(*command):
        process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, env=clean_environment())
        processes.append(process)
        port = int(process.stdout.readline())
        process.port = port
        return process, f"ws://127.0.0.1:{port}/"

    yield start
    for process in processes:
        process.kill()
        process.wait(DEADLINE)


@pytest.fixture
def reborn(foreign):
    """Starts an echo server that dies after so many messages, and then another under its address, which the URL names."""
    threads = []

    def start(messages):
        process, url = foreign(*python_server("echo", "--die-after", messages))

        def restart():
            process.wait(60)
            foreign(*python_server("echo", "--port", process.port))

        threads.append(threading.Thread(target=restart))
        threads[-1].start()
        return url

    yield start
    for thread in threads:
        thread.join(60)


def python_server(*args):
    return (sys.executable, HERE / "load_server.py", *args)


class TestOwnServer:
    def test_9000_clients_at_once(self, load, server):
        run = load(f"{server.url}/random", "-c", 9_000, "-n", 90_000)
        run.assert_pass(90_000)
        assert run.report["connections"]["open_max"] == 9_000
        assert run.report["connections"]["closed"] == 9_000
        assert run.report["health"]["client_bytes"] < 2_048
        assert server.metric("wigwag_messages_received_total", service="random") == 90_000

    def test_more_connections_than_one_table_of_descriptors_holds(self, load, server):
        run = load(f"{server.url}/echo", "-c", 2_000, "-n", 4_000, prefix=("prlimit", "--nofile=800:800"))
        run.assert_pass(4_000)
        assert (run.report["connections"]["open_max"], run.report["health"]["descriptors_max"]) == (2_000, 800)
        assert len(run.report["health"]["workers"]) >= 3

    def test_several_servers_of_one_name_share_the_connections(self, load, serve):
        first = serve(listen="127.0.0.2:0")
        second = serve(listen=f"127.0.0.3:{first.port}")
        name = f"localhost:{first.port}"
        addresses = [word for server in (first, second) for word in ("--resolve", f"{name}:{server.host}")]
        run = load(f"ws://{name}/random", "-c", 100, "-n", 1_000, *addresses)
        run.assert_pass(1_000)
        received = [server.metric("wigwag_messages_received_total", service="random") for server in (first, second)]
        assert received == [500, 500]
        assert f"--resolve {name}:127.0.0.2 --resolve {name}:127.0.0.3" in run.out

    def test_10000_messages_over_one_connection(self, load, server):
        run = load(f"{server.url}/random", "-c", 1, "-n", 10_000)
        run.assert_pass(10_000)
        assert run.report["expect"] == "suffix"

    @pytest.mark.parametrize("size", ["16", "17..300", "64KiB", "1MiB"])
    @pytest.mark.parametrize("kind", [[], ["-b"]], ids=["text", "binary"])
    def test_sizes_and_kinds(self, load, server, size, kind):
        run = load(f"{server.url}/echo", "-c", 4, "-n", 200, "--size", size, "--in-flight", 8, *kind)
        run.assert_pass(200)
        assert run.report["expect"] == "echo"

    def test_compressed_messages(self, load, server):
        load(f"{server.url}/echo", "-c", 4, "-n", 2_000, "--size", "2KiB", "--compress").assert_pass(2_000)

    def test_messages_of_ones_own_are_checked_too(self, load, server, tmp_path):
        lines = tmp_path / "lines"
        lines.write_text('{"n": {sequence}, "by": "{connection}"}\nnaïve ☃ {random} {time}\n')
        load(f"{server.url}/echo", "-c", 3, "-n", 300, "-f", lines, "--in-flight", 10).assert_pass(300)
        load(f"{server.url}/random", "-c", 3, "-n", 300, "-m", "{ledger} hello").assert_pass(300)
        count = load(f"{server.url}/stream", "-c", 2, "-n", 2, "-m", '{"message":"ab"}', "--expect", "count:5")
        assert (count.code, count.account["ok"], count.account["parts"]) == (PASS, 2, 8), str(count)

    def test_a_wrong_expectation_fails_with_the_difference(self, load, server):
        run = load(f"{server.url}/random", "-c", 1, "-n", 5, "--expect", "echo")
        assert (run.code, run.account["altered"]) == (INTEGRITY, 5), str(run)
        difference = run.report["offenders"][0]["difference"]
        assert difference["got"].startswith(difference["expected"] + " "), difference

    def test_one_bad_client_harms_nobody(self, load, server):
        kinds = ("malformed:14", "cut-frame:5", "slow-reader:2", "half-open:2")
        faults = [word for kind in kinds for word in ("--fault", kind)]
        run = load(f"{server.url}/echo", "-c", 50, "-d", "3s", *faults)
        assert run.code == PASS and run.account["ok"] == run.account["sent"] > 0, str(run)
        names = ("planned", "injected", "detected", "borne")
        counts = {fault["kind"]: tuple(fault[name] for name in names) for fault in run.report["faults"]}
        # Nobody is missed within three seconds.
        noticed = {"malformed": (14, 14, 14, 0), "cut-frame": (5, 5, 5, 0), "slow-reader": (2, 2, 2, 0)}
        assert counts == noticed | {"half-open": (2, 2, 0, 2)}, str(run)
        assert run.report["unexplained"] == 0
        marks = [mark for mark in run.report["timeline"]["marks"] if mark["kind"] == "fault"]
        assert len(marks) == 23

    def test_a_server_that_looks_for_the_living_gives_up_the_half_open(self, load, serve):
        server = serve("--ping-interval", "500ms", "--idle-timeout", "1s")
        run = load(f"{server.url}/echo", "-c", 2, "-d", "5s", "--fault", "half-open:2")
        assert run.code == PASS, str(run)
        assert (run.report["faults"][0]["detected"], run.report["faults"][0]["borne"]) == (2, 0), str(run)

    def test_over_tls_everything_holds_too(self, load, serve, tmp_path):
        cert, key = make_certificate(tmp_path, "wigwag")
        server = serve("--tls-cert", cert, "--tls-key", key)
        run = load(f"{server.url}/random", "-c", 20, "-n", 4_000, "--cacert", cert, "--fault", "malformed:7")
        run.assert_pass(4_000)
        assert run.report["faults"][0]["detected"] == run.report["faults"][0]["injected"]
        stranger = load(f"{server.url}/random", "-c", 2, "-n", 2)
        assert stranger.code == NOT_RUN and "certificate" in str(stranger.report["errors"]).lower(), str(stranger)

    def test_origin_and_resolved_host_reach_the_server(self, load, server):
        origin = load(f"{server.url}/echo", "-c", 1, "-n", 1, "-o", "http://evil.example")
        assert origin.code == NOT_RUN and "403" in str(origin.report["errors"]), str(origin)
        place = f"load.example:{server.port}"
        host = load(f"ws://{place}/echo", "-c", 1, "-n", 1, "--resolve", f"{place}:127.0.0.1")
        assert host.code == NOT_RUN and "refused the connection: 403" in str(host.report["errors"]), str(host)

    def test_what_nobody_answers_is_sent_at_a_rate(self, load, server):
        run = load(f"{server.url}/letters", "-c", 2, "-n", 200, "-m", '{"action":"unsubscribe","letter":"a"}', "--expect", "none")
        assert (run.code, run.account["ok"], run.account["unsolicited"]) == (PASS, 200, 200), str(run)
        assert run.report["rate"] > 0

    def test_where_no_answer_is_expected_an_echo_is_no_failure(self, load, server):
        run = load(f"{server.url}/echo", "-c", 2, "-n", 200, "--expect", "none")
        assert (run.code, run.account["ok"], run.account["duplicate"]) == (PASS, 200, 0), str(run)
        assert run.account["arrivals"] == run.account["unsolicited"] == 200, str(run)

    def test_a_latency_that_was_never_measured_does_not_hold(self, load, server):
        silent = ("-m", '{"action":"unsubscribe","letter":"a"}', "--expect", "none")
        run = load(f"{server.url}/letters", "-n", 10, *silent, "--threshold", "p99<50ms")
        assert (run.code, run.verdict) == (THRESHOLD, "FAIL"), str(run)
        assert run.report["judgement"]["reasons"] == ["p99<50ms was missed: – (no answer was timed)"]
        assert run.report["judgement"]["thresholds"][0]["actual"] is None

    def test_thresholds_decide(self, load, server):
        url = f"{server.url}/echo"
        assert load(url, "-n", 100, "--threshold", "sent==100,lost==0").code == PASS
        assert load(url, "-n", 100, "--threshold", "sent>100").code == THRESHOLD

    def test_ctrl_c_stops_with_a_report(self, server, tmp_path):
        path = tmp_path / "report.json"
        command = [WIGWAG, "load", f"{server.url}/echo", "-d", "60s", f"--json={path}", "--no-tui"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        wait_until(lambda: server.metric("wigwag_messages_received_total", service="echo") > 1_000, "messages")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == INTERRUPTED, out + err
        report = json.loads(path.read_text())
        assert report["judgement"]["interrupted"] and report["account"]["ok"] == report["account"]["sent"] > 1_000

    def test_a_second_ctrl_c_cuts_off_without_blaming_the_server(self, tmp_path):
        path = tmp_path / "report.json"
        heard = []

        async def silent(connection):
            async for message in connection:
                heard.append(message)

        with Foreign(silent) as server:
            flags = ("-c", "4", "--in-flight", "5", "-d", "60s", "-t", "60s", f"--json={path}", "--no-tui")
            process = subprocess.Popen(
                [WIGWAG, "load", server.url, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
            )
            wait_until(lambda: len(heard) == 20, "messages")
            process.send_signal(signal.SIGINT)
            # Two that come at once are one: the first must have been heard.
            lines = iter(process.stderr.readline, "")
            assert any("waiting for answers" in line for line in lines)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == INTERRUPTED, out + err
        report = json.loads(path.read_text())
        assert report["judgement"]["verdict"] == "INCONCLUSIVE", out + err
        assert report["judgement"]["reasons"][1] == "4 connections were cut off by hand, 20 messages under way", out + err
        assert (report["connections"]["lost"], report["connections"]["cut"]) == (0, 4)


class TestForeignServers:
    @pytest.mark.parametrize("kind", ["echo", "numbered"])
    def test_python(self, load, foreign, kind):
        _, url = foreign(*python_server(kind))
        load(url, "-c", 50, "-n", 5_000).assert_pass(5_000)
        load(url, "-c", 1, "-n", 1_000).assert_pass(1_000)

    @pytest.mark.parametrize("kind", ["echo", "numbered"])
    def test_node(self, load, foreign, node, kind):
        server, url = foreign(node, HERE / "ws_server.mjs", kind)
        load(url, "-c", 50, "-n", 5_000).assert_pass(5_000)
        load(url, "-c", 1, "-n", 1_000).assert_pass(1_000)
        server.terminate()
        assert int(server.stdout.readline()) == 6_000

    def test_malformed_frames_are_noticed_by_node(self, load, foreign, node):
        _, url = foreign(node, HERE / "ws_server.mjs", "echo")
        run = load(url, "-c", 20, "-d", "2s", "--fault", "malformed:7", "--fault", "cut-frame:3")
        assert run.code == PASS and [fault["detected"] for fault in run.report["faults"]] == [3, 7], str(run)

    def test_a_server_that_dies_in_the_middle_fails_with_the_right_account(self, load, foreign):
        _, url = foreign(*python_server("echo", "--die-after", 500))
        run = load(url, "-c", 20, "-n", 10_000, "--in-flight", 2)
        assert (run.code, run.verdict) == (INTEGRITY, "FAIL"), str(run)
        account, connections = run.account, run.report["connections"]
        assert connections["lost"] == 20 and connections["opened"] == 20, connections
        # Who was answered is ok, and whoever waited is in doubt: at most two each.
        assert account["ok"] <= 500 and 1 <= account["in_doubt"] <= 40, account
        assert account["sent"] == account["ok"] + account["in_doubt"], account
        assert run.report["unsent"] == 10_000 - account["sent"]

    def test_with_reconnect_a_restarted_server_is_found_again(self, load, reborn):
        run = load(reborn(500), "-c", 20, "-n", 10_000, "--in-flight", 2, "--reconnect")
        account, connections = run.account, run.report["connections"]
        assert (run.code, run.verdict) == (PASS, "PASS"), str(run)
        assert account["sent"] == 10_000 == account["ok"] + account["in_doubt"] and account["in_doubt"] >= 1, account
        assert connections["lost"] == connections["recovered"] == 20, connections
        assert run.report["latencies"]["recovery"]["count"] == 20


class TestOutages:
    """Where no connection is open, nothing can be sent: that is the server's doing, and not this machine's."""

    def test_a_rate_is_made_up_for_after_a_restart(self, load, reborn):
        run = load(reborn(100), "-c", 10, "-r", 200, "-d", "6s", "--reconnect")
        if not run.is_crowded:
            assert (run.code, run.verdict) == (PASS, "PASS"), str(run)
        assert not {"send_lag", "rate"} & {one["kind"] for one in run.report["health"]["saturated"]} or run.is_crowded, str(run)
        assert run.account["sent"] == 1_200 == run.account["ok"] + run.account["in_doubt"], str(run)
        # What waited is charged to the server all the same.
        assert run.report["latencies"]["lag"]["max"] > 0.05 and run.report["latencies"]["intended"]["max"] > 0.05, str(run)

    def test_a_server_that_never_comes_back_misses_the_rate(self, load, foreign):
        _, url = foreign(*python_server("echo", "--die-after", 100))
        run = load(url, "-c", 10, "-r", 200, "-d", "3s", "--reconnect")
        if not run.is_crowded:
            assert (run.code, run.verdict) == (THRESHOLD, "FAIL"), str(run)
            assert run.report["judgement"]["reasons"][0].startswith("no connection was open for "), str(run)
        assert run.account["sent"] < 600, str(run)

    def test_slow_handshakes_are_not_the_generators_lag(self, load, foreign):
        _, url = foreign(*python_server("echo", "--shake-after", 0.4))
        run = load(url, "-c", 4, "--ramp", "1s", "-r", 100, "-d", "3s")
        if not run.is_crowded:
            assert (run.code, run.verdict) == (PASS, "PASS"), str(run)
        assert run.report["latencies"]["lag"]["max"] > 0.3, str(run)

    def test_an_outage_misses_a_latency_that_was_asked_for(self, load, foreign):
        _, url = foreign(*python_server("echo", "--shake-after", 0.4))
        run = load(url, "-c", 2, "--ramp", "10ms", "-r", 100, "-d", "2s", "--threshold", "p99<100ms")
        if not run.is_crowded:
            assert (run.code, run.verdict) == (THRESHOLD, "FAIL"), str(run)
            assert run.report["judgement"]["reasons"][0].startswith("p99<100ms was missed: "), str(run)


class TestSaturation:
    """This machine, not the server, is the limit."""

    def test_a_rate_that_cannot_be_reached_is_inconclusive(self, load, server):
        run = load(f"{server.url}/echo", "-c", 10, "-d", "2s", "-r", "50m", "-w", 1)
        # The server may be the slower one here; then the rate is missed. In no case may this pass.
        assert run.code in (INCONCLUSIVE, THRESHOLD), str(run)
        assert run.account["ok"] + run.account["late"] == run.account["sent"], str(run)

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be pinned here")
    @pytest.mark.parametrize("asked", [("-r", "20k"), ("--threshold", "p99<1ms")], ids=["rate", "latency"])
    def test_a_worker_beside_busy_loops_is_inconclusive(self, load, server, asked):
        core = min(os.sched_getaffinity(0))
        pin = ("taskset", "-c", str(core))
        busy = [subprocess.Popen([*pin, sys.executable, "-c", "while True: pass"]) for _ in range(6)]
        try:
            run = load(f"{server.url}/echo", "-c", 10, "-d", "3s", *asked, "-w", 1, prefix=pin)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        assert (run.code, run.verdict) == (INCONCLUSIVE, "INCONCLUSIVE"), str(run)
        assert run.report["health"]["saturated"], str(run)
        assert run.account["ok"] == run.account["sent"], str(run)


class TestUsage:
    def test_q_is_refused_because_it_means_two_things(self):
        run = wigwag("load", "ws://127.0.0.1:1/", "-q")
        assert run.returncode == USAGE and "use -r for a rate or --quiet" in run.stderr

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--size", "15"], "needs 16 bytes"),
            (["-n", "10", "--per-connection", "10"], "exclude each other"),
            (["-c", "0"], "whole number from 1"),
            (["--expect", "ehco"], "auto, echo, suffix"),
            (["--threshold", "p99"], "FIGURE<BOUND"),
            (["--fault", "flood"], "slow-reader"),
            (["-m", "{seq}"], "unknown placeholder"),
        ],
        ids=str,
    )
    def test_errors_say_what_to_write_instead(self, args, said):
        run = wigwag("load", "ws://127.0.0.1:1/", *args)
        assert run.returncode == USAGE and said in run.stderr, run.stderr

    def test_where_nobody_listens_it_could_not_run(self, load):
        run = load("ws://127.0.0.1:1/", "-c", 3, "-n", 3)
        assert run.code == NOT_RUN and "connection refused" in run.report["judgement"]["reasons"][0], str(run)

    @pytest.mark.parametrize("flag", ["-r", "-R", "--rate", "--qps"])
    def test_all_names_of_the_rate(self, load, server, flag):
        run = load(f"{server.url}/echo", "-z", "1s", flag, "100")
        assert run.code in (PASS, INCONCLUSIVE) and run.account["sent"] == 100, str(run)
