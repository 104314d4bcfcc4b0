"""A terminal with somebody at it: a pseudo-terminal, and a screen that shows what its lines show."""

import copy
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
ALTERNATE = 1049


class Screen(pyte.Screen):
    """A screen that has another one (xterm's mode 1049), which goes with what was drawn on it."""

    other = None

    def set_mode(self, *modes, **options):
        super().set_mode(*modes, **options)
        if ALTERNATE in modes and options.get("private") and not self.other:
            self.other = copy.deepcopy(self.buffer), self.cursor.x, self.cursor.y

    def reset_mode(self, *modes, **options):
        super().reset_mode(*modes, **options)
        if ALTERNATE in modes and options.get("private") and self.other:
            self.buffer, self.cursor.x, self.cursor.y = self.other
            self.other = None


class Terminal:
    """Runs `wigwag ARGS` at a terminal of its own, which answers what it is asked (where its cursor is, say) unless it is `mute`."""

    def __init__(self, *args, mute=False, **env):
        self.raw = b""
        self.screen = Screen(COLUMNS, LINES)
        if not mute:
            self.screen.write_process_input = self.types
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

    def resizes(self, columns, lines):
        with self.lock:
            self.screen.resize(lines, columns)
        termios.tcsetwinsize(self.theirs, (lines, columns))

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
