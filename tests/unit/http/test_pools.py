"""Calls that wait for the network give their slot to others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sagewright.http.pools import CallPool, Full


def test_no_more_at_once_than_slots_in_the_order_in_which_they_came() -> None:
    async def main() -> list[int]:
        pool, running, most, order = CallPool("t", 2, 100), 0, 0, []
        lock = threading.Lock()

        def work(number: int) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                order.append(number)
            threading.Event().wait(0.002)
            with lock:
                running -= 1

        await asyncio.gather(*(pool.run(work, number) for number in range(20)))
        assert most <= 2
        return order

    assert sorted(asyncio.run(main())) == list(range(20))


def test_more_than_may_wait_are_refused() -> None:
    async def main() -> None:
        pool, go = CallPool("t", 1, 1), threading.Event()
        first = asyncio.create_task(pool.run(go.wait))
        second = asyncio.create_task(pool.run(int, 5))
        await asyncio.sleep(0.01)
        with pytest.raises(Full):
            await pool.run(int, 6)
        go.set()
        assert await first
        assert await second == 5
        assert await pool.run(int, 7) == 7

    asyncio.run(main())


def test_who_is_away_keeps_nobody_waiting() -> None:
    async def main() -> None:
        pool, go = CallPool("t", 1, 10, away=3), threading.Event()

        def wait() -> str:
            with pool.away():
                go.wait()
            return "back"

        away = [asyncio.create_task(pool.run(wait)) for _ in range(3)]
        while not pool.strained:
            await asyncio.sleep(0.001)
        assert await pool.run(int, 5) == 5
        go.set()
        assert await asyncio.gather(*away) == ["back"] * 3
        assert not pool.strained
        assert await asyncio.gather(*(pool.run(int, n) for n in range(5))) == list(range(5))

    asyncio.run(main())


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    async def main() -> None:
        pool, go = CallPool("t", 1, 10), threading.Event()
        first = asyncio.create_task(pool.run(go.wait))
        second = asyncio.create_task(pool.run(int, 5))
        await asyncio.sleep(0.01)
        second.cancel()
        third = asyncio.create_task(pool.run(int, 6))
        await asyncio.sleep(0.01)
        go.set()
        await first
        assert await third == 6

    asyncio.run(main())


def test_what_a_call_raises() -> None:
    async def main() -> None:
        pool = CallPool("t", 1, 10)
        for _ in range(3):
            with pytest.raises(ValueError, match="invalid literal"):
                await pool.run(int, "x")

    asyncio.run(main())
