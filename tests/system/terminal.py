"""A terminal with somebody at it: a pseudo-terminal, and a screen that shows what its lines show."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
import threading

import pyte

from conftest import DEADLINE, WIGWAG, clean_environment, wait_until

COLUMNS, LINES = 100, 40


class Terminal:
    """Runs `wigwag ARGS` at a terminal of its own."""

    def __init__(self, *args, **env):
        self.raw = b""
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream = pyte.ByteStream(self.screen)
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (LINES, COLUMNS))
        self.theirs = theirs
        self.modes = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            [WIGWAG, *map(str, args)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=clean_environment(**{"TERM": "xterm", **env}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.lock = threading.Lock()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                data = os.read(self.ours, 65536)
            except OSError:
                return
            with self.lock:
                self.raw += data
                self.stream.feed(data)

    def lines(self):
        """What the screen shows, without empty lines at its end."""
        with self.lock:
            return [line.rstrip() for line in self.screen.display if line.strip()]

    def text(self):
        return "\n".join(self.lines())

    def sees(self, part):
        """Waits until this is on the screen."""
        try:
            wait_until(lambda: part in self.text(), part)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen shows:\n{self.text()}") from None

    def types(self, keys):
        os.write(self.ours, keys.encode())

    def enters(self, line):
        self.types(line + "\r")

    def interrupt(self):
        """A signal from outside, not a key."""
        self.process.send_signal(signal.SIGINT)

    def wait(self):
        """The exit code, when all that was printed is on the screen."""
        return self.process.wait(DEADLINE)

    def is_as_before(self):
        """Whether the terminal has the modes that it had."""
        return termios.tcgetattr(self.theirs) == self.modes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.theirs)
        self.reader.join(DEADLINE)
        os.close(self.ours)
