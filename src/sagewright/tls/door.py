"""The process at the public port: ends TLS, and passes the bytes of each connection to the server.

`python -m sagewright.tls.door` reads its settings as JSON from its standard input. It accepts until SIGTERM, and ends
once its connections have ended; a server that is restarted or killed does not end them. It also ends when its data
directory is gone, and when neither the server nor a front has answered for a minute. SIGHUP reloads the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import socket
import ssl
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from sagewright.http.tlsnames import SOCKET_NAME, name_for
from sagewright.model import titles
from sagewright.tls.certificates import BadCertificate, CertificateFiles
from sagewright.tls.eagerness import Eagerness

HANDSHAKE_S = 10.0
CONNECT_S = 5.0
RETRY_S = 0.05
DRAIN_S = 600.0
RENEW_S = 3600.0
LOOK_S, ALONE_S = 2.0, 60.0
"""Interval of checks for the server once it has died, and the time without a server and a front after which the door
ends."""
HIGH = 256 * 1024
"""Bytes of a connection that may wait for one side before the other is not read."""
log = logging.getLogger("sagewright.tls")


@dataclass(frozen=True)
class DoorSettings:
    """`fallback`: port on loopback at which a front answers while no server runs; `most`, `per_address`: numbers of connections."""

    data: str
    host: str
    port: int
    certificate: str
    key: str
    fallback: int
    most: int
    per_address: int

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def files(self) -> CertificateFiles:
        return CertificateFiles(Path(self.certificate), Path(self.key))


class TlsDoor:
    """The connections of one event loop."""

    def __init__(self, settings: DoorSettings) -> None:
        self.settings = settings
        self.context = settings.files.context()
        self._by_address: dict[str, int] = {}
        self._open: set[Outside] = set()
        self._numbers = itertools.count()
        self._ending = asyncio.Event()
        self.eagerness = Eagerness()

    async def run(self) -> None:
        """Accepts until SIGTERM, then waits for the remaining connections."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._renew)
        listening = await loop.create_server(
            lambda: Outside(self),
            sock=_bound(self.settings),
            ssl=self.context,
            backlog=1024,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=HANDSHAKE_S,
        )
        print("ready", flush=True)  # noqa: T201 - the server waits for it
        watching = loop.create_task(self._watch(os.getppid()))
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), RENEW_S)
            self._renew()
        watching.cancel()
        listening.close()
        until = loop.time() + DRAIN_S
        while self._open and loop.time() < until:
            await asyncio.sleep(0.1)

    async def _watch(self, server: int) -> None:
        """Ends the door once no process is left to pass connections to. `server`: the process that started it."""
        alone_s = 0.0
        while alone_s < ALONE_S and Path(self.settings.data).exists():
            await asyncio.sleep(LOOK_S)
            alone_s = 0.0 if os.getppid() == server or await self._is_answered() else alone_s + LOOK_S
        self._ending.set()

    async def _is_answered(self) -> bool:
        """Returns True if a next server, or a front, accepts connections."""
        for connect in (self._connected, self._fallback):
            with contextlib.suppress(OSError):
                (await connect("")).close()
                return True
        return False

    def _renew(self) -> None:
        try:
            self.settings.files.load(self.context)
        except BadCertificate as error:
            log.warning("the certificate stays as it was: %s", error)

    def admits(self, connection: Outside) -> bool:
        """Counts a connection. Returns False if there are too many, in total or from its address."""
        count = self._by_address.get(connection.address, 0)
        if len(self._open) >= self.settings.most or count >= self.settings.per_address:
            return False
        self._open.add(connection)
        self._by_address[connection.address] = count + 1
        return True

    def left(self, connection: Outside) -> None:
        if connection in self._open:
            self._open.remove(connection)
            count = self._by_address.pop(connection.address) - 1
            if count:
                self._by_address[connection.address] = count

    async def inner(self, address: str) -> socket.socket:
        """Returns a connection to the server, or to the front while no server runs. Raises OSError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CONNECT_S
        while True:
            try:
                return await self._connected(address)
            except OSError:
                with contextlib.suppress(OSError):
                    return await self._fallback(address)
                if loop.time() > until:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _connected(self, address: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            made.bind(name_for(address, next(self._numbers)))
            await asyncio.get_running_loop().sock_connect(made, str(Path(self.settings.data) / SOCKET_NAME))
        except BaseException:
            made.close()
            raise
        return made

    async def _fallback(self, _address: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.settings.fallback))
        except BaseException:
            made.close()
            raise
        return made


class _Side(asyncio.Protocol):
    """One side of a connection: received bytes are written to the other side, which is read no faster than this one takes it."""

    transport: asyncio.Transport
    other: _Side | None = None

    def __init__(self, door: TlsDoor) -> None:
        self._door = door

    def data_received(self, data: bytes) -> None:
        self._door.eagerness.count()
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            with contextlib.suppress(RuntimeError):
                self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            with contextlib.suppress(RuntimeError):
                self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.close()


class Outside(_Side):
    """A client's connection, after its handshake."""

    def __init__(self, door: TlsDoor) -> None:
        super().__init__(door)
        self.address = ""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._door.admits(self):
            self.transport.abort()
            return
        self.transport.set_write_buffer_limits(HIGH)
        self.transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._reach())

    async def _reach(self) -> None:
        try:
            inner = await self._door.inner(self.address)
        except OSError as error:
            log.warning("the server can't be reached: %s", error)
            self.transport.abort()
            return
        if self.transport.is_closing():
            inner.close()
            return
        loop = asyncio.get_running_loop()
        made: tuple[Any, Inside] = await loop.connect_accepted_socket(lambda: Inside(self._door, self), inner)
        self.other = made[1]
        if self.transport.is_closing():
            made[0].close()
        else:
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """Passes on that the client has nothing more to say; TLS itself can't be half closed."""
        if self.other is not None and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.left(self)
        super().connection_lost(exc)


class Inside(_Side):
    """The connection to the server that belongs to a client's."""

    def __init__(self, door: TlsDoor, outside: Outside) -> None:
        super().__init__(door)
        self.other = outside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(HIGH)


def _bound(settings: DoorSettings) -> socket.socket:
    """Returns the listening socket, which a door that ends may still share. Raises OSError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError:
        made.close()
        raise
    return made


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # each failed handshake of a stranger would be a line
    settings = DoorSettings(**json.loads(sys.stdin.readline()))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the server
    titles.show(titles.TLS_DOOR, data=Path(settings.data))
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(TlsDoor(settings).run())
    except (OSError, BadCertificate, ssl.SSLError) as error:
        print(f"failed {error}", flush=True)  # noqa: T201
        sys.exit(1)


def _loop_factory() -> Any:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


if __name__ == "__main__":
    main()
