"""The front is found again by a slow start, and looked after from the end of the event log, however long that is."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.front.link import handshake
from sagewright.front.link.handshake import FrontDirectory
from sagewright.kinds.serving import ENDPOINT
from sagewright.server import fronts
from sagewright.server.fronting import Fronting
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor, EventEntry, EventSubject

ENTRIES = 30


class Observed(Fronting):
    """A front's keeper without a front: notes when it would send routes."""

    def __init__(self, store: Database) -> None:
        self._platform: Any = SimpleNamespace(store=store)
        self._captured: Any = SimpleNamespace(look=lambda: None)
        self._found = self._before = None
        self._link: Any = "there"
        self.sent: asyncio.Queue[None] = asyncio.Queue()

    async def _tell_routes(self) -> None:
        await self.sent.put(None)

    async def _let_sleep(self) -> None:
        pass


def append(store: Database, kind: str) -> None:
    with store.write() as connection:
        events.append(connection, EventSubject(kind, "id"), EventEntry(1, "InService", "", ""))


def test_a_start_reads_nothing_of_the_log_and_then_misses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(ENTRIES):
        append(database, "training")
    read: list[str] = []
    kinds_after = events.kinds_after

    def noted(store: Database, cursor: EventCursor, limit: int) -> tuple[frozenset[str], EventCursor]:
        found = kinds_after(store, cursor, limit)
        read.extend(found[0])
        return found

    monkeypatch.setattr(events, "kinds_after", noted)

    async def follow() -> None:
        fronting = Observed(database)
        running = asyncio.create_task(fronting.run())
        await fronting.sent.get()  # at its start
        append(database, ENDPOINT)
        await fronting.sent.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(follow(), 60))
    assert read == [ENDPOINT]


class Begun(Fronting):
    """A front's keeper at its server's start."""

    def __init__(self, data: Path, main: socket.socket) -> None:
        self._settings: Any = SimpleNamespace(data=data)
        self._serving: Any = SimpleNamespace(use_passage=lambda passage: passage.close())
        self._main, self._server, self.url = main, ("127.0.0.1", 1), "http://127.0.0.1:1"
        self._link = self._before = self._process = None
        self._links, self._writes, self._routes, self._closing = [], set(), "{}", True
        self._found = fronts.find(data)

    def _read_routes(self) -> str:
        return "{}"

    def _know(self, routes: str) -> None:
        pass


def front(listening: socket.socket, closed: threading.Event) -> None:
    """Waits in vain for the server the first time, and is there when it comes again."""
    with socket.create_server(("127.0.0.1", 0)) as runtime:
        for patient in (False, True):
            connection, _ = listening.accept()
            with connection:
                handshake.receive(connection)
                shown = {"release": handshake.release(), "pid": 1, "sockets": [handshake.RUNTIME]}
                handshake.send(connection, shown, [runtime])
                if patient:
                    _, brought = handshake.receive(connection)
                    for one in brought:
                        one.close()
                    connection.recv(1 << 16)  # the routes
                    return
            closed.set()


def test_a_front_that_did_not_wait_for_a_slow_start_is_found_again(tmp_path: Path) -> None:
    place = FrontDirectory(tmp_path)
    place.folder.mkdir(parents=True)
    closed = threading.Event()

    async def begin() -> None:
        fronting = Begun(tmp_path, main)
        first = fronting._found
        assert first is not None
        assert await asyncio.to_thread(closed.wait, 60)
        await fronting.begin()
        assert fronting._before is not None and fronting._link is fronting._before
        assert first.sockets[handshake.RUNTIME].fileno() >= 0  # the server listens on it
        first.sockets[handshake.RUNTIME].close()
        fronting._before.close()
        await asyncio.wait(fronting._writes, timeout=10)

    with fronts._unix_listener(place.control) as listening, socket.create_server(("127.0.0.1", 0)) as main:
        serving = threading.Thread(target=front, args=(listening, closed), daemon=True)
        serving.start()
        asyncio.run(asyncio.wait_for(begin(), 60))
        serving.join(60)
        assert not serving.is_alive()
