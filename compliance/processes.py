"""Child processes with deadlines: each runs in its own session and is ended with everything that it started."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, List, Optional

STOP_GRACE_SECONDS = 15
ACCEPT_SECONDS = 30
POLL_SECONDS = 0.05

# How a program ends that was asked to: by itself, by the signal, or by the signal seen through a shell.
STOPPED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


class RunError(Exception):
    """The run could not be carried out; its text says what to do next."""


class Deadline:
    """The end of the whole run, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


class Child:
    """A running program, its name for messages and the file that holds its output."""

    def __init__(self, name: str, argv: List[str], log: Path, cwd: Optional[Path] = None) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            try:
                self._process = subprocess.Popen(
                    argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise RunError(f"cannot start the {name} ({shlex.join(argv)}): {error}") from error

    def exit_code(self) -> Optional[int]:
        return self._process.poll()

    def log_tail(self, lines: int = 12) -> str:
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "".join(f"\n    {line}" for line in text) or " (nothing)"

    def ended_early(self) -> RunError:
        return RunError(f"the {self.name} ended with {self.exit_code()}; its last words ({self.log}):{self.log_tail()}")

    def stop(self) -> int:
        """Asks the program to end and, after a grace period, makes it and its children end. Returns its exit code."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def _signal(self, number: int) -> None:
        # The group outlives its leader while a child is left in it, and is gone (or not ours) after that.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


@contextlib.contextmanager
def running(name: str, argv: List[str], log: Path, cwd: Optional[Path] = None) -> Iterator[Child]:
    """A child that is stopped when the block is left, however it is left."""
    child = Child(name, argv, log, cwd)
    try:
        yield child
    finally:
        child.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_accept(child: Child, host: str, port: int, deadline: Deadline) -> None:
    """Returns once `host:port` accepts a connection; fails if the child ends or time runs out before."""
    end = time.monotonic() + min(ACCEPT_SECONDS, deadline.left())
    while time.monotonic() < end:
        if child.exit_code() is not None:
            raise child.ended_early()
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            time.sleep(POLL_SECONDS)
    raise RunError(f"the {child.name} did not accept on {host}:{port} in time; its last words:{child.log_tail()}")


def wait_for_exit(
    child: Child, others: List[Child], deadline: Deadline, progress: Callable[[], None] = lambda: None
) -> int:
    """Waits for the child's end and returns its exit code; fails if one of the others ends first or time runs out."""
    while deadline.left() > 0:
        code = child.exit_code()
        if code is not None:
            return code
        for other in others:
            if other.exit_code() is not None:
                raise RunError(f"{other.ended_early()}\nthe {child.name} was at:{child.log_tail(1)}")
        progress()
        time.sleep(POLL_SECONDS)
    raise RunError(
        f"the {child.name} was not done after {deadline.seconds:.0f} s; its last words:{child.log_tail()}"
    )
