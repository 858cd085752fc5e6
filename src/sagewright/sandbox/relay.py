"""Relays TCP connections and DNS queries from a host's network to the machine's, without changing the latter.

The listeners are in the host's namespace; connections start from the machine's. The host's packet filter redirects outgoing
traffic to them; for TCP the kernel reports the original destination.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from sagewright.model import addresses
from sagewright.model.machine import own_addresses
from sagewright.sandbox.namespace import Namespace, NetworkFailed

_SO_ORIGINAL_DST = 80
_CHUNK = 1 << 18
_DNS_TIMEOUT_S = 5.0
_MAKE_SOCKETS = """
import socket, sys
channel = socket.socket(fileno=int(sys.argv[1]))
tcp = socket.create_server(("127.0.0.1", 0), backlog=1024)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
socket.send_fds(channel, [b"made"], [tcp.fileno(), udp.fileno()])
"""


@dataclass(frozen=True)
class RelaySockets:
    """Both listen in a host's namespace, though this process is not in it."""

    tcp: socket.socket
    udp: socket.socket

    @classmethod
    def made_in(cls, host: Namespace) -> RelaySockets:
        """Makes the sockets in a namespace. Raises NetworkFailed."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            argv = [*host.enter(), sys.executable, "-I", "-S", "-c", _MAKE_SOCKETS, str(theirs.fileno())]
            done = subprocess.run(argv, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise NetworkFailed(done.stderr.strip())
            _, descriptors, _, _ = socket.recv_fds(ours, 4, 2)
        return cls(*(socket.socket(fileno=descriptor) for descriptor in descriptors))

    @property
    def tcp_port(self) -> int:
        return int(self.tcp.getsockname()[1])

    @property
    def udp_port(self) -> int:
        return int(self.udp.getsockname()[1])


@dataclass(frozen=True)
class AllowedTargets:
    """This machine's ports that a host can reach: the server's on its loopback. `machine`: True to allow its other addresses."""

    server_port: int
    machine: bool = True

    def reaches(self, address: str, port: int) -> bool:
        """True if the target is allowed; never for addresses reserved to the machine: a cloud's metadata, including its
        credentials."""
        found = addresses.read(address)
        if found.is_loopback or (not self.machine and address in own_addresses()):
            return port == self.server_port
        return not addresses.refused(found)


class NetworkRelay:
    """Works in a separate thread until it is closed."""

    def __init__(self, sockets: RelaySockets, allowed: AllowedTargets) -> None:
        self._sockets, self._allowed = sockets, allowed
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()
        self._listening.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._listening.set()
        self._loop.run_forever()
        self._server.close()
        self._questions.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._sockets.tcp.close()
        self._sockets.udp.close()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            partial(_pass_on, allowed=self._allowed), sock=self._sockets.tcp, limit=_CHUNK
        )
        self._questions, _ = await self._loop.create_datagram_endpoint(_Questions, sock=self._sockets.udp)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allowed: AllowedTargets) -> None:
    """Relays one connection until both sides have ended it."""
    address, port = _meant_for(writer)
    if not allowed.reaches(address, port):
        _reset(writer)
        return
    try:
        far_reader, far_writer = await asyncio.open_connection(address, port, limit=_CHUNK)
    except OSError:
        _reset(writer)
        return
    try:
        await pass_both_ways((reader, writer), (far_reader, far_writer))
    except OSError:
        _reset(writer)
        _reset(far_writer)
    finally:
        far_writer.close()
        writer.close()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pass_both_ways(near: Streams, far: Streams) -> None:
    """Passes bytes between two connections until both sides of each have ended. Raises OSError."""
    await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK):
        sink.write(chunk)
        await sink.drain()
    with suppress(OSError):  # the other direction may already have ended the connection
        sink.write_eof()


def _meant_for(writer: asyncio.StreamWriter) -> tuple[str, int]:
    answer = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
    port, address = struct.unpack("!2xH4s8x", answer)
    return socket.inet_ntoa(address), port


def _reset(writer: asyncio.StreamWriter) -> None:
    """Resets the connection, so that the other side sees an error instead of an orderly end."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Questions(asyncio.DatagramProtocol):
    """DNS queries of the host, each forwarded to the machine's name server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # not a subclass of it before Python 3.12
        self._requested: set[asyncio.Task[None]] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._ask(data, addr))
        self._requested.add(task)
        task.add_done_callback(self._requested.discard)

    async def _ask(self, question: bytes, asker: tuple[str, int]) -> None:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        with suppress(OSError, TimeoutError):
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Answer(answer, question), remote_addr=(_name_server(), 53)
            )
            try:
                found = await asyncio.wait_for(answer, _DNS_TIMEOUT_S)
            finally:
                transport.close()
            self._transport.sendto(found, asker)


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[bytes], question: bytes) -> None:
        self._answer = answer
        self._question = question

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self._question)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - the interface's
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _name_server() -> str:
    """Returns the machine's first name server; the C library's default if none is named."""
    with suppress(OSError):
        for line in Path("/etc/resolv.conf").read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                return words[1]
    return "127.0.0.1"
