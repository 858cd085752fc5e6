"""Access keys at the front: a deleted one ends at once, and a server that is away takes nobody's key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sagewright.front import lookups as module
from sagewright.front.keys import Keys


class Server:
    """The other end: it answers at once, `silent` not at all; one that is not `there` can't be asked."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.keys = Keys(self._ask, self._present)
        self.known: dict[str, dict[str, Any]] = {}
        self.requested = 0
        self.there, self.silent = True, False

    def _ask(self, key_id: str) -> bool:
        if not self.there:
            return False
        self.requested += 1
        if not self.silent:
            self.keys.learn(key_id, self.known.get(key_id))
        return True

    async def _present(self, _wait_s: float) -> bool:
        return self.there

    def has(self, key_id: str, job_id: str | None = None) -> None:
        self.known[key_id] = {
            "id": key_id, "secret": "s", "session_token": None, "principal_arn": "arn", "user_id": "u", "expires_ms": None,
            "job_id": job_id,
        }  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    made = Server()
    with made.runner:
        yield made


def found(server: Server, key_id: str) -> bool:
    async def look() -> bool:
        await server.keys.look_up(key_id)
        return server.keys.find(key_id) is not None

    return server.runner.run(look())


def test_a_key_of_a_job_ends_with_it_at_once(server: Server) -> None:
    server.has("J", "job")
    assert found(server, "J")
    server.known.clear()
    assert not found(server, "J")


def test_another_key_is_asked_for_again_after_a_moment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.has("K")
    assert found(server, "K")
    assert found(server, "K")
    assert server.requested == 1
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    server.known.clear()
    assert not found(server, "K"), "the first request after it was deleted"


@pytest.mark.parametrize("away", ["there", "silent"])
def test_without_a_server_known_keys_are_good(server: Server, monkeypatch: pytest.MonkeyPatch, away: str) -> None:
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    server.has("K")
    server.has("J", "job")
    assert found(server, "K")
    assert found(server, "J")
    setattr(server, away, away == "silent")
    assert found(server, "K")
    assert found(server, "J")
    monkeypatch.setattr(module, "STALE_S", 0.0)
    assert found(server, "K")
    with pytest.raises(TimeoutError):
        found(server, "J")
    with pytest.raises(TimeoutError):
        found(server, "UNKNOWN")


def test_who_waits_for_a_server_that_goes_is_told(server: Server) -> None:
    async def look() -> None:
        server.silent = True
        waiting = asyncio.create_task(server.keys.look_up("K"))
        await asyncio.sleep(0)
        server.keys.give_up()
        with pytest.raises(TimeoutError):
            await waiting

    asyncio.run(look())


def test_names_that_strangers_made_up_displace_no_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    server.has("K")
    assert found(server, "K")
    assert not any(found(server, f"made-up-{number}") for number in range(20))
    server.there = False
    assert found(server, "K")
