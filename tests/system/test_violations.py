"""What the server refuses: broken heads, broken frames, and messages over the bounds. Each time the peer can read why."""

import re
import struct
import zlib

import pytest

from wire import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame, request

MIB = 1 << 20
CONTINUATION = 0


class TestHandshakes:
    @pytest.mark.parametrize(
        ("parts", "headers", "status"),
        [
            ({"key": None}, [], 400),
            ({"key": "short"}, [], 400),
            ({"host": None}, [], 400),
            ({}, ["Host: localhost"], 400),
            ({}, ["Content-Length: 1", "Transfer-Encoding: chunked"], 400),
            ({}, ["X-Folded: one", " two"], 400),
            ({}, ["X-Bad\x01Name: x"], 400),
            ({}, ["Bad Name: x"], 400),
            ({"ws_version": None}, [], 426),
            ({"ws_version": "8"}, [], 426),
            ({}, ["Origin: https://evil.example"], 403),
            ({"host": "evil.example"}, [], 403),
            ({"path": "/nothing"}, [], 404),
            ({}, [f"X-Long: {'x' * 20_000}"], 431),
            ({}, [f"X-{number}: x" for number in range(200)], 431),
        ],
        ids=str,
    )
    def test_a_bad_handshake_is_refused_with_its_status(self, server, parts, headers, status):
        with Raw(server) as raw:
            answered, head = raw.ask(parts.pop("path", "/echo"), *headers, **parts)
            assert answered == status, head
            assert re.search(r"^connection: .*close\r?$", head, re.M), head
            assert ("sec-websocket-version: 13" in head) == (status == 426), head
            assert raw.is_cut()

    def test_syntax_is_judged_before_access(self, server):
        with Raw(server) as raw:
            status, head = raw.ask("/echo", "Origin: https://evil.example", host="evil.example", key="short")
            assert status == 400, head

    @pytest.mark.parametrize(
        "line",
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET /\r\n\r\n"],
        ids=["TLS", "garbage", "HTTP/0.9"],
    )
    def test_what_is_no_request_gets_400(self, server, line):
        with Raw(server) as raw:
            raw.send(line)
            assert raw.response()[0] == 400
            assert raw.is_cut()

    def test_bytes_glued_to_the_handshake_belong_to_the_connection(self, server):
        with Raw(server) as raw:
            raw.send(request(raw.host) + frame(TEXT, b"glued") + frame(TEXT, b"on"))
            assert raw.response()[0] == 101
            assert raw.read_frame() == (TEXT, b"glued")
            assert raw.read_frame() == (TEXT, b"on")

    def test_a_handshake_may_come_byte_by_byte(self, server):
        with Raw(server) as raw:
            for byte in request(raw.host):
                raw.send(bytes([byte]))
            assert raw.response()[0] == 101


class TestFrames:
    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            pytest.param(frame(TEXT, b"x", masked=False), 1002, id="unmasked"),
            pytest.param(frame(PING, b"x" * 126), 1002, id="oversized ping"),
            pytest.param(frame(CLOSE, struct.pack("!H", 1000) + b"x" * 124), 1002, id="oversized close"),
            pytest.param(frame(PING, b"x", fin=False), 1002, id="fragmented ping"),
            pytest.param(frame(TEXT, b"x", rsv=4), 1002, id="RSV1 without extension"),
            pytest.param(frame(TEXT, b"x", rsv=2), 1002, id="RSV2"),
            pytest.param(frame(TEXT, b"x", rsv=1), 1002, id="RSV3"),
            pytest.param(frame(3, b"x"), 1002, id="reserved data opcode"),
            pytest.param(frame(11, b"x"), 1002, id="reserved control opcode"),
            pytest.param(frame(CONTINUATION, b"x"), 1002, id="continuation of nothing"),
            pytest.param(frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002, id="message inside a message"),
            pytest.param(frame(TEXT, b"x" * 125, length_form=16), 1002, id="length not in the shortest form"),
            pytest.param(frame(BINARY, b"", length=1 << 63), 1002, id="length with the highest bit"),
            pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
            pytest.param(frame(CLOSE, struct.pack("!H", 1005)), 1002, id="close code 1005"),
            pytest.param(frame(CLOSE, struct.pack("!H", 999)), 1002, id="close code 999"),
            pytest.param(frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007, id="close reason not UTF-8"),
            pytest.param(frame(TEXT, b"\xc3\x28"), 1007, id="text not UTF-8"),
            pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="surrogate"),
            pytest.param(frame(TEXT, b"\xc3", fin=True), 1007, id="cut-off character"),
            pytest.param(frame(TEXT, b"\xf4\x90", fin=False), 1007, id="bad text before its message ends"),
        ],
    )
    def test_a_violation_gets_its_code_after_what_was_right(self, server, sent, code):
        with Raw(server) as raw:
            raw.open()
            raw.send(frame(TEXT, b"right") + sent)
            assert raw.read_frame() == (TEXT, b"right")
            assert raw.read_close()[0] == code
            raw.read_end()
        server.wait_for_metric("wigwag_closes_total", 1, code=str(code))

    def test_controls_come_between_fragments(self, server):
        with Raw(server) as raw:
            raw.open()
            raw.send(frame(TEXT, b"one ", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"two"))
            assert raw.read_frame() == (PONG, b"p")
            assert raw.read_frame() == (TEXT, b"one two")

    def test_frames_may_come_byte_by_byte(self, server):
        with Raw(server) as raw:
            raw.open()
            for opcode, payload, answer in [(TEXT, "naïve ☃".encode(), TEXT), (PING, b"p", PONG)]:
                for byte in frame(opcode, payload):
                    raw.send(bytes([byte]))
                assert raw.read_frame() == (answer, payload)


class TestBounds:
    def test_a_message_of_64_mib_is_refused_by_its_announced_length(self, server):
        before = server.memory("VmHWM")
        for _ in range(20):
            with Raw(server) as raw:
                raw.open()
                raw.send(frame(BINARY, b"x" * 1000, length=64 * MIB))
                code, reason = raw.read_close()
                assert code == 1009, reason
                raw.read_end()
        assert server.memory("VmHWM") - before < 4 * MIB

    def test_a_message_of_64_mib_in_fragments_is_refused_once_it_is_over_the_bound(self, server):
        before = server.memory("VmHWM")
        with Raw(server) as raw:
            raw.open()
            piece = b"x" * (64 << 10)
            raw.send(frame(BINARY, piece, fin=False))
            # 16 fragments are 1 MiB and fit; the 17th does not.
            for _ in range(15):
                raw.send(frame(CONTINUATION, piece, fin=False))
            raw.send(frame(PING, b"still here"))
            assert raw.read_frame() == (PONG, b"still here")
            raw.send(frame(CONTINUATION, piece, fin=False))
            assert raw.read_close()[0] == 1009
            raw.read_end()
        assert server.memory("VmHWM") - before < 8 * MIB

    def test_a_peer_that_goes_on_sending_can_still_read_why(self, server):
        with Raw(server) as raw:
            raw.open()
            raw.send(frame(BINARY, b"x" * (MIB // 2), length=64 * MIB))
            assert raw.read_close()[0] == 1009
            raw.read_end()

    def test_a_compression_bomb_is_refused_and_costs_no_memory(self, server):
        bomb = deflated(b"\0" * (64 * MIB))
        assert len(bomb) * 900 < 64 * MIB
        before = server.memory("VmHWM")
        for _ in range(20):
            with Raw(server) as raw:
                raw.open("/echo", "Sec-WebSocket-Extensions: permessage-deflate")
                raw.send(frame(BINARY, bomb, rsv=4))
                code, reason = raw.read_close()
                assert code == 1009, reason
                raw.read_end()
        assert server.memory("VmHWM") - before < 8 * MIB

    def test_a_compressed_message_within_the_bound_passes(self, server):
        with Raw(server) as raw:
            raw.open("/echo", "Sec-WebSocket-Extensions: permessage-deflate")
            # As many bytes as allowed, 1:1000; the answer is compressed as well, so only its end is looked at.
            raw.send(frame(BINARY, deflated(b"\0" * MIB), rsv=4) + frame(PING, b"after"))
            raw.send(frame(CLOSE, struct.pack("!H", 1000)))
            data = b""
            while not data.endswith(b"\x88\x02\x03\xe8"):
                data += raw.socket.recv(65536)
            assert b"\x8a\x05after" in data

    def test_deflate_that_is_none_is_refused(self, server):
        with Raw(server) as raw:
            raw.open("/echo", "Sec-WebSocket-Extensions: permessage-deflate")
            raw.send(frame(BINARY, b"\xff" * 100, rsv=4))
            assert raw.read_close()[0] in (1002, 1007)
            raw.read_end()

    def test_65536_fragments_of_one_message_pass(self, server):
        with Raw(server) as raw:
            raw.open()
            middle = frame(CONTINUATION, b"x", fin=False)
            raw.send(frame(TEXT, b"x", fin=False) + middle * 65_534 + frame(CONTINUATION, b"x"))
            assert raw.read_frame() == (TEXT, b"x" * 65_536)

    def test_more_connections_than_allowed_get_503(self, serve):
        server = serve("--connections-max", 3)
        with Raw(server) as one, Raw(server) as two, Raw(server) as three:
            for raw in (one, two, three):
                raw.open()
            with Raw(server) as four:
                assert four.ask()[0] == 503
            one.send(frame(TEXT, b"served"))
            assert one.read_frame() == (TEXT, b"served")

    def test_more_connections_from_an_address_than_allowed_get_429(self, serve):
        server = serve("--connections-per-address-max", 2)
        with Raw(server) as one, Raw(server) as two:
            one.open()
            two.open()
            with Raw(server) as three:
                assert three.ask()[0] == 429
            one.send(frame(CLOSE, struct.pack("!H", 1000)))
            assert one.read_close()[0] == 1000
            one.read_end()
            with Raw(server) as four:
                four.open()


def deflated(payload):
    """A message's payload as permessage-deflate has it (RFC 7692 §7.2.1): without the last four bytes."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]
