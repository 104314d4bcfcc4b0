"""The two programs that can run the cases, and how each is installed into `compliance/.venv*`.

`Autobahn` is the test-suite itself, which needs Python 2.7. `Kosoku` runs the same cases on Python 3 and stands in
where Python 2.7 cannot be had; it speaks no TLS.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from processes import RunError

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements-autobahn.txt"
# The last virtualenv that makes environments for Python 2.7.
VIRTUALENV = "virtualenv==20.21.1"
KOSOKU = "kosoku==0.1.0"
INSTALL_SECONDS = 600


class Autobahn:
    """The Autobahn test-suite (wstest)."""

    name = "autobahn"
    speaks_tls = True
    # The fuzzing server serves until it is stopped; kosoku's ends once the client has asked for the reports.
    server_ends_by_itself = False

    def __init__(self, python: Path) -> None:
        self._python = python
        text = REQUIREMENTS.read_text()
        pin = {name: found[1] for name in ("autobahntestsuite", "autobahn")
               if (found := re.search(rf"^{name}==(\S+)$", text, re.MULTILINE))}
        self.version = f"autobahntestsuite {pin['autobahntestsuite']} (autobahn {pin['autobahn']}, Python 2.7)"

    def against_server(self, url: str, cases: List[str], out: Path) -> List[str]:
        servers = [{"agent": "server", "url": url}]
        return self._wstest("fuzzingclient", {"servers": servers, "cases": cases, "outdir": str(out)}, out)

    def against_client(self, port: int, cases: List[str], out: Path) -> List[str]:
        spec = {"url": f"ws://127.0.0.1:{port}", "cases": cases, "outdir": str(out)}
        return self._wstest("fuzzingserver", spec, out)

    def _wstest(self, mode: str, spec: dict, out: Path) -> List[str]:
        path = out / "spec.json"
        path.write_text(json.dumps(spec, indent=1))
        launcher = str(HERE / "loopback_wstest.py")
        return [str(self._python), "-u", launcher, "--mode", mode, "--spec", str(path), "--webport", "0"]


class Kosoku:
    """The same cases, run by kosoku."""

    name = "kosoku"
    version = KOSOKU.replace("==", " ")
    speaks_tls = False
    server_ends_by_itself = True

    def __init__(self, program: Path) -> None:
        self._program = program

    def against_server(self, url: str, cases: List[str], out: Path) -> List[str]:
        return [str(self._program), "--mode", "fuzzingclient", *self._common(cases, out), url]

    def against_client(self, port: int, cases: List[str], out: Path) -> List[str]:
        return [str(self._program), "--mode", "fuzzingserver", *self._common(cases, out), f"127.0.0.1:{port}"]

    @staticmethod
    def _common(cases: List[str], out: Path) -> List[str]:
        return ["--outdir", str(out), *(f"--include={case}" for case in cases)]


def install(choice: str, python27: Optional[str]) -> "Autobahn | Kosoku":
    """The engine that was asked for, installed; `auto` takes Autobahn where it can be had and says so where not."""
    with _install_lock():
        if choice == "kosoku":
            return _install_kosoku()
        try:
            return _install_autobahn(python27)
        except RunError as error:
            if choice == "autobahn":
                raise
            print(f"compliance: the Autobahn test-suite cannot be had here: {error}", file=sys.stderr)
            print(f"compliance: {Kosoku.version} runs the same cases instead", file=sys.stderr)
            return _install_kosoku()


def _install_autobahn(python27: Optional[str]) -> Autobahn:
    environment = HERE / ".venv2"
    wanted = REQUIREMENTS.read_text()
    if not _is_ready(environment, wanted):
        python2 = _find_python([python27] if python27 else _python27_candidates(), (2, 7), (2, 7))
        if python2 is None:
            raise RunError("no Python 2.7 found (on PATH, in pyenv); name one with --python27")
        tools = _python3_environment([VIRTUALENV])
        print(f"compliance: installing the Autobahn test-suite into {environment}", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        _run([str(tools / "bin/virtualenv"), "--quiet", "--python", python2, str(environment)])
        pip = [str(environment / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        _run([*pip, "--no-deps", "-r", str(REQUIREMENTS)])
        _mark_ready(environment, wanted)
    return Autobahn(environment / "bin/python")


def _install_kosoku() -> Kosoku:
    return Kosoku(_python3_environment([KOSOKU]) / "bin/kosoku")


def _python3_environment(packages: List[str]) -> Path:
    """`.venv-<package>`, made by a Python that kosoku and virtualenv both support."""
    wanted = "\n".join(packages)
    environment = HERE / f".venv-{packages[0].split('==')[0]}"
    if not _is_ready(environment, wanted):
        python3 = _find_python([sys.executable, *_python3_candidates()], (3, 10), (3, 99))
        if python3 is None:
            raise RunError("no Python 3.10 or newer found (on PATH, in pyenv)")
        shutil.rmtree(environment, ignore_errors=True)
        _run([python3, "-m", "venv", str(environment)])
        pip = [str(environment / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        _run([*pip, *packages])
        _mark_ready(environment, wanted)
    return environment


def _python27_candidates() -> Iterator[str]:
    yield from (path for name in ("python2.7", "python2") if (path := shutil.which(name)))
    yield from _pyenv("2.7.*")


def _python3_candidates() -> Iterator[str]:
    yield from (path for minor in range(14, 9, -1) if (path := shutil.which(f"python3.{minor}")))
    yield from _pyenv("3.1?.*")


def _pyenv(versions: str) -> List[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return sorted(str(path) for path in root.glob(f"versions/{versions}/bin/python"))


def _find_python(candidates: Sequence[str], at_least: tuple, at_most: tuple) -> Optional[str]:
    """The first candidate that runs and has a version in the range: a pyenv shim on PATH may refuse to run."""
    for path in candidates:
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
            ask = "import sys; print('%d %d' % sys.version_info[:2])"
            said = subprocess.run([path, "-c", ask], capture_output=True, timeout=30, check=True)
            if at_least <= tuple(map(int, said.stdout.split())) <= at_most:
                return path
    return None


def _is_ready(environment: Path, wanted: str) -> bool:
    stamp = environment / "installed.txt"
    return stamp.is_file() and stamp.read_text() == wanted


def _mark_ready(environment: Path, wanted: str) -> None:
    # Written last: an installation that was cut short has no stamp and is made anew.
    (environment / "installed.txt").write_text(wanted)


def _run(argv: List[str]) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{argv[0]}: {error}") from error
    if done.returncode != 0:
        last = "\n    ".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise RunError(f"{' '.join(argv)} ended with {done.returncode}:\n    {last}")


@contextlib.contextmanager
def _install_lock() -> Iterator[None]:
    """Two runs that start at once install one after the other."""
    with (HERE / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
