"""The load testers that bench/load_tools.py can measure: how each is installed, and how it is asked for the same load."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import catalogue
from catalogue import OUT, PEERS, Unavailable, install, npm, say, wigwag
from harness import filled

# Exact versions, so that two runs compare the same things; tsung is Debian's.
ARTILLERY_VERSION = "2.0.34"
LOADTEST_VERSION = "8.2.1"
LOCUST_VERSION, WEBSOCKET_CLIENT_VERSION = "2.47.0", "1.9.2"

CONNECTIONS = 64
MESSAGE = "sixteen bytes ok"
# More messages on each connection than can be sent in a benchmark.
ENDLESS = 1_000_000_000


@dataclass
class Asked:
    """What a tool is to do: CONNECTIONS connections, a number of messages on each, or without end."""

    port: int
    each: int | None
    path: str

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}{self.path}"

    @property
    def places(self):
        """What stands in a tool's configuration for it."""
        return {"{url}": self.url, "{port}": str(self.port), "{path}": self.path, "{message}": MESSAGE,
                "{connections}": str(CONNECTIONS), "{count}": str(self.each or ENDLESS)}


@dataclass
class Tester:
    """A load tester."""

    title: str
    # The command and its environment.
    prepare: Callable[[Asked], tuple[list, dict]]
    # How many altered answers a bounded run speaks of, by what it printed.
    noticed: Callable[[str], int]
    # Whether content is verified, and by whom.
    checks: str
    note: str


def configured(name, asked):
    """Writes a tool's configuration, filled in; its path."""
    path = OUT / f"tester-{name}"
    path.write_text(filled((PEERS / "testers" / name).read_text(), asked.places))
    return str(path)


def last_number(pattern):
    """Reads the last number that the pattern finds, in any of its groups; 0 where it finds none."""
    def read(text):
        found = list(re.finditer(pattern, text))
        return int(found[-1][found[-1].lastindex]) if found else 0

    return read


def load_command(url, connections, in_flight, more):
    """`wigwag load` on one thread, 16 bytes a message."""
    binary = str(os.path.abspath(catalogue.wigwag_binary))
    return [binary, "load", url, "-c", str(connections), "--in-flight", str(in_flight), "--size", "16", "-w", "1",
            "--expect", "echo", "--no-tui", *more]


def wigwag_load():
    report = OUT / "tester-wigwag.json"

    def prepare(asked):
        report.unlink(missing_ok=True)
        end = ["-n", str(CONNECTIONS * asked.each)] if asked.each else ["-d", "600s"]
        return load_command(asked.url, CONNECTIONS, 1, [*end, f"--json={report}"]), {}

    def noticed(_):
        return json.loads(report.read_text())["account"]["altered"] if report.exists() else 0

    title = wigwag().title.replace("wigwag", "wigwag load")
    return Tester(title, prepare, noticed, "yes, each by itself", "-w 1 --in-flight 1 --size 16 --expect echo")


def artillery():
    if shutil.which("node") is None:
        raise Unavailable("node is not installed")
    # Its scripts would download browsers, which no WebSocket scenario needs.
    modules = npm("artillery", {"artillery": ARTILLERY_VERSION}, "--ignore-scripts")

    def prepare(asked):
        command = [str(modules / ".bin" / "artillery"), "run", configured("artillery.yml", asked)]
        return command, {"ARTILLERY_DISABLE_TELEMETRY": "true", "WORKERS": "1"}

    return Tester(f"artillery {ARTILLERY_VERSION}", prepare, last_number(r"errors\.Failed capture or match: \.+ (\d+)"),
                  "if the scenario compares", "WebSocket engine, one local worker, `match` against the message; a mismatch "
                  "ends its virtual user, so that at most one for each is noticed")


def locust():
    place = OUT / "locust"
    wanted = [f"locust=={LOCUST_VERSION}", f"websocket-client=={WEBSOCKET_CLIENT_VERSION}"]
    stamp = place / "installed"
    if not stamp.exists() or stamp.read_text().split() != wanted:
        install([sys.executable, "-m", "venv", str(place)])
        install([str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted])
        stamp.write_text(" ".join(wanted))

    def prepare(asked):
        command = [str(place / "bin" / "locust"), "-f", str(PEERS / "testers" / "locustfile.py"), "--headless", "--json",
                   "--users", str(CONNECTIONS), "--spawn-rate", str(CONNECTIONS), "--loglevel", "ERROR"]
        return command, {"BENCH_URL": asked.url, "BENCH_MESSAGE": MESSAGE, "BENCH_COUNT": str(asked.each or ENDLESS),
                         "BENCH_CONNECTIONS": str(CONNECTIONS)}

    # The table of how it stands, every two seconds; in JSON at its end, which may not come in time.
    failures = last_number(r'Aggregated +\d+ +(\d+)\(|"num_failures": (\d+)')
    return Tester(f"locust {LOCUST_VERSION}", prepare, failures, "if the script compares",
                  f"websocket-client {WEBSOCKET_CLIENT_VERSION} under gevent; our script compares each answer")


def tsung():
    path = shutil.which("tsung")
    if path is None:
        if os.getuid() != 0 or shutil.which("apt-get") is None:
            raise Unavailable("it is not installed: apt-get install tsung")
        say("tsung is not installed: installing Debian's (with Erlang, which cannot be unpacked elsewhere)")
        install(["apt-get", "update", "-qq"])
        install(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "tsung", "gnuplot-nox"])
        path = shutil.which("tsung") or "tsung"
    said = subprocess.run([path, "-v"], capture_output=True, text=True)
    version = (re.findall(r"\d+\.\d+\.\d+", said.stdout + said.stderr) or [""])[0]
    logs = OUT / "tsung"

    def prepare(asked):
        shutil.rmtree(logs, ignore_errors=True)
        # Erlang's name server in our session: it would outlive us as a daemon.
        start = 'epmd & exec "$0" -f "$1" -l "$2" start'
        return ["sh", "-c", start, path, configured("tsung.xml", asked), str(logs)], {}

    def noticed(_):
        found = [last_number(r"stats: nomatch \d+ (\d+)")(path.read_text()) for path in logs.glob("*/tsung.log")]
        return sum(found)

    return Tester(f"tsung {version}", prepare, noticed, "if the scenario compares",
                  "one Erlang VM for controller and clients, `ack=\"parse\"`, `match` against the message")


def loadtest():
    if shutil.which("node") is None:
        raise Unavailable("node is not installed")
    modules = npm("loadtest", {"loadtest": LOADTEST_VERSION}, "--ignore-scripts")

    def prepare(asked):
        end = ["-n", str(CONNECTIONS * asked.each)] if asked.each else ["-t", "600"]
        command = ["node", str(modules / "loadtest" / "bin" / "loadtest.js"), "-c", str(CONNECTIONS), "--cores", "1", *end, asked.url]
        return command, {}

    return Tester(f"loadtest {LOADTEST_VERSION}", prepare, last_number(r"(?:Total|Completed) errors:\s+(\d+)"), "no",
                  'it has no choice of message: {"some":"message"}, 18 bytes')


def unavailable(reason):
    def refuse():
        raise Unavailable(reason)

    return refuse


TESTERS = {
    "wigwag": wigwag_load,
    "artillery": artillery,
    "locust": locust,
    "tsung": tsung,
    "loadtest": loadtest,
    "tcpkali": unavailable("not among the packages of Debian 12"),
    "websocket-bench": unavailable("0.2.0 (npm) loads Socket.IO, Faye and the like, not plain WebSocket servers"),
}
