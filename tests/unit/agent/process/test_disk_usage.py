"""Which hosts end on a disk that runs short: those that write, the fastest first; never one that writes nothing."""

from __future__ import annotations

import pytest

from sagewright.agent.process.disk_usage import Writing
from sagewright.model.disk_room import DiskRoom

MIB = 1 << 20
FLOOR = 512 * MIB


def host(*used: int, given: int | None = 0) -> Writing:
    """A host that had so many bytes at each second."""
    writing = Writing()
    writing.begin(given)
    for second, size in enumerate(used):
        writing.measure(size, float(second))
    return writing


def ends(writing: Writing, free_mb: int) -> bool:
    return writing.ends(DiskRoom(100 << 30, free_mb * MIB), FLOOR)


def test_with_room_nobody_ends() -> None:
    assert not ends(host(0, 50 << 30), 512)


@pytest.mark.parametrize("free_mb", [511, 383, 200, 0])
def test_who_writes_nothing_never_ends(free_mb: int) -> None:
    for idle in (
        host(),
        host(0, 0, 0),
        host(9 << 30, 9 << 30, given=None),
        host(9 << 30, given=9 << 30),
        host(0, 40 << 10),
    ):
        assert not ends(idle, free_mb)


def test_fast_writers_end_first_then_slower_ones_then_those_that_hold_much() -> None:
    fast, slow = host(0, 200 * MIB), host(0, 20 * MIB)
    crawling = host(0, MIB)
    holding = host(200 * MIB, 200 * MIB)
    order = [[ends(one, free_mb) for one in (fast, slow, crawling, holding)] for free_mb in (500, 300, 200)]
    assert order == [[True, False, False, False], [True, True, False, False], [True, True, True, True]]


def test_what_was_written_long_ago_is_no_recent_writing() -> None:
    writing = Writing()
    writing.begin(None)
    for at, size in ((0.0, 0), (1.0, 200 * MIB), (40.0, 200 * MIB), (80.0, 200 * MIB)):
        writing.measure(size, at)
    assert writing.recent == 0 and writing.held == 200 * MIB
    assert not ends(writing, 500)


def test_a_small_disk_has_small_floors() -> None:
    room = DiskRoom(64 * MIB, 3 * MIB)
    assert room.host_floor(512) == 64 * MIB // 20
    assert room.client_floor(1024, 512) == 64 * MIB // 10
    assert host(0, 500 << 10).ends(room, room.host_floor(512))
    assert not host(0, 1 << 10).ends(room, room.host_floor(512))


def test_clients_never_leave_less_than_hosts() -> None:
    assert DiskRoom(100 << 30, 0).client_floor(0, 512) == FLOOR
