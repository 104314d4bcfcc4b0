"""What the benchmarks share beside the catalogue: processes on their cores, ports, tables, the pages of docs/."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

from catalogue import OUT

START_TIMEOUT_SECONDS = 15
PORTS = 100


@contextlib.contextmanager
def started(server, name, port, core, upstream=None):
    """The process, listening, and its port; ended afterwards. What it wrote last is added to what goes wrong."""
    config = OUT / f"{name}.conf"
    places = {"{port}": str(port), "{upstream}": str(upstream), "{config}": str(config)}
    config.write_text(filled(server.config, places))
    command = [filled(word, places) for word in server.command]
    environment = {**os.environ, **(server.env or {})}
    with open(OUT / f"{name}.log", "w+") as log:
        # A session of its own: ctrl-c is for us, and we end what we started.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                   start_new_session=True, preexec_fn=on_core(core))
        try:
            wait_until_listening(process, port)
            yield process, port
        except RuntimeError as error:
            log.seek(0)
            tail = log.read().strip().splitlines()[-2:]
            raise RuntimeError(" / ".join([str(error), *tail])) from None
        finally:
            end(process)


def filled(text, places):
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def end(process):
    """Ends a process of ours with what it started: it has a session of its own, and so a group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def on_core(core):
    return lambda: os.sched_setaffinity(0, {core})


def wait_until_listening(process, port):
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at once with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the server does not listen after {START_TIMEOUT_SECONDS} s")


def free_ports(first):
    """Ports from the first on, round and round, leaving out those that are taken."""
    while True:
        before = time.monotonic()
        for port in range(first, first + PORTS):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            yield port
        if time.monotonic() - before < 0.1:
            raise SystemExit(f"no free port between {first} and {first + PORTS - 1}: choose with --port")


def descriptors_raised():
    """Raises the limit, which what is started inherits, as far as it goes; gives what it is then."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return float("inf") if hard == resource.RLIM_INFINITY else hard


# ---- what is said ----


def cells(header, rows):
    """A Markdown table, padded so that it reads on a terminal too."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    pad = lambda row: "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |"
    return "\n".join([pad(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(pad, rows)])


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def replace_part(page, part, words):
    """Puts the words between the page's marks for the part."""
    begin, finish = f"<!-- {part}:begin -->", f"<!-- {part}:end -->"
    head, rest = page.read_text().split(begin)
    page.write_text(f"{head}{begin}\n{words}{finish}{rest.split(finish)[1]}")


# ---- the command ----


def names_of(kind, known, groups={}):
    def parse(text):
        names = [name.strip() for name in text.split(",") if name.strip()]
        names = [name for word in names for name in groups.get(word, [word])]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {kind} {name}; there are {', '.join(known)}")
        return names

    return parse


def add_place_options(add, port):
    """The options that say where things run."""
    cores = sorted(os.sched_getaffinity(0))
    add("--wigwag", metavar="PATH", help="the wigwag binary (default: target/release/wigwag)")
    add("--port", type=int, default=port, help=f"first of {PORTS} ports that may be used (default: {port})")
    add("--cores", type=lambda text: [int(core) for core in text.split(",")], default=[cores[0], cores[1 % len(cores)]],
        metavar="SERVER,GENERATOR", help="the cores to pin to (default: the first two); upstreams share the generator's")
