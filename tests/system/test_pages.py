"""The pages in Chromium, against the real server. Each exported function of `pages/*.mjs` is a flow, and a test here.

`WIGWAG_PICTURES=DIRECTORY` keeps the pictures that flows take; those of failed flows are always kept, beside pytest's
other temporary files.
"""

import json
import os
import queue
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from certificates import make_certificate
from conftest import HERE, clean_environment

FLOWS = HERE / "pages"
FLOW_SECONDS_MAX = 180


def flows():
    """The exported functions: (file, function)."""
    for file in sorted(FLOWS.glob("*.mjs")):
        if file.name not in ("run.mjs", "visit.mjs"):
            for name in re.findall(r"^export async function (\w+)", file.read_text(), re.M):
                yield pytest.param(file.stem, name, id=f"{file.stem}-{name}")


class Browser:
    """The process that drives Chromium. It is spoken to in lines of JSON (see `pages/run.mjs`)."""

    def __init__(self, node, chromium):
        self.process = subprocess.Popen(
            [node, FLOWS / "run.mjs", chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        self.lines = queue.Queue()
        self.hangs = False
        threading.Thread(target=self._read, daemon=True).start()
        assert "ready" in self.hear(60)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put({"failed": "the browser's process has ended"})

    def hear(self, seconds=FLOW_SECONDS_MAX):
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            self.hangs = True
            return {"failed": f"nothing was heard for {seconds} s"}

    def say(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def is_usable(self):
        return not self.hangs and self.process.poll() is None

    def end(self):
        # Chromium ends with it: the end of standard input closes the browser.
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def browsers(node, chromium):
    """Gives the browser, and a new one when the last flow left it hanging."""
    running = []

    def browser():
        if not running or not running[-1].is_usable():
            running.append(Browser(node, chromium))
        return running[-1]

    yield browser
    for one in running:
        one.end()


class Stage:
    """The servers of one flow, and what a flow may wish of them."""

    def __init__(self, serve, gateway, directory):
        self.serve, self.gateway, self.directory = serve, gateway, directory
        self.server = serve()
        # Where the pages come from: the server itself, or a gateway before it.
        self.front = self.server

    def kill(self):
        self.server.kill()

    def freeze(self):
        self.server.signal(signal.SIGSTOP)

    def thaw(self):
        self.server.signal(signal.SIGCONT)

    def start(self):
        again = self.serve(listen=f"127.0.0.1:{self.server.port}")
        self.front = again if self.front is self.server else self.front
        self.server = again

    def speak_tls(self):
        cert, key = make_certificate(self.directory, "wigwag")
        self.server = self.front = self.serve("--tls-cert", cert, "--tls-key", key)
        return self.front.http

    def put_gateway_before(self, flags):
        self.front = self.gateway(f"{self.server.url}/letters", *flags)
        return self.front.http

    def metric(self, name, labels):
        return self.front.metric(name, **labels)


@pytest.mark.parametrize(("file", "name"), flows())
def test_flow(browsers, serve, gateway, tmp_path, file, name):
    stage = Stage(serve, gateway, tmp_path)
    assert 'id="root"' in stage.server.get("/"), "the binary has the placeholder: run scripts/pages, then build it again"
    pictures = Path(os.environ.get("WIGWAG_PICTURES", tmp_path / "pictures")).resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    browser = browsers()
    browser.say(flow=file, name=name, url=stage.front.http, pictures=str(pictures))
    while "please" in (message := browser.hear()):
        browser.say(answer=getattr(stage, message.pop("please"))(**message))
    if "failed" in message:
        stage.thaw()
        pytest.fail(f"{message['failed']}\npictures: {pictures}", pytrace=False)
