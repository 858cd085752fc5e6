"""A busy door leaves the CPU to the server; a calm one takes it at once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from sagewright.tls import eagerness
from sagewright.tls.door import Inside, Outside, TlsDoor
from sagewright.tls.eagerness import BUSY, CALM, SAMPLE, SAMPLE_S, Eagerness


@dataclass
class Clock:
    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(eagerness, "time", made)
    monkeypatch.setattr(eagerness, "SAMPLE_S", 0.0)
    return made


def in_own_thread(work: Callable[[Eagerness], None]) -> None:
    """Runs in a thread, which has a policy of its own, and a loop."""
    faults: list[BaseException] = []

    async def run() -> None:
        work(Eagerness())

    def follow() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]


def busy(tried: Eagerness) -> bool:
    return tried.is_busy


def policy() -> int:
    return os.sched_getscheduler(0)


def reads(tried: Eagerness, clock: Clock, count: int, per_s: float) -> None:
    for _ in range(count):
        clock.now += 1 / per_s
        tried.count()


def test_many_reads_a_second_make_it_busy_and_few_calm(clock: Clock) -> None:
    def work(tried: Eagerness) -> None:
        reads(tried, clock, 5 * SAMPLE, BUSY / 2)
        assert (busy(tried), policy()) == (False, os.SCHED_OTHER)
        reads(tried, clock, 2 * SAMPLE, BUSY * 2)
        assert (busy(tried), policy()) == (True, os.SCHED_BATCH)
        reads(tried, clock, int(CALM), (BUSY + CALM) / 2)
        tried._look()  # the timer's
        assert busy(tried)
        clock.now += SAMPLE_S  # nobody asks any more
        tried._look()
        assert (busy(tried), policy()) == (False, os.SCHED_OTHER)
        reads(tried, clock, 2 * SAMPLE, BUSY * 2)
        assert busy(tried)

    in_own_thread(work)


def test_it_becomes_calm_by_itself(clock: Clock) -> None:
    async def run() -> None:
        tried = Eagerness()
        reads(tried, clock, 2 * SAMPLE, BUSY * 2)
        clock.now += SAMPLE_S
        while tried.is_busy:
            await asyncio.sleep(0)
        assert policy() == os.SCHED_OTHER

    asyncio.run(asyncio.wait_for(run(), 60))


def test_where_it_is_forbidden_the_door_goes_on(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    in_own_thread(lambda tried: reads(tried, clock, 2 * SAMPLE, BUSY * 2))


def test_both_sides_of_a_connection_count() -> None:
    counted: list[int] = []
    door = cast(TlsDoor, SimpleNamespace(eagerness=SimpleNamespace(count=lambda: counted.append(1))))
    outside = Outside(door)
    outside.data_received(b"request")
    inside = Inside(door, outside)
    inside.other = None
    inside.data_received(b"answer")
    assert len(counted) == 2
