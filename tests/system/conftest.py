"""A server as a person starts it, and what the tests need to watch it from outside."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WIGWAG = Path(os.environ.get("WIGWAG", TARGET / "release" / "wigwag"))
DEADLINE = 20.0


def wait_until(condition, what, timeout=DEADLINE):
    """The first true result of `condition`, asked for until the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.01)


def clean_environment(**more):
    """This process's environment without anything that configures wigwag."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WIGWAG")}
    return {**kept, **more}


def wigwag(*args, timeout=60, **env):
    """Runs the command to its end."""
    return subprocess.run(
        [WIGWAG, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=clean_environment(**env)
    )


class Server:
    """A running `wigwag serve`, or another command that serves."""

    def __init__(self, directory, args, env, prefix, preexec, command="serve"):
        self.out, self.err = directory / "stdout", directory / "stderr"
        self.expected_errors = []
        self.stopped = False
        self.banner = ""
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*prefix, WIGWAG, command, *map(str, args)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=clean_environment(**env),
                preexec_fn=preexec,
            )

    def wait_for_banner(self):
        def banner():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.log()}"
            text = self.out.read_text()
            return text if "Stop with ctrl-c." in text else None

        self.banner = wait_until(banner, "the banner")
        page = re.search(r"page +(https?)://(\S+):(\d+)/", self.banner)
        scheme, self.host, self.port = page[1], page[2], int(page[3])
        self.http = f"{scheme}://{self.host}:{self.port}"
        self.url = self.http.replace("http", "ws", 1)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.err.read_text()

    def memory(self, what="VmRSS"):
        """Bytes: `VmRSS` now, `VmHWM` at most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) * 1024

    def cpu_seconds(self):
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=DEADLINE) as response:
            return response.read().decode()

    def metric(self, name, **labels):
        """One figure of /metrics; 0 where it was not counted yet."""
        for line in self.get("/metrics").splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")) == labels:
                return float(match[3])
        return 0

    def wait_for_metric(self, name, value, **labels):
        wait_until(lambda: self.metric(name, **labels) == value, f"{name}{labels} = {value}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=DEADLINE):
        """The exit code."""
        code = self.process.wait(timeout)
        self.stopped = True
        return code

    def report(self):
        """The figures of the line about the drain: closed, cut, bytes."""
        line = re.search(r"^drained in [\d.]+ s: (\d+) closed, (\d+) cut off with (\d+) bytes unsent", self.log(), re.M)
        assert line, self.log()
        return tuple(map(int, line.groups()))

    def kill(self):
        """As if the machine had lost power."""
        self.process.kill()
        self.process.wait(DEADLINE)
        self.stopped = True

    def finish(self):
        """Ends the server if the test has not, and judges what it said."""
        if not self.stopped:
            self.signal(signal.SIGTERM)
            try:
                code = self.process.wait(2)
            except subprocess.TimeoutExpired:
                # Connections that the test left open need not be waited for.
                self.signal(signal.SIGTERM)
                code = self.process.wait(DEADLINE)
            assert code == 0, f"exit code {code}: {self.log()}"
        log = self.log()
        assert "panicked" not in log, log
        errors = [line for line in log.splitlines() if " ERROR " in line]
        unexpected = [line for line in errors if not any(part in line for part in self.expected_errors)]
        assert not unexpected, unexpected


@pytest.fixture
def serve(tmp_path):
    """Starts servers: `serve("--workers", 1)`; a free port unless `listen` is given."""
    assert WIGWAG.exists(), f"{WIGWAG} is not there: cargo build --release -p wigwag-cli"
    servers = []

    def start(*args, env=None, prefix=(), preexec=None, listen="127.0.0.1:0", command="serve"):
        directory = tmp_path / f"server-{len(servers)}"
        directory.mkdir()
        args = [*(["--listen", listen] if listen else []), *args]
        server = Server(directory, args, env or {}, prefix, preexec, command)
        servers.append(server)
        server.wait_for_banner()
        return server

    yield start
    problems = []
    for server in servers:
        try:
            server.finish()
        except (AssertionError, subprocess.TimeoutExpired) as problem:
            problems.append(str(problem))
        finally:
            if server.process.poll() is None:
                server.kill()
    assert not problems, "\n".join(problems)


@pytest.fixture
def gateway(serve):
    """Starts gateways: `gateway("ws://127.0.0.1:1234/letters", "--hold", "1s")`."""

    def start(upstream, *args, **options):
        return serve("--upstream", upstream, *args, command="gateway", **options)

    return start


@pytest.fixture
def server(serve):
    """A server with nothing but defaults."""
    return serve()


@pytest.fixture(scope="session")
def node():
    """The command that runs a script of this directory."""
    command = shutil.which("node")
    if command is None or not (HERE / "node_modules" / "ws").is_dir():
        pytest.skip("node or its packages are not here (npm ci in tests/system)")
    return command


@pytest.fixture(scope="session")
def chromium(node):
    """Where the browser is."""
    command = shutil.which("chromium")
    if command is None or not all((HERE / "node_modules" / name).is_dir() for name in ("playwright-core", "axe-core")):
        pytest.skip("Chromium, playwright-core or axe-core is not here")
    return command
