"""Many requests that want the routes of now ask the server little, and none receives routes that are older than it is."""

from __future__ import annotations

import asyncio

from sagewright.front.invocations.refreshing import Refreshing


def test_those_that_come_meanwhile_share_the_next_answer() -> None:
    requested: list[int] = []
    answered: list[int] = []

    async def main() -> None:
        hold = asyncio.Event()

        async def ask() -> None:
            requested.append(len(requested))
            await hold.wait()
            answered.append(len(answered))

        refreshing = Refreshing(ask)
        first = asyncio.create_task(refreshing())
        await asyncio.sleep(0.01)
        assert requested == [0]
        later = [asyncio.create_task(refreshing()) for _ in range(50)]
        await asyncio.sleep(0.01)
        assert requested == [0], "one question at a time"
        later[0].cancel()  # whose client has gone: the others are answered all the same
        hold.set()
        await asyncio.gather(first, *later[1:])
        assert (requested, answered) == ([0, 1], [0, 1]), "what was under way when they came was too old for them"
        await refreshing()
        assert requested == [0, 1, 2]

    asyncio.run(main())


def test_a_question_that_fails_fails_those_who_wait_and_no_others() -> None:
    async def main() -> None:
        faults = iter([RuntimeError("away"), None])

        async def ask() -> None:
            if (fault := next(faults)) is not None:
                raise fault

        refreshing = Refreshing(ask)
        results = await asyncio.gather(refreshing(), refreshing(), return_exceptions=True)
        assert [str(one) for one in results] == ["away", "away"]
        await refreshing()

    asyncio.run(main())
