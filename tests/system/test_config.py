"""Where a setting comes from: flag, then variable, then file, then default. Seen by what the server does."""

import json
import re

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from conftest import DEADLINE, wigwag


def takes(server, size):
    """Whether a message of this size is accepted."""
    with connect(f"{server.url}/echo", compression=None) as client:
        client.send(b"x" * size)
        try:
            return len(client.recv(DEADLINE)) == size
        except ConnectionClosedError as closed:
            assert closed.rcvd.code == 1009, closed
            return False


@pytest.fixture
def config_file(tmp_path):
    file = tmp_path / "wigwag.toml"
    file.write_text('[limits]\nmessage-bytes-max = 1000\n[services]\ndefault-service = "echo"\n')
    return file


class TestPrecedence:
    @pytest.mark.parametrize(
        ("with_flag", "with_variable", "bound"),
        [(True, True, 3000), (False, True, 2000), (False, False, 1000)],
        ids=["flag over all", "variable over file", "file over default"],
    )
    def test_the_nearest_source_wins(self, serve, config_file, with_flag, with_variable, bound):
        flags = ["--message-bytes-max", "3000"] if with_flag else []
        env = {"WIGWAG_MESSAGE_BYTES_MAX": "2000"} if with_variable else {}
        server = serve("--config", config_file, *flags, env=env)
        assert takes(server, bound)
        assert not takes(server, bound + 1)
        # What only the file says still holds.
        with connect(server.url) as client:
            client.send("plain")
            assert client.recv(DEADLINE) == "plain"

    def test_the_default_is_one_mebibyte(self, server):
        assert takes(server, 1 << 20)
        assert not takes(server, (1 << 20) + 1)

    def test_64_mebibytes_can_be_allowed(self, serve):
        server = serve("--message-bytes-max", "64MiB")
        size = 64 << 20
        with connect(f"{server.url}/echo", compression=None, max_size=size) as client:
            client.send(b"x" * size)
            assert client.recv(60) == b"x" * size

    def test_the_file_can_be_named_by_a_variable(self, serve, config_file):
        server = serve(env={"WIGWAG_CONFIG": str(config_file)})
        assert not takes(server, 1001)


class TestConfigCommand:
    def test_it_prints_each_setting_with_its_source(self, config_file):
        run = wigwag("config", "--config", config_file, "--workers", 3, WIGWAG_IDLE_TIMEOUT="2m")
        assert run.returncode == 0, run.stderr
        for pattern in [
            r"^workers = 3 +# .*--workers",
            r'^idle-timeout = "2m" +# .*WIGWAG_IDLE_TIMEOUT',
            rf'^message-bytes-max = "?1000B?"? +# .*{re.escape(str(config_file))}',
            r'^ping-interval = "25s" +# default',
        ]:
            assert re.search(pattern, run.stdout, re.M), f"{pattern} in {run.stdout}"

    def test_what_it_prints_is_a_file_that_means_the_same(self, config_file, tmp_path):
        printed = wigwag("config", "--config", config_file).stdout
        again = tmp_path / "again.toml"
        again.write_text(printed)
        repeated = wigwag("config", "--config", again).stdout

        def values(text):
            return [line.split("#")[0].rstrip() for line in text.splitlines() if "=" in line.split("#")[0]]

        assert values(repeated) == values(printed) and len(values(printed)) > 30

    def test_check_accepts_a_good_file(self, config_file):
        run = wigwag("config", "--check", config_file)
        assert (run.returncode, run.stderr) == (0, "")
        assert "is valid" in run.stdout

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("[limits]\nmesage-bytes-max = 1\n", "message-bytes-max"),
            ("[limit]\n", "limits"),
            ('[timeouts]\nidle-timeout = "soon"\n', "idle-timeout"),
            ("listen = [", ""),
        ],
    )
    def test_check_refuses_a_bad_file_and_says_what_is_meant(self, tmp_path, text, hint):
        file = tmp_path / "bad.toml"
        file.write_text(text)
        run = wigwag("config", "--check", file)
        assert run.returncode == 2 and run.stdout == ""
        assert hint in run.stderr and "bad.toml" in run.stderr, run.stderr

    def test_an_unreadable_file_is_exit_code_1(self, tmp_path):
        run = wigwag("config", "--check", tmp_path / "none.toml")
        assert run.returncode == 1 and "none.toml" in run.stderr

    @pytest.mark.parametrize(
        ("args", "env", "hint"),
        [
            (["--mesage-bytes-max", "1"], {}, "--message-bytes-max"),
            (["--message-bytes-max", "much"], {}, "--message-bytes-max"),
            ([], {"WIGWAG_MESAGE_BYTES_MAX": "1"}, "WIGWAG_MESSAGE_BYTES_MAX"),
            ([], {"WIGWAG_WORKERS": "none"}, "WIGWAG_WORKERS"),
        ],
    )
    def test_serve_refuses_unknown_names_and_values_with_exit_code_2(self, args, env, hint):
        run = wigwag("serve", "--listen", "127.0.0.1:0", *args, **env)
        assert run.returncode == 2 and run.stdout == ""
        assert hint in run.stderr, run.stderr


class TestLogs:
    def test_json_lines_are_json(self, serve):
        server = serve("--log-format", "json", "--log-level", "debug")
        assert takes(server, 10)
        lines = [json.loads(line) for line in server.log().splitlines()]
        assert lines and all({"timestamp", "level", "message"} <= set(line) for line in lines)

    def test_off_is_silence(self, serve):
        server = serve("--log-level", "off")
        assert takes(server, 10)
        assert server.log() == ""
