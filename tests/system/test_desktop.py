"""`wigwag-desktop` as a person meets it: the real window on a display of its own, a hand on its keyboard, an eye on its picture."""

import json
import os
import shutil
import struct
import subprocess

import pytest

from conftest import TARGET, clean_environment, wait_until

DESKTOP = TARGET / "debug" / "wigwag-desktop"
PATIENCE = 60

pytestmark = pytest.mark.skipif(
    not DESKTOP.exists() or not all(map(shutil.which, ("Xvfb", "xdotool", "xwd"))),
    reason="no window to test (cargo build -p wigwag-desktop), or Xvfb, xdotool or xwd is not here",
)


@pytest.fixture
def display(display_process):
    return display_process[0]


@pytest.fixture
def display_process():
    """A display that nobody sees, and who keeps it."""
    ours, theirs = os.pipe()
    # It would begin anew, and drop a window that is just connecting, whenever its last client leaves.
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as told:
        number = told.readline().strip()
    assert number, "Xvfb did not start"
    yield f":{number}", process
    process.terminate()
    process.wait(PATIENCE)


class Window:
    """A running window, at the display's upper left corner."""

    def __init__(self, display, home, *args, **settings):
        path = home / "wigwag" / "desktop.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if settings:
            path.write_text(json.dumps(settings))
        self.env = clean_environment(DISPLAY=display, XDG_CONFIG_HOME=str(home), WAYLAND_DISPLAY="")
        self.log = home / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([DESKTOP, *args], env=self.env, stdout=log, stderr=log)
        self.id = wait_until(self.find, "a window", PATIENCE)
        # Nobody manages the windows of this display: they are not given the keyboard by themselves.
        self.xdotool("windowfocus", "--sync", self.id)

    def find(self):
        assert self.process.poll() is None, self.log.read_text()
        found = self.xdotool("search", "--onlyvisible", "--name", "^wigwag$", check=False)
        return found.split()[-1] if found else None

    def xdotool(self, *args, check=True):
        done = subprocess.run(["xdotool", *args], env=self.env, capture_output=True, text=True, check=check)
        return done.stdout

    def keys(self, *keys):
        self.xdotool("key", "--clearmodifiers", *keys)

    def hears(self, server):
        """Waits until the window is connected and has the keyboard: a key that is pressed before goes nowhere."""

        def monitors():
            self.keys("ctrl+6")
            return server.metric("wigwag_connections", service="metrics/live") == 1

        wait_until(monitors, "the keyboard", PATIENCE)

    def picture(self):
        """The brightness of every tenth pixel, 0 to 255, row by row."""
        dump = subprocess.run(["xwd", "-silent", "-id", self.id], env=self.env, capture_output=True, check=True).stdout
        header, colours, line, height = (struct.unpack_from(">I", dump, 4 * field)[0] for field in (0, 19, 12, 5))
        start = header + 12 * colours
        rows = (dump[start + line * row : start + line * (row + 1)] for row in range(0, height, 10))
        return [max(row[pixel : pixel + 3]) for row in rows for pixel in range(0, line - 3, 40)]

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def window(display, tmp_path):
    windows = []

    def start(*args, **settings):
        windows.append(Window(display, tmp_path, *args, **settings))
        return windows[-1]

    yield start
    for one in windows:
        one.close()


def test_ten_thousand_messages_are_sent_from_the_window_and_counted_by_the_server(window, server):
    wigwag = window(f"{server.url}/random")
    wigwag.hears(server)
    wigwag.keys("ctrl+2")
    wigwag.keys("ctrl+Return")
    received = lambda: server.metric("wigwag_messages_received_total", service="random")
    wait_until(lambda: received() >= 10_000, "the messages", PATIENCE)
    wait_until(lambda: server.metric("wigwag_connections", service="random") == 1, "the end of the run", PATIENCE)
    assert received() == server.metric("wigwag_messages_sent_total", service="random") == 10_000
    assert wigwag.process.poll() is None


def test_what_is_typed_goes_out(window, server):
    wigwag = window(f"{server.url}/echo")
    wigwag.hears(server)

    def writes():
        # What is typed before the field has the keyboard is lost, as it is everywhere.
        wigwag.keys("ctrl+1")
        wigwag.xdotool("type", "hello")
        wigwag.keys("Return")
        return server.metric("wigwag_messages_received_total", service="echo") >= 1

    wait_until(writes, "a message", PATIENCE)


def test_services_are_reached_by_their_tabs(window, server):
    wigwag = window(f"{server.url}/random")
    wigwag.hears(server)
    for key, service in [("ctrl+4", "stream"), ("ctrl+5", "letters")]:
        wigwag.keys(key)
        wait_until(lambda: server.metric("wigwag_connections", service=service) == 1, service, PATIENCE)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_drawn_in_both_themes(window, theme):
    wigwag = window(theme=theme, url="ws://127.0.0.1:1/")

    def drawn():
        picture = wigwag.picture()
        paper = sorted(picture)[len(picture) // 2]
        return len(set(picture)) > 8 and (paper > 200 if theme == "light" else paper < 60)

    wait_until(drawn, f"a {theme} picture with something on it", PATIENCE)


def test_settings_last(window, server, tmp_path):
    wigwag = window(f"{server.url}/echo")
    wait_until(lambda: server.metric("wigwag_connections", service="echo") == 1, "a connection", PATIENCE)
    kept = wait_until(lambda: json.loads((tmp_path / "wigwag/desktop.json").read_text() or "{}"), "settings")
    assert kept["recent"] == [f"{server.url}/echo"]
    assert wigwag.process.poll() is None


def test_a_display_that_is_lost_is_said(window, display_process, server):
    wigwag = window(f"{server.url}/echo")
    wait_until(lambda: server.metric("wigwag_connections", service="echo") == 1, "a connection", PATIENCE)
    display_process[1].kill()
    assert wigwag.process.wait(PATIENCE) == 1
    assert wigwag.log.read_text().strip(), "why it ended"


def test_without_a_display_it_says_so(tmp_path):
    env = {name: value for name, value in clean_environment().items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET")}
    done = subprocess.run([DESKTOP], env={**env, "XDG_CONFIG_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "is there a display?" in done.stderr, done.stderr
    assert "panicked" not in done.stderr, done.stderr
