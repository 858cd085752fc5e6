"""A client that signs and sends given bytes, one by one, and reads whatever comes back."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import time
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote

REGION = "us-east-1"


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@dataclass
class Request:
    """All of it is bytes: nothing has to be well-formed. `framed`: whether a server can tell where it ends."""

    method: bytes
    path: bytes
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    chunked: bool = False
    framed: bool = True

    def get(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def drop(self, name: bytes) -> None:
        self.headers = [(key, value) for key, value in self.headers if key.lower() != name]

    def put(self, name: bytes, value: bytes) -> None:
        self.drop(name.lower())
        self.headers.append((name, value))

    def wire(self) -> bytes:
        target = self.path + (b"?" + self.query if self.query else b"")
        lines = [self.method + b" " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers]
        if self.chunked:
            lines.append(b"transfer-encoding: chunked")
            body = (b"%x\r\n%b\r\n" % (len(self.body), self.body) if self.body else b"") + b"0\r\n\r\n"
        else:
            lines.append(b"content-length: %d" % len(self.body))
            body = self.body
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sign(request: Request, key: tuple[str, str], service: str, payload_hash: str | None = None) -> None:
    """Put SigV4's headers on a request, over all headers that it has. The text is read as the server reads it."""
    now = time.gmtime()
    moment, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    request.put(b"x-amz-date", moment.encode())
    digest = payload_hash or hashlib.sha256(request.body).hexdigest()
    if service == "s3" or payload_hash:
        request.put(b"x-amz-content-sha256", digest.encode("latin-1"))
    merged: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        merged[name] = f"{merged[name]},{value}" if name in merged else value
    names = sorted(name for name in merged if name not in {"authorization", "connection", "expect"})
    signed = ";".join(names)
    lines = "".join(f"{name}:{' '.join(merged[name].split())}\n" for name in names)
    path = request.path.decode("latin-1")
    if service != "s3":
        path = quote(path, safe="/~")
    elif path not in {"", "/"}:
        path = quote(unquote(path), safe="/~")
    pairs = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
    query = "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in sorted(pairs) if n != "X-Amz-Signature")
    canonical = f"{request.method.decode('latin-1')}\n{path}\n{query}\n{lines}\n{signed}\n{digest}"
    scope = f"{day}/{REGION}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    signature = hmac.digest(_signing_key(key[1], day, service), text.encode(), "sha256").hex()
    value = f"AWS4-HMAC-SHA256 Credential={key[0]}/{scope}, SignedHeaders={signed}, Signature={signature}"
    request.put(b"authorization", value.encode("latin-1", "replace"))


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class NoAnswer(Exception):
    """The connection was closed, or nothing came in time, before an answer was whole."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, made anew whenever it was closed."""

    def __init__(self, host: str, port: int, timeout_s: float = 30) -> None:
        self._place, self._timeout_s = (host, port), timeout_s
        self._socket: socket.socket | None = None
        self._read = b""

    def ask(self, data: bytes, head: bool = False) -> Answer:
        """Send `data` and read one answer. Raises NoAnswer."""
        fresh = self._socket is None
        try:
            return self._ask(data, head)
        except NoAnswer:
            self.close()
            if fresh:
                raise
        return self._ask(data, head)  # the server may have closed a kept connection in the meantime

    def _ask(self, data: bytes, head: bool) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # it may have answered before it stopped reading
            self._socket.sendall(data)
        answer = self._answer(head)
        while answer.status == 100:
            answer = self._answer(head)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _answer(self, head: bool) -> Answer:
        while b"\r\n\r\n" not in self._read:
            self._more()
        top, _, self._read = self._read.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
        if head or status in {100, 204, 304}:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        return Answer(status, headers, self._exactly(int(headers.get("content-length", "0"))))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._read:
                self._more()
            line, _, self._read = self._read.partition(b"\r\n")
            size = int(line, 16)
            body += self._exactly(size)
            self._exactly(2)
            if not size:
                return body

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        data, self._read = self._read[:size], self._read[size:]
        return data

    def _more(self) -> None:
        assert self._socket is not None
        try:
            piece = self._socket.recv(262144)
        except OSError as error:
            raise NoAnswer(repr(error)) from None
        if not piece:
            raise NoAnswer(f"closed after {self._read[:200]!r}")
        self._read += piece

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._read = None, b""
