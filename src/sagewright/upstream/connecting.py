"""Ways to connect that never block the event loop: a full accept queue is polled by a timer."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from sagewright.model.jobs.gates import SERVER, Gate, is_gate
from sagewright.model.jobs.serving_sockets import ListeningSocket, enter_network, noted_port, opened, serving_folder
from sagewright.model.machine import machine_name

ACCEPT_S = 0.25
"""Source: AWS's developer guide: a container accepts a connection within 250 ms."""
_FIRST_S, _MOST_S = 0.001, 0.02
"""Intervals between attempts while a Unix socket's accept queue is full: the kernel does not report that there is room."""
_FAR_S = 2.0
"""Time for a connection to another machine."""
_AT_ONCE = 4
"""Maximum concurrent connection attempts to one container: each may need a thread to enter its network, or retry repeatedly."""


class ContainerAddress:
    """Connects to the server of the host in HOST_DIRECTORY. Calls raise OSError."""

    def __init__(self, directory: Path, timeout_s: float = ACCEPT_S) -> None:
        self._directory, self._timeout_s = directory, timeout_s
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self) -> socket.socket:
        async with self._room:
            return await self._connected()

    async def _connected(self) -> socket.socket:
        listening = noted_port(self._directory)
        if listening is None:
            folder, name = serving_folder(self._directory)
            return await _to_path(folder, name, self._timeout_s)
        if not listening.namespace:
            return await _to_port("127.0.0.1", listening.port, socket.socket(), self._timeout_s)
        made = await _socket_within(listening)
        return await _to_port("127.0.0.1", listening.port, made, self._timeout_s)


class GateAddress:
    """Connects to a host on another machine through its gate, to `target`. Calls raise OSError."""

    def __init__(self, gate: Gate, target: bytes = SERVER, timeout_s: float = _FAR_S) -> None:
        self._port, self._opening, self._timeout_s = (
            TcpPort(gate.host, gate.port, timeout_s),
            gate.opening(target),
            timeout_s,
        )

    async def __call__(self) -> socket.socket:
        made = await self._port()
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.get_running_loop().sock_sendall(made, self._opening)
        except BaseException:
            made.close()
            raise
        return made


def server_address(server: str, timeout_s: float = ACCEPT_S) -> ContainerAddress | GateAddress:
    """Returns the address of a model server: of the host in that directory of this machine, or behind that gate. Raises
    ValueError."""
    found = place_of(server)
    return GateAddress(found) if isinstance(found, Gate) else ContainerAddress(found, timeout_s)


def place_of(server: str) -> Gate | Path:
    """Returns the host's directory if it is on this machine, otherwise its gate. Raises ValueError."""
    if not is_gate(server):
        return Path(server)
    gate = Gate.read(server)
    return Path(gate.directory) if gate.directory and gate.machine == machine_name() else gate


class UnixPath:
    """Connects to a Unix socket, whose path may be longer than a socket's address. Calls raise OSError."""

    def __init__(self, path: Path, timeout_s: float = 1.0) -> None:
        self._path, self._timeout_s = path, timeout_s

    async def __call__(self) -> socket.socket:
        return await _to_path(self._path.parent, self._path.name, self._timeout_s)


class TcpPort:
    """Connects to an address by TCP. Calls raise OSError."""

    def __init__(self, host: str, port: int, timeout_s: float = 2.0) -> None:
        self._host, self._port, self._timeout_s = host, port, timeout_s

    async def __call__(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        return await _to_port(self._host, self._port, socket.socket(family), self._timeout_s)


async def _to_path(folder: Path, name: str, timeout_s: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    until, wait_s = loop.time() + timeout_s, _FIRST_S
    while True:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            descriptor = opened(folder, name)
            try:
                made.connect(f"/proc/self/fd/{descriptor}")
            finally:
                os.close(descriptor)
            return made
        except BlockingIOError:
            made.close()
            if loop.time() + wait_s > until:
                raise TimeoutError(f"no connection was accepted within {timeout_s:g} s") from None
        except BaseException:
            made.close()
            raise
        await asyncio.sleep(wait_s)
        wait_s = min(_MOST_S, wait_s * 2)


async def _to_port(host: str, port: int, made: socket.socket, timeout_s: float) -> socket.socket:
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        timeout = asyncio.timeout(timeout_s)
        try:
            async with timeout:
                await asyncio.get_running_loop().sock_connect(made, (host, port))
        except TimeoutError:
            if timeout.expired():
                raise TimeoutError(f"no connection was accepted within {timeout_s:g} s") from None
            raise
    except BaseException:
        made.close()
        raise
    return made


async def _socket_within(listening: ListeningSocket) -> socket.socket:
    """Returns a socket in another network namespace. The thread that entered it is unusable for anything else."""
    found: Future[socket.socket] = Future()

    def enter() -> None:
        if not found.set_running_or_notify_cancel():
            return
        try:
            enter_network(listening.namespace)
            found.set_result(socket.socket())
        except BaseException as error:
            found.set_exception(error)

    Thread(target=enter, name="enter-network", daemon=True).start()
    return await asyncio.wrap_future(found)
