"""`wigwag load` as a person sees it: at a terminal, with a screen that is drawn anew and keys that steer the run."""

import pytest

from conftest import wait_until
from terminal import Terminal

INTERRUPTED = 130


@pytest.fixture
def load(server):
    """Starts `wigwag load` at a terminal, against a server's /random, and waits for its screen."""
    terminals = []

    def start(*args, **options):
        terminal = Terminal("load", f"{server.url}/random", *args, **options)
        terminals.append(terminal)
        terminal.sees("? help")
        return terminal

    yield start
    for terminal in terminals:
        terminal.__exit__()


def gives_back(terminal):
    """Whether the terminal is as it was: its modes, the other screen left, the cursor shown."""
    ends = [terminal.raw.rindex(code) for code in (b"\x1b[?1049l", b"\x1b[?25h")]
    begins = [terminal.raw.rindex(code) for code in (b"\x1b[?1049h", b"\x1b[?25l")]
    return terminal.is_as_before() and min(ends) > max(begins)


class TestScreen:
    def test_a_run_to_its_end_leaves_the_summary(self, load):
        terminal = load("-c", 4, "-n", 400, "--think", "20ms", "--in-flight", 1)
        terminal.sees("connections 4 open")
        assert terminal.wait() == 0
        terminal.sees("PASS  all 400 messages were answered once")
        assert gives_back(terminal)

    def test_keys_steer_the_run(self, load):
        terminal = load("-c", 8, "-r", 500, "-d", "600s")
        terminal.sees("of 500 msg/s")
        terminal.types("?")
        terminal.sees("pause and resume sending")
        terminal.types("?")
        wait_until(lambda: "pause and resume sending" not in terminal.text(), "the help is closed")
        terminal.types("+")
        terminal.sees("of 550 msg/s")
        terminal.types("-")
        terminal.sees("of 500 msg/s")
        terminal.types("p")
        terminal.sees("paused")
        terminal.types("p")
        wait_until(lambda: "paused" not in terminal.text(), "it goes on")
        terminal.types("q")
        assert terminal.wait() == INTERRUPTED
        terminal.sees("stopped by hand")
        assert gives_back(terminal)

    def test_ctrl_c_loses_no_result(self, load):
        terminal = load("-c", 2, "-d", "600s", "--in-flight", 1)
        terminal.sees("sent =")
        terminal.types("\x03")
        assert terminal.wait() == INTERRUPTED
        terminal.sees("interrupted after")
        terminal.sees("Reproduce")
        assert gives_back(terminal)

    def test_a_signal_from_outside_gives_the_terminal_back(self, load):
        terminal = load("-c", 2, "-r", 100, "-d", "600s")
        terminal.interrupt()
        assert terminal.wait() == INTERRUPTED
        terminal.sees("interrupted after")
        assert gives_back(terminal)

    def test_it_fits_whatever_size_the_terminal_has(self, load):
        terminal = load("-c", 2, "-r", 100, "-d", "600s")
        for columns, lines in [(60, 20), (40, 8), (140, 50)]:
            terminal.resizes(columns, lines)
            wait_until(lambda: self.is_whole(terminal), f"a screen of {columns} columns")
            assert terminal.process.poll() is None
        terminal.sees("? help")
        terminal.types("s")
        assert terminal.wait() == INTERRUPTED
        terminal.sees("stopped by hand")
        assert gives_back(terminal)

    @staticmethod
    def is_whole(terminal):
        """Whether the screen's first row and its last one are where they belong."""
        with terminal.lock:
            first, *_, last = terminal.screen.display
        return " ▣ wigwag load" in first and "p pause" in last

    def test_a_terminal_that_answers_nothing_has_a_screen_too(self, load):
        terminal = load("-c", 2, "-r", 100, "-d", "600s", mute=True)
        terminal.sees("connections 2 open")
        terminal.types("s")
        assert terminal.wait() == INTERRUPTED
        terminal.sees("stopped by hand")
        assert gives_back(terminal)
