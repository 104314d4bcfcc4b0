"""What bench/run.py can measure: servers, proxies before a server, and how each is installed and started."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
OUT = BENCH / "out"
PEERS = BENCH / "peers"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or OUT / "target").resolve()
ROOT_TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()

# Exact versions, so that two runs compare the same things; the Rust peers have theirs in Cargo.lock.
BUN_VERSION = "1.4.5"
WS_VERSION, BUFFERUTIL_VERSION = "8.23.0", "4.1.0"
WEBSOCKETS_VERSION, UVLOOP_VERSION = "17.4", "0.23.0"
# The crate carries the C++ sources of uWebSockets and uSockets, as they stood when it was published.
UWEBSOCKETS_CRATE, UWEBSOCKETS_VERSION, UWEBSOCKETS_DATE = "libuwebsockets-sys", "0.0.10", "February 2024"


class Unavailable(Exception):
    """Something that cannot be had here; the text says why."""


@dataclass
class Server:
    """How a server is started ({port} is replaced) and what it calls itself.

    One that stands before another has an `upstream`, whose port replaces {upstream}; where it reads a file, `config` is
    the file's text, which is written to {config}.
    """

    title: str
    command: list
    path: str = "/"
    env: dict | None = None
    upstream: Server | None = None
    config: str = ""
    # Work is done by a child process: it is the one that is measured.
    has_worker: bool = False
    # Runs beside the generator, as upstreams do.
    aside: bool = False


def say(text):
    print(text, file=sys.stderr, flush=True)


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


def built_peer(binary):
    """Builds all Rust peers at once, for they share most of it; alone only where that fails. The binary's path."""
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
    return str(TARGET / "release" / binary)


def rust(binary, *arguments, note=()):
    path = built_peer(binary)
    lines = (PEERS / "Cargo.lock").read_text().splitlines()
    version = lines[lines.index(f'name = "{binary}"') + 1].split('"')[1]
    return Server(" ".join([binary, version, *note]), [path, "{port}", *arguments])


def epoll_echo(*arguments):
    """Of no library: the floor that `wigwag load` is measured against."""
    return Server("epoll-echo", [built_peer("epoll-echo"), "{port}", *arguments])


def uwebsockets():
    """uWebSockets itself, in C++ on epoll: its sources, which a crate carries, with a main function of ours."""
    binary = OUT / "uws" / f"uws-{UWEBSOCKETS_VERSION}"
    peer = PEERS / "cpp" / "uws.cpp"
    if not binary.exists() or binary.stat().st_mtime < peer.stat().st_mtime:
        library = crate_sources(UWEBSOCKETS_CRATE, UWEBSOCKETS_VERSION) / "uWebSockets"
        headers = ["-I", str(library / "src"), "-I", str(library / "uSockets" / "src")]
        # The flags of its own build; TLS and compression, which nobody uses here, are left out with what they need.
        common = ["-O3", "-march=native", "-flto=auto", "-DLIBUS_NO_SSL", *headers]
        objects = []
        for source in ["bsd", "context", "loop", "socket", "udp", "eventing/epoll_kqueue"]:
            objects.append(str(OUT / "uws" / f"{Path(source).name}.o"))
            install(["gcc", "-std=c11", *common, "-c", str(library / "uSockets" / "src" / f"{source}.c"), "-o", objects[-1]])
        install(["g++", "-std=c++20", "-DUWS_NO_ZLIB", *common, str(peer), *objects, "-o", str(binary)])
    return Server(f"uWebSockets (C++, {UWEBSOCKETS_DATE})", [str(binary), "{port}"])


def crate_sources(name, version):
    """Where cargo keeps the sources of a crate, which it fetches if it has to; nothing of it is built."""
    place = OUT / "uws"
    place.mkdir(parents=True, exist_ok=True)
    manifest = place / "Cargo.toml"
    manifest.write_text(f'[package]\nname = "fetch"\nedition = "2024"\n[lib]\npath = "/dev/null"\n[dependencies]\n{name} = "={version}"\n[workspace]\n')
    if shutil.which("cargo") is None:
        raise Unavailable("cargo is not installed")
    done = subprocess.run(["cargo", "metadata", "--quiet", "--format-version", "1", "--manifest-path", str(manifest)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable("cargo failed: " + " / ".join(done.stderr.strip().splitlines()[-2:]))
    return next(Path(package["manifest_path"]).parent for package in json.loads(done.stdout)["packages"] if package["name"] == name)


def npm(place, packages, *options):
    """Installs packages ({name: version}) into bench/out/PLACE, with npm's options; returns their node_modules."""
    modules = OUT / place / "node_modules"
    manifests = {modules / name / "package.json": version for name, version in packages.items()}
    if not all(path.exists() and json.loads(path.read_text())["version"] == wanted for path, wanted in manifests.items()):
        modules.parent.mkdir(parents=True, exist_ok=True)
        install(["npm", "install", "--prefix", str(modules.parent), "--no-save", "--no-package-lock", "--no-audit",
                 "--no-fund", "--loglevel=error", *options, *(f"{name}@{version}" for name, version in packages.items())])
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


# Set by who knows better.
wigwag_binary = ROOT_TARGET / "release" / "wigwag"


def wigwag(*arguments, **more):
    path = Path(wigwag_binary)
    if not path.exists():
        raise Unavailable("there is no binary: build it with cargo build --release --bin wigwag, or use --wigwag PATH")
    title = subprocess.run([str(path), "--version"], capture_output=True, text=True).stdout.strip() or "wigwag"
    arguments = arguments or ("serve", "--listen", "127.0.0.1:{port}", "--workers", "1")
    return Server(title, [str(path.resolve()), *arguments], path="/random", **more)


SERVERS = {
    "wigwag": (wigwag, "wigwag serve --workers 1, everything else default, route /random"),
    "uwebsockets": (uwebsockets, "uWS::App, defaults but a largest message of 1 MiB; it corks the answers of one read by itself"),
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


# ---- proxies: each before the same wigwag serve ----


def debian(binary, *packages):
    """A program of Debian's: the one that is installed, or its packages unpacked into bench/out/debian, unconfigured."""
    path = shutil.which(binary, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path:
        return path, {}
    place = OUT / "debian"
    path = place / "root" / "usr" / "sbin" / binary
    if not path.exists():
        say(f"{binary} is not installed: unpacking Debian's {', '.join(packages)} into {place}")
        place.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0 and not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
            install(["apt-get", "update", "-qq"])
        install(["apt-get", "download", "-qq", *packages], cwd=place)
        for package in sorted(place.glob("*.deb")):
            install(["dpkg-deb", "-x", str(package), str(place / "root")])
    libraries = ":".join(str(folder) for folder in (place / "root" / "usr" / "lib").glob("*-linux-*"))
    return str(path), {"LD_LIBRARY_PATH": libraries}


def version(path, env, *arguments):
    """What a program says of itself, on whichever output."""
    done = subprocess.run([path, *arguments], capture_output=True, text=True, env={**os.environ, **env})
    return (done.stdout + done.stderr).strip().splitlines()[0]


def direct():
    return replace(wigwag(), title="no proxy", aside=True)


def wigwag_gateway():
    # Only /random is asked for: a gateway that relays all services would do no more for it.
    arguments = ["gateway", "--listen", "127.0.0.1:{port}", "--upstream", "ws://127.0.0.1:{upstream}/random", "--workers", "1"]
    found = wigwag(*arguments, upstream=direct())
    return replace(found, title=f"{found.title} gateway")


def nginx(buffers=""):
    path, env = debian("nginx", "nginx")
    title = version(path, env, "-v").rpartition("/")[2] + (" (tuned)" if buffers else "")
    places = "".join(f" {name}_temp_path {OUT / 'nginx'}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi", "client_body"))
    (OUT / "nginx").mkdir(parents=True, exist_ok=True)
    config = f"""
daemon off; worker_processes 1; pid {OUT / 'nginx'}/pid; error_log stderr error;
events {{ worker_connections 16384; }}
http {{
    access_log off;{places} {buffers}
    server {{
        listen 127.0.0.1:{{port}} backlog=4096;
        location / {{
            proxy_pass http://127.0.0.1:{{upstream}};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""
    command = [path, "-p", str(OUT / "nginx"), "-c", "{config}", "-e", "stderr"]
    return Server(f"nginx {title}", command, path="/random", env=env, upstream=direct(), config=config, has_worker=True)


def haproxy(buffers=""):
    path, env = debian("haproxy", "haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
    title = version(path, env, "-v").split()[2] + (" (tuned)" if buffers else "")
    config = f"""
global
    nbthread 1
    maxconn 8192
    {buffers}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend front
    bind 127.0.0.1:{{port}} backlog 4096
    default_backend back
backend back
    server upstream 127.0.0.1:{{upstream}}
"""
    command = [path, "-db", "-f", "{config}"]
    return Server(f"HAProxy {title}", command, path="/random", env=env, upstream=direct(), config=config)


PROXIES = {
    "direct": (direct, "wigwag serve --workers 1 without a proxy, on the generator's core: for the latency only"),
    "gateway": (wigwag_gateway, "wigwag gateway --workers 1, everything else default"),
    "nginx": (nginx, "one worker, default buffers, time-outs of an hour"),
    "nginx-tuned": (
        lambda: nginx("proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; client_header_buffer_size 32k;"),
        "the same with buffers of 32 KiB each way"),
    "haproxy": (haproxy, "one thread, mode http, time-outs of an hour, default buffers"),
    "haproxy-tuned": (lambda: haproxy("tune.bufsize 32768"), "the same with buffers of 32 KiB"),
}

CATALOGUE = {**SERVERS, **PROXIES}
