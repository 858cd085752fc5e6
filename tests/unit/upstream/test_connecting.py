"""Connecting: the event loop goes on, a full accept queue is waited for, and no link is followed."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sagewright.model.jobs.serving_sockets import ListeningSocket, note_port
from sagewright.upstream.connecting import ContainerAddress, TcpPort


def listening(folder: Path, name: str, backlog: int) -> socket.socket:
    folder.mkdir(parents=True, exist_ok=True)
    made = socket.socket(socket.AF_UNIX)
    handle = os.open(folder, os.O_PATH)
    made.bind(f"/proc/self/fd/{handle}/{name}")
    os.close(handle)
    made.listen(backlog)
    return made


async def ticks(connecting: asyncio.Task[socket.socket]) -> int:
    """How often the event loop comes round meanwhile."""
    count = 0
    while not connecting.done():
        await asyncio.sleep(0.001)
        count += 1
    return count


def test_a_full_accept_queue_is_waited_for(tmp_path: Path) -> None:
    async def run() -> None:
        with listening(tmp_path / "ml" / "serving", "http.sock", 0) as listener:
            first = await ContainerAddress(tmp_path)()
            connecting = asyncio.create_task(ContainerAddress(tmp_path)())
            begin = time.monotonic()
            assert await ticks(connecting) > 5
            with pytest.raises(TimeoutError, match=r"within 0\.25 s"):
                await connecting
            assert time.monotonic() - begin > 0.2
            connecting = asyncio.create_task(ContainerAddress(tmp_path, 20)())
            await asyncio.sleep(0.05)
            accepted = listener.accept()[0]
            (await connecting).close()
            accepted.close()
            first.close()

    asyncio.run(run())


def test_a_full_accept_queue_of_a_port(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            note_port(tmp_path, ListeningSocket(port))
            held = [socket.socket() for _ in range(4)]
            for one in held:
                one.setblocking(False)
                with suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
            await asyncio.sleep(0.1)
            connecting = asyncio.create_task(ContainerAddress(tmp_path)())
            assert await ticks(connecting) > 5
            with pytest.raises(TimeoutError, match=r"within 0\.25 s"):
                await connecting
            for one in held:
                one.close()

    asyncio.run(run())


def test_nobody_listens(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(FileNotFoundError):
            await ContainerAddress(tmp_path)()
        listening(tmp_path / "ml" / "serving", "http.sock", 1).close()
        with pytest.raises(ConnectionRefusedError):
            await ContainerAddress(tmp_path)()
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await TcpPort(*bound.getsockname())()

    asyncio.run(run())


def test_a_link_leads_to_no_other_socket(tmp_path: Path) -> None:
    async def run() -> None:
        with listening(tmp_path / "other", "http.sock", 1):
            folder = tmp_path / "host" / "ml" / "serving"
            folder.mkdir(parents=True)
            (folder / "http.sock").symlink_to(tmp_path / "other" / "http.sock")
            with pytest.raises(OSError):
                await ContainerAddress(tmp_path / "host")()
            (folder / "http.sock").unlink()
            folder.rmdir()
            folder.symlink_to(tmp_path / "other")
            with pytest.raises(OSError):
                await ContainerAddress(tmp_path / "host")()

    asyncio.run(run())
