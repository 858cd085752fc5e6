"""An answer's head goes out with its body, and never late."""

from __future__ import annotations

import asyncio

import pytest

from sagewright.http.joined import SMALL, JoinedTransport


class Recorder:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed_after: int | None = None

    def write(self, data: bytes) -> None:
        assert self.closed_after is None
        self.writes.append(data)

    def close(self) -> None:
        self.closed_after = len(self.writes)

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b"one", b"two"], [b"headone", b"two"]),
        ([b"head", b""], [b"head"]),
        ([b"head", b"x" * (SMALL + 1)], [b"head", b"x" * (SMALL + 1)]),
    ],
)
def test_the_head_goes_with_the_first_piece(pieces: list[bytes], expected: list[bytes]) -> None:
    async def run() -> list[bytes]:
        recorder = Recorder()
        joined = JoinedTransport(recorder, asyncio.get_running_loop())
        for piece in pieces:
            joined.write(piece)
        assert recorder.writes == expected
        await asyncio.sleep(0)
        return recorder.writes

    assert asyncio.run(run()) == expected


def test_a_head_alone_goes_at_the_loops_next_turn() -> None:
    async def run() -> None:
        recorder = Recorder()
        joined = JoinedTransport(recorder, asyncio.get_running_loop())
        joined.write(b"head")
        assert recorder.writes == []
        await asyncio.sleep(0)
        assert recorder.writes == [b"head"]
        joined.write(b"later")
        assert recorder.writes == [b"head", b"later"]

    asyncio.run(run())


def test_closing_sends_the_head_first() -> None:
    async def run() -> None:
        recorder = Recorder()
        joined = JoinedTransport(recorder, asyncio.get_running_loop())
        joined.write(b"head")
        joined.close()
        assert (recorder.writes, recorder.closed_after) == ([b"head"], 1)
        assert joined.get_extra_info("socket") == "socket"
        await asyncio.sleep(0)

    asyncio.run(run())
