#!/usr/bin/env python3
"""Runs the Autobahn test-suite against a WebSocket server, a client, or a gateway before a server. README.md says how and what for.

Exit code: 0 all cases passed, 1 some did not, 2 the run could not be carried out.
"""

import argparse
import contextlib
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Callable, Dict, List, Optional
from urllib.parse import urlsplit

import cases as suite
import engines
import verdict
from processes import STOPPED, Child, Deadline, RunError, free_port, running, wait_for_accept, wait_for_exit

HERE = Path(__file__).resolve().parent
REPORT_SECONDS = 60


def without_folder(command: Optional[str]) -> str:
    """The command as a record shows it: where the program lies differs from machine to machine."""
    program, _, rest = (command or "").partition(" ")
    return " ".join(filter(None, [Path(program).name, rest]))


def main() -> int:
    options = _options()
    # So that `finally` ends the children when this program is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return _run(options)
    except RunError as error:
        print(f"compliance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _run(options: argparse.Namespace) -> int:
    wanted = _chosen_cases(options)
    engine = engines.install(options.engine, options.python27)
    name = options.role
    if options.role != "client" and urlsplit(options.url).scheme == "wss":
        name += "-tls"
        if not engine.speaks_tls:
            raise RunError(f"{engine.name} speaks no TLS; a wss run needs the Autobahn test-suite (Python 2.7)")
    out = options.out / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    print(f"{name}: {len(wanted)} cases with {engine.version}; reports in {out}", file=sys.stderr)

    deadline = Deadline(options.timeout)
    if options.role == "client":
        _test_client(options, engine, wanted, out, deadline)
    else:
        _test_server(options, engine, wanted, out, deadline)
    return _judge(options, name, engine.version, wanted, out)


def _test_server(options, engine, wanted: List[str], out: Path, deadline: Deadline) -> None:
    url = options.url
    with contextlib.ExitStack() as stack:
        server, upstream = None, None
        command = options.command
        if options.role == "gateway":
            behind = free_port()
            argv = shlex.split(options.upstream.replace("{port}", str(behind)))
            upstream = stack.enter_context(running("upstream", argv, out / "upstream.log"))
            wait_for_accept(upstream, "127.0.0.1", behind, deadline)
            command = command.replace("{upstream}", str(behind))
        if command:
            port = str(free_port())
            url = url.replace("{port}", port)
            argv = shlex.split(command.replace("{port}", port))
            server = stack.enter_context(running(f"{options.role} under test", argv, out / "server-under-test.log"))
            at = urlsplit(url)
            wait_for_accept(server, at.hostname, at.port, deadline)
        fuzzer = stack.enter_context(
            running("fuzzing client", engine.against_server(url, wanted, out), out / "engine.log", cwd=out)
        )
        others = [child for child in (server, upstream) if child]
        code = wait_for_exit(fuzzer, others, deadline, _progress(fuzzer, len(wanted)))
        if code != 0 and not (out / "index.json").exists():
            raise fuzzer.ended_early()
        for child in others:
            if child.exit_code() is not None or child.stop() not in STOPPED:
                raise child.ended_early()


def _test_client(options, engine, wanted: List[str], out: Path, deadline: Deadline) -> None:
    port = free_port()
    argv = shlex.split(options.command.replace("{port}", str(port)))
    with running("fuzzing server", engine.against_client(port, wanted, out), out / "engine.log", cwd=out) as fuzzer:
        wait_for_accept(fuzzer, "127.0.0.1", port, deadline)
        with running("client under test", argv, out / "client-under-test.log") as client:
            others = [] if engine.server_ends_by_itself else [fuzzer]
            if wait_for_exit(client, others, deadline, _progress(fuzzer, len(wanted))) != 0:
                raise client.ended_early()
        if engine.server_ends_by_itself:
            _wait_for_report(fuzzer, deadline)


def _wait_for_report(fuzzer: Child, deadline: Deadline) -> None:
    try:
        wait_for_exit(fuzzer, [], Deadline(min(REPORT_SECONDS, deadline.left())))
    except RunError as error:
        raise RunError(f"no report came: did the client under test ask for /updateReports? ({error})") from error


def _judge(options, name: str, version: str, wanted: List[str], out: Path) -> int:
    found = verdict.read(out)
    problems = verdict.problems(found, wanted)
    for problem in problems:
        print(problem)
    print(verdict.summary(name, found))
    if options.save:
        about: Dict[str, str] = {"role": options.role, "engine": version, "command": without_folder(options.command)}
        if options.role != "client":
            about["url"] = options.url
        if options.role == "gateway":
            about["upstream"] = without_folder(options.upstream)
        if options.testee:
            about["testee"] = options.testee
        verdict.write_record(HERE / "results" / f"{name}.json", about, found)
    return 1 if problems else 0


def _chosen_cases(options: argparse.Namespace) -> List[str]:
    exclude = options.exclude + (suite.SLOW if options.quick else [])
    try:
        chosen = suite.select(options.cases or ["*"], exclude)
    except ValueError as error:
        raise RunError(str(error)) from error
    if not chosen:
        raise RunError("no case is left to run")
    return chosen


def _progress(engine: Child, total: int) -> Callable[[], None]:
    """Shows on a terminal how far the engine is, by the lines that it logs; kosoku logs none."""
    if not sys.stderr.isatty():
        return lambda: None
    state = {"position": 0, "cases": 0}

    def show() -> None:
        with engine.log.open("rb") as log:
            log.seek(state["position"])
            new = log.read()
        state["position"] += len(new)
        begun = new.count(b"Running test case ID")
        if begun:
            state["cases"] += begun
            done = state["cases"] == total
            print(f"\r{state['cases']}/{total}", end="\n" if done else "", file=sys.stderr, flush=True)

    return show


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the Autobahn test-suite (see README.md beside this file).")
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("server", help="test a server")
    server.add_argument("--command", help="starts the server under test; {port} is a free port. Without: it runs already")
    server.add_argument("--url", required=True, help="where to connect, e.g. ws://127.0.0.1:{port}/echo")
    server.add_argument("--insecure", action="store_true", help="required for wss: the certificate is not verified")
    client = roles.add_parser("client", help="test a client")
    client.add_argument("--command", required=True, help="the client under test; {port} is the fuzzing server's port")
    gateway = roles.add_parser("gateway", help="test a gateway before a server that echoes")
    gateway.add_argument("--upstream", required=True, help="starts the server behind it; {port} is a free port")
    gateway.add_argument("--command", required=True, help="the gateway under test; {port} as above, {upstream} is the other's")
    gateway.add_argument("--url", required=True, help="where to connect, e.g. ws://127.0.0.1:{port}/ws")
    gateway.add_argument("--insecure", action="store_true", help="required for wss: the certificate is not verified")
    for role in (server, client, gateway):
        role.add_argument("--quick", action="store_true", help="leave out 9.*, 12.* and 13.*")
        role.add_argument("--cases", type=_patterns, default=[], help="only these, e.g. '1.*,7.1.6'")
        role.add_argument("--exclude", type=_patterns, default=[], help="not these")
        role.add_argument("--engine", choices=["auto", "autobahn", "kosoku"], default="auto")
        role.add_argument("--python27", help="the Python 2.7 to use for the Autobahn test-suite")
        role.add_argument("--timeout", type=float, default=3600, metavar="S", help="for the whole run (default: 3600)")
        role.add_argument("--out", type=Path, default=HERE / "out", help="full reports go here (default: compliance/out)")
        role.add_argument("--save", action="store_true", help="write compliance/results/ROLE.json")
        role.add_argument("--testee", help="name and version of the program under test, for the saved record")
    options = parser.parse_args()
    options.out = options.out.resolve()
    if options.role != "client":
        parser = roles.choices[options.role]
        if urlsplit(options.url).scheme not in ("ws", "wss"):
            parser.error("--url must begin with ws:// or wss://")
        if options.url.startswith("wss:") and not options.insecure:
            parser.error("no engine verifies the certificate of a wss server; agree with --insecure")
        if "{port}" in options.url and not options.command:
            parser.error("{port} in --url needs a --command that listens there")
    return options


def _patterns(text: str) -> List[str]:
    return [pattern for part in text.split(",") if (pattern := part.strip())]


if __name__ == "__main__":
    sys.exit(main())
