"""WebSocket by hand, for what no well-behaved client would send. Knows nothing of the server."""

import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PATIENCE = 20.0


def request(host, path="/echo", *headers, method="GET", version="HTTP/1.1", key=KEY, ws_version="13"):
    """The head of an opening handshake, right unless told otherwise. `None` leaves a header out."""
    lines = [f"{method} {path} {version}", f"Host: {host}" if host else None]
    lines += ["Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}" if key else None]
    lines += [f"Sec-WebSocket-Version: {ws_version}" if ws_version else None, *headers]
    return "".join(f"{line}\r\n" for line in lines if line is not None).encode() + b"\r\n"


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None, length_form=None):
    """A frame. `length` claims another length than the payload's; `length_form` forces a form (7, 16, 64)."""
    length = len(payload) if length is None else length
    form = length_form or (7 if length < 126 else 16 if length < 65536 else 64)
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 7:
        head += bytes([mask_bit | length])
    elif form == 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    pattern = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked_payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(payload), "big")
    return head + mask + masked_payload


class Raw:
    """A TCP connection that may become a WebSocket."""

    def __init__(self, server, receive_buffer=None, tls=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((server.host, server.port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server.host)
        self.host = f"{server.host}:{server.port}"
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_until_stuck(self, data, bytes_max=256 << 20, patience=0.5):
        """Sends again and again until the other side takes nothing more, or ends; fails where it takes everything."""
        self.socket.settimeout(patience)
        sent = 0
        try:
            while sent < bytes_max:
                sent += self.socket.send(data[sent % len(data) :])
        except (socket.timeout, ConnectionError):
            return
        finally:
            self.socket.settimeout(PATIENCE)
        raise AssertionError(f"{sent} bytes were taken")

    def ask(self, path="/echo", *headers, **parts):
        """Sends a handshake: the status and the head of the answer."""
        self.send(request(parts.pop("host", self.host), path, *headers, **parts))
        return self.response()

    def open(self, path="/echo", *headers):
        """Opens a WebSocket."""
        status, head = self.ask(path, *headers)
        assert status == 101, head
        return self

    def response(self):
        """The next response's status and head."""
        while b"\r\n\r\n" not in self.unread:
            self.fill()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode().lower()

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection ended after {self.unread!r}")
        self.unread += data

    def take(self, count):
        while len(self.unread) < count:
            self.fill()
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def read_frame(self):
        """Opcode and payload of the next frame, which must be whole, unmasked and without extensions."""
        fin, opcode, payload = self.read_fragment()
        assert fin, (opcode, payload)
        return opcode, payload

    def read_message(self):
        """Opcode and payload of the next message, in however many frames."""
        fin, opcode, payload = self.read_fragment()
        while not fin:
            fin, more, piece = self.read_fragment()
            assert more == 0, more
            payload += piece
        return opcode, payload

    def read_fragment(self):
        """Whether it is the last, opcode and payload of the next frame, which must be unmasked and without extensions."""
        first, length = self.take(2)
        assert first & 0x70 == 0 and length < 128, (first, length)
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        return bool(first & 0x80), first & 0x0F, self.take(length)

    def read_close(self):
        """Skips to the Close: its code and reason."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == CLOSE:
                return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def read_end(self):
        """Waits for the other side's end; an error where data came or the end was not clean."""
        data = self.unread + self.socket.recv(65536)
        assert data == b"", data

    def is_cut(self):
        """Waits for any end of the connection, clean or not."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True
