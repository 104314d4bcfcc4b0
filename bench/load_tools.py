#!/usr/bin/env python3
"""Load testers side by side, and `wigwag load` against the servers that it loads.

tools   The same server (`wigwag serve --workers 1`, /echo) on one core, one tool after the other on another: 64
        connections, 16 bytes of text, each waits for its answer before it sends again, as fast as it goes. Messages are
        counted by the server, CPU time by the system (all processes of the tool), in one window for both. Then the tool
        loads a server that changes every thousandth answer: does it notice?
speed   The CPU time of `wigwag load` per checked message beside the server's per answered one. Workloads as in run.py:
        A 64 connections, 1 in flight; B 64 connections, 16 in flight; D 10,000 connections, 1 in flight; 16 bytes each.
        Once with a core for each, where whoever costs less uses what is left to look for work, so that both are busy and the
        ratio is near 1; and once on one core in turn, each until it waits, where it says what each costs.

examples
  bench/load_tools.py                                  both, with everything that can be had
  bench/load_tools.py --part speed --workload A,B
  bench/load_tools.py --tool wigwag,locust --seconds 1
  bench/load_tools.py --docs                           also rewrite the tables of docs/bench.md
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import json
import os
import re
import shlex
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import catalogue
from catalogue import OUT, ROOT, Unavailable, epoll_echo, say, wigwag
from harness import add_place_options, cells, descriptors_raised, end, free_ports, machine, names_of, on_core, replace_part, started
from testers import CONNECTIONS, TESTERS, Asked, load_command

DOCS = ROOT / "docs" / "bench.md"
PARTS = ["tools", "speed"]
SERVERS = ["wigwag", "epoll-echo"]
# Which of the two cores are used, for server and tester, and whether they take turns there.
PLACEMENTS = {"one each": (0, 1, False), "one in turn": (1, 1, True)}
# Connections and messages in flight on each.
WORKLOADS = {"A": (64, 1), "B": (64, 16), "D": (10_000, 1)}
ALTER_EVERY = 1_000
ALTER_MESSAGES_EACH = 200
WARM_UP_SECONDS = 1.5
ANSWER_TIMEOUT_SECONDS = 30
END_TIMEOUT_SECONDS = 40


# ---- what is measured ----


@dataclass
class Sample:
    """What had happened up to a moment."""

    at: float
    messages: int
    server_cpu: float
    tool_cpu: float

    @classmethod
    def take(cls, port, server, tool):
        members = members_of(tool.pid)
        return cls(time.monotonic(), received(port), cpu_of(server.pid), sum(map(cpu_of, members)))

    def until(self, later):
        """The figures of the time between two samples."""
        messages, seconds = later.messages - self.messages, later.at - self.at
        if messages <= 0:
            raise RuntimeError("no message came in the measured time")
        server, tool = later.server_cpu - self.server_cpu, later.tool_cpu - self.tool_cpu
        return {"per_second": messages / seconds, "server_us": server / messages * 1e6, "tool_us": tool / messages * 1e6,
                "per_cpu_second": messages / tool, "server_share": server / seconds, "tool_share": tool / seconds}


def received(port):
    """How many messages the server has received, as it says itself."""
    return metric(port, "messages_received_total")


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    lines = re.findall(rf"^(?:wigwag_)?{name}(?:\{{(.*)\}})? (\d+)", text, re.MULTILINE)
    return sum(int(value) for labels, value in lines if not labels or 'service="echo"' in labels)


def cpu_of(pid):
    """CPU time of a process in seconds, of all its threads, also of those that have ended."""
    try:
        # CPUCLOCK_SCHED of the process: see clock_getcpuclockid(3).
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def members_of(session):
    """The processes of a session."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name, which may contain anything: state, parent, group, session.
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                members.append(int(folder.name))
    return members


def memory_of(session):
    """Resident memory of a session's processes in MiB."""
    total = 0
    for pid in members_of(session):
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(found[1]) if found else 0
    return total / 1024


@contextlib.contextmanager
def running(command, environment, name, core):
    """A tool on a core, in a session of its own; its output goes to a file."""
    with open(OUT / f"{name}.log", "w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=OUT, start_new_session=True,
                                   env={**os.environ, **environment}, preexec_fn=on_core(core))
        try:
            yield process
        finally:
            end(process)


def until_answered(port, tool, connections):
    """Waits until every connection has been answered."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
    while received(port) < connections:
        if tool.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the tool sends nothing" if tool.poll() is None else f"the tool ended with {tool.returncode}")
        time.sleep(0.05)


def take_turns(*processes):
    """Has each thread run until it waits (SCHED_FIFO), not until its slice is over."""
    for process in processes:
        for folder in Path(f"/proc/{process.pid}/task").glob("[0-9]*"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(int(folder.name), os.SCHED_FIFO, os.sched_param(1))


def may_take_turns():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def measured(port, server, tool):
    """What comes of a window, after a while in which nothing is counted."""
    time.sleep(WARM_UP_SECONDS)
    before = Sample.take(port, server, tool)
    time.sleep(options.seconds)
    after = Sample.take(port, server, tool)
    return {**before.until(after), "memory": memory_of(tool.pid)}


# ---- tools side by side ----


def compare(testers, ports, results):
    """Fills `results[tool]` with what was measured, or with what went wrong."""
    alterer = epoll_echo(str(ALTER_EVERY))
    for name, tester in testers.items():
        try:
            with started(server("wigwag"), "server", next(ports), options.cores[0]) as (process, port):
                asked = Asked(port, None, "/echo")
                with running(*tester.prepare(asked), f"tester-{name}", options.cores[1]) as tool:
                    until_answered(port, tool, CONNECTIONS)
                    row = measured(port, process, tool)
            with started(alterer, "server", next(ports), options.cores[0]) as (process, port):
                row.update(altered(name, tester, port))
        except RuntimeError as error:
            results[name] = {"error": str(error)}
            say(f"{name}: failed: {error}")
            continue
        results[name] = row
        say(f"{name}: {row['per_second']:,.0f} a second, {row['per_cpu_second']:,.0f} per CPU second, {row['memory']:.0f} MiB; "
            f"{row['altered']} answers altered, {row['noticed']} noticed")


def altered(name, tester, port):
    """Lets the tool load a server that alters answers; how many it altered, and how many the tool speaks of."""
    with running(*tester.prepare(Asked(port, ALTER_MESSAGES_EACH, "/echo")), f"tester-{name}-altered", options.cores[1]) as tool:
        # A tool that does not end by itself is judged by what it has said.
        with contextlib.suppress(subprocess.TimeoutExpired):
            tool.wait(options.patience)
    count = metric(port, "messages_altered_total")
    if count == 0:
        raise RuntimeError("no answer was altered, for too few messages were sent")
    return {"altered": count, "noticed": tester.noticed((OUT / f"tester-{name}-altered.log").read_text())}


def tool_table(results, testers):
    header = ["tool", "messages a second", "per CPU second of the tool", "memory MiB", "tool busy", "server busy",
              "checks content", "altered", "noticed"]
    rows = []
    for name, row in results.items():
        title, checks = testers[name].title, testers[name].checks
        if "error" in row:
            rows.append([title, "failed", *[""] * 5, "", ""])
            continue
        rows.append([title, f"{row['per_second']:,.0f}", f"{row['per_cpu_second']:,.0f}", f"{row['memory']:,.0f}",
                     f"{row['tool_share']:.0%}", f"{row['server_share']:.0%}", checks, f"{row['altered']}", f"{row['noticed']}"])
    return cells(header, rows)


# ---- speed ----


def server(name):
    if name == "epoll-echo":
        return epoll_echo()
    found = wigwag()
    found.path = "/echo"
    return found


def speed(ports, results):
    """Fills `results[(workload, server, placement)]` with one row per round."""
    placements = [name for name, (*_, in_turn) in PLACEMENTS.items() if may_take_turns() or not in_turn]
    if len(placements) < len(PLACEMENTS):
        say("without turns on one core: they take root (CAP_SYS_NICE)")
    for turn in range(options.rounds):
        for workload, name, placement in itertools.product(options.workload, SERVERS, placements):
            try:
                row = speed_once(name, *WORKLOADS[workload], next(ports), PLACEMENTS[placement])
            except RuntimeError as error:
                say(f"{workload} {name}, cores: {placement}: failed: {error}")
                continue
            results.setdefault((workload, name, placement), []).append(row)
            say(f"{workload} round {turn + 1} {name}, cores: {placement}: server {row['server_us']:.2f} µs, "
                f"wigwag load {row['tool_us']:.2f} µs, {row['per_second']:,.0f} a second")


def speed_once(name, connections, in_flight, port, placement):
    *cores, in_turn = placement
    report = OUT / "tester-speed.json"
    report.unlink(missing_ok=True)
    with started(server(name), "server", port, options.cores[cores[0]]) as (process, port):
        command = load_command(f"ws://127.0.0.1:{port}/echo", connections, in_flight, ["-d", "600s", f"--json={report}"])
        with running(command, {}, "tester-speed", options.cores[cores[1]]) as tool:
            until_answered(port, tool, connections)
            if in_turn:
                take_turns(process, tool)
            row = measured(port, process, tool)
            tool.send_signal(signal.SIGINT)
            try:
                tool.wait(END_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                raise RuntimeError("wigwag load did not end after ctrl-c") from None
    account = json.loads(report.read_text())["account"]
    if account["ok"] != account["sent"]:
        raise RuntimeError(f"not all messages were ok: {account}")
    return row


def speed_table(results):
    header = ["workload", "server", "cores", "server CPU µs", "wigwag load CPU µs", "checked ÷ answered per CPU second", "a second",
              "server busy", "wigwag load busy"]
    rows = []
    for (workload, name, placement), found in results.items():
        row = {key: statistics.median(one[key] for one in found) for key in found[0]}
        ratios = [one["server_us"] / one["tool_us"] for one in found]
        spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(found) > 1 else ""
        rows.append([workload, name, placement, f"{row['server_us']:.2f}", f"{row['tool_us']:.2f}",
                     f"{statistics.median(ratios):.2f}{spread}",
                     f"{row['per_second']:,.0f}", f"{row['server_share']:.0%}", f"{row['tool_share']:.0%}"])
    return cells(header, rows)


# ---- what is said ----


def report(results, testers, missing, speeds):
    # The page is for all: paths of this machine do not belong there.
    words = [Path(word).name if os.path.isabs(word) else word for word in sys.argv[1:]]
    lines = [f"Measured {datetime.date.today().isoformat()} on {machine()}.",
             f"Command: `{shlex.join(['bench/load_tools.py', *words])}`.", ""]
    if results or missing:
        lines += [tool_table(results, testers), "", *(f"- {testers[name].title}: {testers[name].note}" for name in results),
                  *(f"- {testers[name].title} failed: {row['error']}" for name, row in results.items() if "error" in row),
                  *(f"- left out: {name}: {reason}" for name, reason in missing.items()), ""]
    if speeds:
        lines += ["CPU per message; above 1, `wigwag load` checks more messages per CPU second than the server answers.", "",
                  speed_table(speeds), ""]
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--part", type=names_of("part", PARTS), default=PARTS, metavar="tools,speed", help="default: both")
    add("--tool", type=names_of("tool", TESTERS), default=list(TESTERS), metavar="NAME,…", help=f"of {', '.join(TESTERS)}")
    add("--workload", type=names_of("workload", WORKLOADS), default=list(WORKLOADS), metavar="A,B,D", help="of speed; default: all")
    add("--rounds", type=int, default=3, help="of speed (default: 3)")
    add("--seconds", type=float, default=3, help="measured time of one run (default: 3)")
    add("--patience", type=float, default=20, metavar="SECONDS", help="for a tool to end by itself (default: 20)")
    add_place_options(add, 18900)
    add("--docs", action="store_true", help="rewrite the tables in docs/bench.md")
    found = parser.parse_args()
    if found.rounds < 1 or found.seconds <= 0 or len(found.cores) != 2:
        parser.error("--rounds and --seconds must be positive, --cores takes two numbers")
    if found.docs and (set(found.part), set(found.tool)) != (set(PARTS), set(TESTERS)):
        parser.error("--docs replaces both tables: it takes all parts and all tools")
    if found.docs and not may_take_turns():
        parser.error("--docs takes root (CAP_SYS_NICE): in one of its tables, server and tester take turns on a core")
    if found.wigwag:
        catalogue.wigwag_binary = found.wigwag
    return found


def gather():
    """The tools that can be had, and why others cannot."""
    testers, missing = {}, {}
    for name in options.tool:
        try:
            testers[name] = TESTERS[name]()
        except Unavailable as reason:
            missing[name] = str(reason)
            say(f"without {name}: {reason}")
    return testers, missing


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupt)
    OUT.mkdir(parents=True, exist_ok=True)
    limit, ports = descriptors_raised(), free_ports(options.port)
    if limit < max(connections for connections, _ in WORKLOADS.values()) + 200:
        options.workload = [name for name in options.workload if WORKLOADS[name][0] < limit - 200]
    testers, missing, results, speeds, status = {}, {}, {}, {}, 0
    try:
        wigwag()
        if "tools" in options.part:
            testers, missing = gather()
            compare(testers, ports, results)
        if "speed" in options.part:
            speed(ports, speeds)
    except Unavailable as reason:
        say(f"nothing can be measured: {reason}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; this is what was measured")
        status = 130
    words = report(results, testers, missing, speeds)
    print(words)
    (OUT / "load_tools.md").write_text(words)
    if options.docs and status == 0:
        replace_part(DOCS, "testers", words)
        say(f"written: {DOCS}")
    return status


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        sys.exit("bench/load_tools.py reads CPU times as Linux gives them; it does not run elsewhere")
    options = parse_options()
    sys.exit(main())
