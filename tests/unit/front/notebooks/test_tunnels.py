"""Tunnels between a client and a notebook: nothing of them stays when one end is gone."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from sagewright.front.notebooks import tunnels
from sagewright.front.notebooks.routes import Notebook, NotebookRoutes
from sagewright.front.notebooks.tunnels import Tunnels

NOTEBOOK = Notebook("lab-a", "id", "a", "InService", Path("/none"))
HELD = 200 * 1024
"""Bytes that a transport holds without pausing the other end."""


async def always() -> bool:
    return True


def pair() -> tuple[socket.socket, socket.socket]:
    both = socket.socketpair()
    for one in both:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    return both


async def made(all_of_them: Tunnels) -> tuple[socket.socket, socket.socket]:
    """Returns the client's and the notebook's sockets of a tunnel."""
    (client, front), (own, notebook) = pair(), pair()
    with all_of_them.room(NOTEBOOK):
        await all_of_them.join(NOTEBOOK, always, front, own, b"")
    return client, notebook


def test_a_client_that_reads_nothing_keeps_no_closed_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "LOOK_S", 0.02)
    monkeypatch.setattr(tunnels, "STALL_S", 0.5)

    async def run() -> None:
        routes = NotebookRoutes(notebooks={NOTEBOOK.label: NOTEBOOK})
        all_of_them, loop = Tunnels(routes), asyncio.get_running_loop()
        client, notebook = await made(all_of_them)
        await loop.sock_sendall(notebook, b"x" * HELD)
        notebook.close()
        await asyncio.sleep(0.2)
        assert len(all_of_them) == 1  # it counts while the client may still read what was sent
        await asyncio.sleep(0.8)
        assert len(all_of_them) == 0
        received = 0
        while piece := await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 5):
            received += len(piece)
        assert received < HELD
        client.close()

    asyncio.run(run())


def test_what_was_sent_before_the_end_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "LOOK_S", 0.02)

    async def run() -> None:
        all_of_them, loop = Tunnels(NotebookRoutes(notebooks={NOTEBOOK.label: NOTEBOOK})), asyncio.get_running_loop()
        client, notebook = await made(all_of_them)
        await loop.sock_sendall(notebook, b"x" * HELD)
        notebook.close()
        received = 0
        while piece := await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 5):
            received += len(piece)
        assert received == HELD
        await asyncio.sleep(0.1)
        assert len(all_of_them) == 0
        client.close()

    asyncio.run(run())
