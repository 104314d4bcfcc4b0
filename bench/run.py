#!/usr/bin/env python3
"""WebSocket servers side by side: CPU time per message, each against one baseline in the same round.

Every run is a fresh server process on one core and the generator on another, over loopback. Servers take turns
within a round, so that a drift of the machine touches all of them alike. The result is a ratio:

    ratio = CPU per message of the baseline / CPU per message of the server      (above 1 is better than the baseline)

workloads
  A  64 connections, 1 message in flight, 16 B        D  10,000 connections, 1 in flight, 16 B
  B  64 connections, 16 in flight, 16 B               E  10,000 connections, one message each, then idle: memory
  C  64 connections, 1 in flight, 16 KiB              F  TCP connect, upgrade, close: CPU per connection

examples
  bench/run.py                                        everything that can be had, five rounds
  bench/run.py --workload A,B --server wigwag,bun     two servers, two workloads
  bench/run.py --rounds 1 --seconds 1                 a quick look; the ratios are rough
  bench/run.py --docs                                 also rewrite the tables of docs/bench.md
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
OUT = BENCH / "out"
PEERS = BENCH / "peers"
DOCS = ROOT / "docs" / "bench.md"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or OUT / "target").resolve()
ROOT_TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()

WORKLOADS = "ABCDEF"
MANY_CONNECTIONS = "DE"
DESCRIPTORS_MIN = 10_200
# Exact versions, so that two runs compare the same things; the Rust peers have theirs in Cargo.lock.
BUN_VERSION = "1.4.5"
WS_VERSION, BUFFERUTIL_VERSION = "8.23.0", "4.1.0"
WEBSOCKETS_VERSION, UVLOOP_VERSION = "17.4", "0.23.0"
MARK_BEGIN, MARK_END = "<!-- bench:begin -->", "<!-- bench:end -->"
START_TIMEOUT_SECONDS = 15
GENERATOR_TIMEOUT_SECONDS = 180
PORTS = 100


class Unavailable(Exception):
    """Something that cannot be had here; the text says why."""


@dataclass
class Server:
    """How a server is started ({port} is replaced) and what it calls itself."""

    title: str
    command: list
    path: str = "/"
    env: dict | None = None


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- what can be had ----


def install(command, **options):
    """Runs an install or a build; Unavailable, with the end of what it printed, if it fails."""
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed")
    say("+ " + shlex.join(command))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} failed: " + " / ".join(done.stdout.strip().splitlines()[-4:]))


def cargo(*arguments):
    command = ["cargo", "build", "--release", "--locked", "--quiet", *arguments]
    install(command, cwd=PEERS, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})


def build_generator():
    cargo("--no-default-features", "--bin", "generator")
    return TARGET / "release" / "generator"


rust_peers_built = None


def rust_peer(binary):
    """Builds all Rust peers at once, for they share most of it; alone only where that fails."""
    global rust_peers_built
    if rust_peers_built is None:
        try:
            cargo()
            rust_peers_built = True
        except Unavailable as reason:
            say(f"not all Rust peers build ({reason}); trying one at a time")
            rust_peers_built = False
    if not rust_peers_built:
        cargo("--no-default-features", "--features", binary, "--bin", binary)
    lines = (PEERS / "Cargo.lock").read_text().splitlines()
    version = lines[lines.index(f'name = "{binary}"') + 1].split('"')[1]
    return str(TARGET / "release" / binary), version


def rust(binary, *arguments, note=()):
    path, version = rust_peer(binary)
    return Server(" ".join([binary, version, *note]), [path, "{port}", *arguments])


def npm(place, packages):
    """Installs packages ({name: version}) into bench/out/PLACE; returns their node_modules."""
    modules = OUT / place / "node_modules"
    manifests = {modules / name / "package.json": version for name, version in packages.items()}
    if not all(path.exists() and json.loads(path.read_text())["version"] == wanted for path, wanted in manifests.items()):
        modules.parent.mkdir(parents=True, exist_ok=True)
        install(["npm", "install", "--prefix", str(modules.parent), "--no-save", "--no-package-lock", "--no-audit",
                 "--no-fund", "--loglevel=error", *(f"{name}@{version}" for name, version in packages.items())])
    return modules


def bun():
    machine = {"x86_64": "x64", "aarch64": "aarch64"}.get(platform.machine())
    if machine is None:
        raise Unavailable(f"there is no Bun for {platform.machine()}")
    if machine == "x64" and "avx2" not in Path("/proc/cpuinfo").read_text():
        machine = "x64-baseline"
    package = f"@oven/bun-linux-{machine}"
    binary = npm("bun", {package: BUN_VERSION}) / package / "bin" / "bun"
    return Server(f"Bun {BUN_VERSION} (uWebSockets inside)", [str(binary), str(PEERS / "js" / "bun.js"), "{port}"])


def node_ws():
    if shutil.which("node") is None:
        raise Unavailable("node is not installed")
    modules = npm("ws", {"ws": WS_VERSION, "bufferutil": BUFFERUTIL_VERSION})
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip().lstrip("v")
    title = f"ws {WS_VERSION} + bufferutil (Node {node})"
    return Server(title, ["node", str(PEERS / "js" / "ws.js"), "{port}"], env={"NODE_PATH": str(modules)})


def python_websockets():
    packages = {"websockets": WEBSOCKETS_VERSION, "uvloop": UVLOOP_VERSION}
    place = OUT / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if not all((place / f"{name}-{version}.dist-info").exists() for name, version in packages.items()):
        install([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target",
                 str(place), *(f"{name}=={version}" for name, version in packages.items())])
    title = f"python websockets {WEBSOCKETS_VERSION} + uvloop (Python {platform.python_version()})"
    command = [sys.executable, str(PEERS / "python" / "peer.py"), "{port}"]
    return Server(title, command, env={"PYTHONPATH": str(place)})


def wigwag():
    path = Path(options.wigwag) if options.wigwag else ROOT_TARGET / "release" / "wigwag"
    if not path.exists():
        raise Unavailable("there is no binary: build it with cargo build --release --bin wigwag, or use --wigwag PATH")
    title = subprocess.run([str(path), "--version"], capture_output=True, text=True).stdout.strip() or "wigwag"
    return Server(title, [str(path.resolve()), "serve", "--listen", "127.0.0.1:{port}", "--workers", "1"], path="/random")


CATALOGUE = {
    "wigwag": (wigwag, "wigwag serve --workers 1, everything else default, route /random"),
    "bun": (bun, "Bun.serve, defaults: it corks the answers of one read by itself"),
    "fastwebsockets": (lambda: rust("fastwebsockets"), "behind hyper, FragmentCollector; it writes each answer at once"),
    "sockudo-ws": (lambda: rust("sockudo-ws"), "Config::default(); flushed once per batch"),
    "tokio-websockets": (lambda: rust("tokio-websockets"), "defaults; fed in batches, but it flushes before it reads on"),
    "tokio-tungstenite": (
        lambda: rust("tokio-tungstenite", "8192", note=["(tuned)"]), "read_buffer_size 8192; flushed once per batch"),
    "tokio-tungstenite-default": (
        lambda: rust("tokio-tungstenite", note=["(default)"]), "default buffers (128 KiB); flushed once per batch"),
    "ws": (node_ws, "defaults (no compression), with bufferutil"),
    "websockets": (python_websockets, "asyncio server on uvloop, compression=None"),
}


def gather(names):
    """The servers that can be had, by name; a plain word about each that cannot."""
    servers, missing = {}, {}
    for name in names:
        try:
            servers[name] = CATALOGUE[name][0]()
        except Unavailable as reason:
            missing[name] = str(reason)
            say(f"without {name}: {reason}")
    return servers, missing


# ---- one run ----


def measure(server, workload, port, generator):
    """Starts the server afresh on its core, loads it from the other, returns what the generator says."""
    command = [word.replace("{port}", str(port)) for word in server.command]
    environment = {**os.environ, **(server.env or {})}
    with open(OUT / "server.log", "w+") as log:
        # A session of its own: ctrl-c is for us, and we end what we started.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                   start_new_session=True, preexec_fn=on_core(options.cores[0]))
        try:
            wait_until_listening(process, port)
            return generate(server, workload, port, process.pid, generator)
        except RuntimeError as error:
            log.seek(0)
            tail = log.read().strip().splitlines()[-2:]
            raise RuntimeError(" / ".join([str(error), *tail])) from None
        finally:
            process.kill()
            process.wait()


def generate(server, workload, port, pid, generator):
    command = [str(generator), f"127.0.0.1:{port}", server.path, str(pid), workload, str(options.seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, preexec_fn=on_core(options.cores[1]))
    try:
        out, err = process.communicate(timeout=GENERATOR_TIMEOUT_SECONDS + 3 * options.seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError("the generator did not end in time") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise RuntimeError(err.strip() or f"the generator ended with {process.returncode}")
    return json.loads(out)


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


def free_ports():
    """Ports from --port on, round and round, leaving out those that are taken."""
    while True:
        before = time.monotonic()
        for port in range(options.port, options.port + PORTS):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            yield port
        if time.monotonic() - before < 0.1:
            raise SystemExit(f"no free port between {options.port} and {options.port + PORTS - 1}: choose with --port")


# ---- all runs ----


def run_all(servers, generator, runs):
    """Fills `runs[workload][server]` with one result (or None) per round; so much is there if it is interrupted."""
    ports = free_ports()
    total = len(options.workload) * options.rounds * len(servers)
    done = 0
    names = list(servers)
    for workload in options.workload:
        cell = runs.setdefault(workload, {name: [] for name in names})
        failed = set()
        for turn in range(options.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                done += 1
                if name in failed:
                    continue
                try:
                    result = measure(servers[name], workload, next(ports), generator)
                    word = describe(result)
                except RuntimeError as error:
                    failed.add(name)
                    result, word = {"error": str(error)}, f"failed, left out of {workload}: {error}"
                cell[name].append(result)
                say(f"[{done}/{total}] {workload} round {turn + 1} {name}: {word}")


def describe(result):
    if "bytes_per_connection" in result:
        return f"{result['bytes_per_connection']:,.0f} bytes per connection"
    return (f"{result['server_cpu_ns'] / 1000:.2f} µs, {result['per_second']:,} a second, "
            f"server {result['server_share']:.0%}, generator {result['generator_share']:.0%}")


def summarise(runs):
    """Medians per workload and server; ratios are taken within a round first."""
    summary = {}
    for workload, cell in runs.items():
        base = cell.get(options.baseline, [])
        for name, results in cell.items():
            good = [result for result in results if "error" not in result]
            if not good or len(good) < len(results):
                continue
            row = {key: statistics.median(result[key] for result in good) for key in good[0]}
            if "server_cpu_ns" in row:
                ratios = [a["server_cpu_ns"] / b["server_cpu_ns"] for a, b in zip(base, results) if "error" not in a]
                if ratios:
                    row.update(ratio=statistics.median(ratios), ratio_min=min(ratios), ratio_max=max(ratios))
                row["limited_by"] = limited_by(row)
            summary.setdefault(workload, {})[name] = row
    return summary


def limited_by(row):
    return " and ".join(who for who in ("server", "generator") if row[f"{who}_share"] >= 0.9) or "neither"


# ---- what is said ----


def cells(header, rows):
    """A Markdown table, padded so that it reads on a terminal too."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    pad = lambda row: "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |"
    return "\n".join([pad(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(pad, rows)])


def ratio_table(summary, servers):
    header = ["server", *(f"{workload} bytes" if workload == "E" else workload for workload in summary)]
    rows = []
    for name, server in servers.items():
        row = [server.title + (" (baseline)" if name == options.baseline else "")]
        for workload in summary:
            found = summary[workload].get(name)
            if found is None:
                row.append("failed")
            elif workload == "E":
                row.append(f"{found['bytes_per_connection']:,.0f}")
            elif name == options.baseline:
                row.append(f"1.00 ({found['server_cpu_ns'] / 1000:.2f} µs)")
            elif "ratio" in found:
                spread = f" ({found['ratio_min']:.2f}–{found['ratio_max']:.2f})" if options.rounds > 1 else ""
                row.append(f"{found['ratio']:.2f}{spread}")
            else:
                row.append(f"{found['server_cpu_ns'] / 1000:.2f} µs")
        rows.append(row)
    return cells(header, rows)


def detail_table(summary):
    header = ["workload", "server", "CPU µs", "a second", "server busy", "generator busy", "full core"]
    rows = [[workload, name, f"{row['server_cpu_ns'] / 1000:.2f}", f"{row['per_second']:,.0f}",
             f"{row['server_share']:.0%}", f"{row['generator_share']:.0%}", row["limited_by"]]
            for workload, found in summary.items() for name, row in found.items() if "server_cpu_ns" in row]
    return cells(header, rows) if rows else ""


def report(facts, summary, servers):
    lines = [
        f"Measured {facts['date']} on {facts['machine']}.",
        f"Command: `{facts['command']}`.", "",
        f"CPU per message of {options.baseline} ÷ CPU per message of the server: above 1 is better than "
        f"{options.baseline}. Median of {facts['rounds']} round(s) of {options.seconds:g} s, in brackets the smallest and "
        "the largest; E is user-space bytes per idle connection, smaller is better.",
        "", ratio_table(summary, servers), "",
        "Per message (F: per connection). Where neither side filled its core, something else ran on the machine: "
        "trust such a row less.", "", detail_table(summary), "", "Configurations:", "",
        *(f"- {name}: {CATALOGUE[name][1]}" for name in servers),
        *(f"- left out: {name}: {reason}" for name, reason in facts["missing"].items()),
    ]
    return "\n".join(lines) + "\n"


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def write(facts, summary, servers, runs):
    text = report(facts, summary, servers)
    print(text)
    (OUT / "result.json").write_text(json.dumps({**facts, "summary": summary, "runs": runs}, indent=1) + "\n")
    (OUT / "result.md").write_text(text)
    say(f"written: {OUT / 'result.json'}, {OUT / 'result.md'}")
    if options.docs:
        page = DOCS.read_text()
        head, rest = page.split(MARK_BEGIN)
        DOCS.write_text(f"{head}{MARK_BEGIN}\n{text}{MARK_END}{rest.split(MARK_END)[1]}")
        say(f"written: {DOCS}")


# ---- the command ----


def names_of(kind, known):
    def parse(text):
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {kind} {name}; there are {', '.join(known)}")
        return names

    return parse


def parse_options():
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", type=names_of("workload", WORKLOADS), default=list(WORKLOADS), metavar="A,B,…", help="default: all")
    add("--server", type=names_of("server", CATALOGUE), default=list(CATALOGUE), metavar="NAME,…", help="see --list")
    add("--baseline", choices=CATALOGUE, default="bun", metavar="NAME", help="what the ratios are against (default: bun)")
    add("--rounds", type=int, default=5, help="default: 5")
    add("--seconds", type=float, default=2, help="measured time of one run, after a quarter of it as warm-up (default: 2)")
    add("--wigwag", metavar="PATH", help="the wigwag binary (default: target/release/wigwag)")
    add("--port", type=int, default=18700, help=f"first of {PORTS} ports that may be used (default: 18700)")
    add("--cores", type=lambda text: [int(core) for core in text.split(",")], default=[cores[0], cores[1 % len(cores)]],
        metavar="SERVER,GENERATOR", help="the cores to pin to (default: the first two)")
    add("--docs", action="store_true", help="rewrite the tables in docs/bench.md")
    add("--list", action="store_true", help="list the servers and their configurations, and end")
    found = parser.parse_args()
    if found.rounds < 1 or found.seconds <= 0 or len(found.cores) != 2:
        parser.error("--rounds and --seconds must be positive, --cores takes two numbers")
    if found.baseline not in found.server:
        found.server.append(found.baseline)
    return found


def raise_descriptor_limit():
    """Servers and generator inherit it. Leaves out what the hard limit does not allow."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS_MIN:
        say(f"without {MANY_CONNECTIONS}: {hard} descriptors are allowed, {DESCRIPTORS_MIN} are needed (ulimit -Hn)")
        options.workload = [workload for workload in options.workload if workload not in MANY_CONNECTIONS]


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    if options.list:
        for name, (_, note) in CATALOGUE.items():
            print(f"{name:26} {note}")
        return 0
    signal.signal(signal.SIGTERM, interrupt)
    OUT.mkdir(parents=True, exist_ok=True)
    raise_descriptor_limit()
    runs, servers, missing, status = {}, {}, {}, 0
    try:
        generator = build_generator()
        servers, missing = gather(options.server)
        if options.cores[0] == options.cores[1]:
            say("warning: server and generator share one core; the figures are worth little")
        run_all(servers, generator, runs)
    except Unavailable as reason:
        say(f"without a generator nothing can be measured: {reason}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; this is what was measured")
        status = 130
    summary = summarise(runs)
    if not summary:
        sys.exit("nothing was measured")
    rounds = max(len(results) for cell in runs.values() for results in cell.values())
    # The page is for all: paths of this machine do not belong there.
    words = [Path(word).name if os.path.isabs(word) else word for word in sys.argv[1:]]
    facts = {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": rounds,
             "seconds": options.seconds, "baseline": options.baseline, "missing": missing,
             "versions": {name: server.title for name, server in servers.items()},
             "command": shlex.join(["bench/run.py", *words])}
    options.docs = options.docs and status == 0  # Half a measurement does not replace a whole one.
    write(facts, summary, servers, runs)
    return status


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        sys.exit("bench/run.py reads CPU times as Linux gives them; it does not run elsewhere")
    options = parse_options()
    sys.exit(main())
