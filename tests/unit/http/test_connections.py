"""Whose connections make room for whose."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sagewright.http.connections import Connections
from sagewright.http.limits import BodyPace, ConnectionLimits


@dataclass(eq=False)
class Double:
    """A connection that notes what is done to it."""

    address: str = "a"
    proven: bool = False
    held: int = 0
    crowded: bool = False
    idle: bool = True
    dropped: bool = False
    checked: float | None = None
    faulty: bool = False

    def drop(self) -> None:
        self.dropped = True

    def check(self, now: float) -> None:
        if self.faulty:
            raise RuntimeError("broken")
        self.checked = now


def added(connections: Connections, count: int, address: str = "a") -> list[Double]:
    made = [Double(address) for _ in range(count)]
    for one in made:
        connections.add(one)
    return made


def test_the_oldest_stranger_makes_room_for_a_new_one() -> None:
    connections = Connections(ConnectionLimits(unproven=3))
    first, second, *_ = strangers = added(connections, 5)
    assert [one.dropped for one in strangers] == [True, True, False, False, False]
    assert first.dropped
    assert second.dropped
    assert len(connections) == 3


def test_who_is_known_makes_room_for_nobody_s_new_connection() -> None:
    connections = Connections(ConnectionLimits(unproven=2))
    (known,) = added(connections, 1)
    connections.prove(known)
    added(connections, 10)
    assert not known.dropped
    assert len(connections) == 3


def test_among_all_strangers_go_first_then_who_is_idle_and_nobody_who_is_at_work() -> None:
    connections = Connections(ConnectionLimits(connections=3, per_address=10, overflow=1))
    at_work, idle, stranger = added(connections, 3)
    for one in (at_work, idle):
        connections.prove(one)
    at_work.idle = False
    (fourth,) = added(connections, 1)
    assert (stranger.dropped, fourth.crowded) == (True, False)
    connections.prove(fourth)
    fourth.idle = False
    (fifth,) = added(connections, 1)
    assert (idle.dropped, fifth.crowded) == (True, False)
    connections.prove(fifth)
    fifth.idle = False
    (sixth,) = added(connections, 1)
    assert (sixth.crowded, sixth.dropped, at_work.dropped) == (True, False, False)
    sixth.idle = False
    connections.prove(sixth)
    (seventh,) = added(connections, 1)
    assert seventh.dropped


def test_an_address_makes_room_for_itself() -> None:
    connections = Connections(ConnectionLimits(per_address=2))
    (other,) = added(connections, 1, "b")
    mine = added(connections, 4, "a")
    assert [one.dropped for one in mine] == [True, True, False, False]
    assert not other.dropped


def test_the_largest_holders_are_dropped_when_strangers_hold_too_much() -> None:
    connections = Connections(ConnectionLimits(unproven_bytes=100))
    small, large, new = added(connections, 3)
    connections.hold(small, 20)
    connections.hold(large, 70)
    connections.hold(new, 30)
    assert [one.dropped for one in (small, large, new)] == [False, True, False]
    assert connections.held == 50
    connections.release(small)
    connections.remove(new)
    assert connections.held == 0


def test_who_is_known_holds_what_they_want() -> None:
    connections = Connections(ConnectionLimits(unproven_bytes=100))
    (one,) = added(connections, 1)
    connections.hold(one, 90)
    connections.prove(one)
    assert (connections.held, one.dropped) == (0, False)


def test_one_that_can_not_be_checked_keeps_no_other_from_it() -> None:
    connections = Connections()
    faulty, other = added(connections, 2)
    faulty.faulty = True
    connections.sweep(7.0)
    assert (faulty.dropped, other.checked) == (True, 7.0)


@pytest.mark.parametrize(
    ("waited_s", "got", "due_s"), [(0, 0, 10), (5, 0, 10), (95, 0, 5), (101, 0, -1), (101, 500, 4), (101, 100_000, 10)]
)
def test_a_pace(waited_s: float, got: int, due_s: float) -> None:
    assert BodyPace(idle_s=10, grace_s=100, bytes_per_s=100).due(waited_s, got) == due_s
