"""The front is looked after from the end of the event log, however long that is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.kinds.serving import ENDPOINT
from sagewright.server.fronting import Fronting
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor, EventEntry, EventSubject, Logged

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
    read: list[Logged] = []
    after = events.after

    def noted(store: Database, cursor: EventCursor, limit: int) -> list[Logged]:
        found = after(store, cursor, limit)
        read.extend(found)
        return found

    monkeypatch.setattr(events, "after", noted)

    async def follow() -> None:
        fronting = Observed(database)
        running = asyncio.create_task(fronting.run())
        await fronting.sent.get()  # at its start
        append(database, ENDPOINT)
        await fronting.sent.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(follow(), 60))
    assert [one.subject.kind for one in read] == [ENDPOINT]
