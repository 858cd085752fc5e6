"""One sync for all that came while the one before ran."""

from __future__ import annotations

import asyncio
import threading

from sagewright.http.promises import SharedSync


class Disk:
    """Syncs when the test lets it."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.go = threading.Semaphore(0)
        self.fails = False

    def sync(self) -> None:
        self.begun += 1
        assert self.go.acquire(timeout=60)
        if self.fails:
            raise OSError(5, "Input/output error")
        self.ended += 1


async def until(disk: Disk, begun: int) -> None:
    while disk.begun < begun:
        await asyncio.sleep(0.001)


def test_who_comes_late_waits_for_the_next_one() -> None:
    async def play() -> None:
        disk = Disk()
        shared = SharedSync(disk.sync)
        first = asyncio.create_task(shared.wait())
        await until(disk, 1)
        late = [asyncio.create_task(shared.wait()) for _ in range(20)]
        await asyncio.sleep(0.01)
        disk.go.release()
        await first
        assert not any(task.done() for task in late), "that sync had begun before they came"
        await until(disk, 2)
        gone = late.pop()
        gone.cancel()
        disk.go.release()
        await asyncio.gather(*late)
        assert (disk.begun, disk.ended) == (2, 2)
        again = asyncio.create_task(shared.wait())
        disk.go.release()
        await again
        assert disk.ended == 3

    asyncio.run(play())


def test_a_disk_that_fails_is_told_to_all_who_waited_and_to_nobody_else() -> None:
    async def play() -> None:
        disk = Disk()
        shared = SharedSync(disk.sync)
        waiting = [asyncio.create_task(shared.wait()) for _ in range(3)]
        await until(disk, 1)
        disk.fails = True
        disk.go.release()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [OSError] * 3
        disk.fails = False
        disk.go.release()
        await shared.wait()

    asyncio.run(play())


def test_a_loop_that_ends_leaves_nobody_waiting() -> None:
    async def play() -> asyncio.Task[None]:
        disk = Disk()
        waiting = asyncio.create_task(SharedSync(disk.sync).wait())
        await until(disk, 1)
        disk.go.release()
        return waiting

    assert asyncio.run(play()).done()
