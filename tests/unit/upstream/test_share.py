"""A container's share: deadlines, memory, processor time."""

from __future__ import annotations

import asyncio

import pytest

from sagewright.upstream import share
from sagewright.upstream.share import UpstreamShare


class Held:
    """An exchange that notes what becomes of it."""

    def __init__(self) -> None:
        self.paused = self.expired = self.silent = False

    def expire(self) -> None:
        self.expired = True

    def stalled(self, _now: float) -> bool:
        return self.silent

    def hold(self) -> None:
        self.paused = True

    def proceed(self) -> None:
        self.paused = False


def test_large_answers_are_read_one_after_the_other() -> None:
    one, two, three = Held(), Held(), Held()
    kept = UpstreamShare(8)
    half = share.MOST_HELD // 2
    kept.weigh(one, half)
    kept.weigh(two, half)
    assert not one.paused and not two.paused
    kept.weigh(three, 1)
    kept.weigh(two, half + 1)
    kept.weigh(one, half + 1)
    assert (one.paused, two.paused, three.paused) == (False, True, True), "the oldest goes on"
    kept.leave(one)
    assert (two.paused, three.paused) == (False, False)
    kept.weigh(two, 2 * share.MOST_HELD)
    kept.weigh(three, 2)
    assert (two.paused, three.paused) == (False, True)
    kept.leave(three)
    kept.leave(two)


def test_tiny_pieces_have_to_rest() -> None:
    async def run() -> None:
        kept = UpstreamShare(8)
        assert kept.pause_s(share.BURST) == 0
        assert kept.pause_s(share.PIECES_PER_S) == pytest.approx(1, abs=0.1)

    asyncio.run(run())


def test_deadlines_can_be_stopped_and_extended() -> None:
    async def run() -> None:
        kept = UpstreamShare(8)
        now = asyncio.get_running_loop().time()
        late, stopped, extended, silent = Held(), Held(), Held(), Held()
        for one in (late, stopped, extended):
            kept.watch(one, now + 0.05)
        kept.watch(silent, now + 1000)
        kept.stop(stopped)
        kept.extend(extended, 1000)
        silent.silent = True
        await asyncio.sleep(0.5)
        assert (late.expired, stopped.expired, extended.expired, silent.expired) == (True, False, False, True)
        kept.start(stopped)
        await asyncio.sleep(0.6)
        assert stopped.expired
        for one in (late, stopped, extended, silent):
            kept.leave(one)

    asyncio.run(run())
