"""The page in Chromium: it loads clean, works by mouse and by keyboard, and survives the server."""

import subprocess

from conftest import HERE, clean_environment


def test_the_page_works_and_recovers_when_the_server_comes_back(chromium, node, serve, tmp_path):
    server = serve()
    shots = tmp_path / "screenshots"
    shots.mkdir()
    page = subprocess.Popen(
        [node, HERE / "page.mjs", f"{server.http}/", chromium, shots],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )

    def holds(part):
        line = page.stdout.readline().strip()
        assert line == part, line or page.stderr.read()

    try:
        holds("page holds")
        holds("clicks hold")
        assert server.metric("wigwag_messages_received_total", service="random") == 20 + 20 + 1
        for name in ("light", "dark", "phone"):
            assert (shots / f"{name}.png").stat().st_size > 5_000
        server.kill()
        again = serve(listen=f"127.0.0.1:{server.port}")
        page.stdin.write("the server is back\n")
        page.stdin.flush()
        holds("recovery holds")
        assert again.metric("wigwag_messages_received_total", service="random") == 1
        assert page.wait(20) == 0
    finally:
        page.kill()
        page.wait()
