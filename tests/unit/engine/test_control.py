"""The engine wakes what something happened to, what is due, and everything that is not over now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from sagewright.engine import control
from sagewright.engine.control import Engine, Subject
from sagewright.model.errors import ServiceUnavailable

WAIT_S = 20


class Noting:
    """A reconciler that notes its steps. `raises`: once, by subject."""

    kinds: tuple[str, ...] = ("thing", "other thing")

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.steps: list[str] = []
        self.raises: dict[str, Exception] = {}
        self.left: list[tuple[str, str]] = []
        self.recovered = 0

    def recover(self) -> None:
        self.recovered += 1

    def active(self) -> list[tuple[str, str]]:
        if (error := self.raises.pop("sweep", None)) is not None:
            raise error
        return self.left

    def reconcile(self, subject_id: str) -> None:
        with self.changed:
            self.steps.append(subject_id)
            self.changed.notify_all()
        if (error := self.raises.pop(subject_id, None)) is not None:
            raise error

    def until(self, subject_id: str, times: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.steps.count(subject_id) >= times, WAIT_S), self.steps


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def engine(noting: Noting) -> Iterator[Engine]:
    made = Engine()
    made.add(noting)
    made.start()
    yield made
    made.stop()


def test_it_recovers_before_anything_else(engine: Engine, noting: Noting) -> None:
    assert noting.recovered == 1


@pytest.mark.parametrize("kind", Noting.kinds)
def test_a_wake_is_a_step(engine: Engine, noting: Noting, kind: str) -> None:
    engine.wake(kind, "a")
    noting.until("a")


def test_a_fault_of_one_step_stops_nothing(engine: Engine, noting: Noting, caplog: pytest.LogCaptureFixture) -> None:
    noting.raises = {"a": RuntimeError("broken"), "b": ServiceUnavailable("the disk is full")}
    for subject in ("a", "b"):
        engine.wake("thing", subject)
        noting.until(subject)
        engine.wake("thing", subject)
        noting.until(subject, 2)
    engine.wake("no kind of ours", "c")
    engine.wake("thing", "d")
    noting.until("d")
    assert "c" not in noting.steps
    assert any("b is looked at later: the disk is full" in message for message in caplog.messages)


def test_what_is_not_over_is_looked_at_again_and_again(engine: Engine, noting: Noting) -> None:
    noting.left = [("thing", "a"), ("other thing", "b")]
    for subject in ("a", "b"):
        noting.until(subject, 2)


def test_a_sweep_that_fails_is_followed_by_another(engine: Engine, noting: Noting) -> None:
    noting.raises = {"sweep": RuntimeError("broken")}
    noting.left = [("thing", "a")]
    noting.until("a")


def test_timers_come_in_their_order_and_not_before_their_time(engine: Engine, noting: Noting) -> None:
    began = time.monotonic()
    engine.wake_after(0.3, "thing", "later")
    engine.wake_after(0.1, "thing", "sooner")
    noting.until("later")
    assert time.monotonic() - began >= 0.3
    assert noting.steps == ["sooner", "later"]


def test_a_stopped_engine_takes_no_step(noting: Noting) -> None:
    made = Engine()
    made.add(noting)
    made.start()
    made.stop()
    made.wake("thing", "a")
    made.wake_after(0.0, "thing", "b")
    made.stop()  # once more is no fault
    assert noting.steps == []


def test_a_time_that_is_asked_for_again_and_again_counts_once(noting: Noting) -> None:
    made = Engine()
    made.add(noting)
    due = time.monotonic() + 60
    for _ in range(100):
        made.wake_after(due - time.monotonic(), "thing", "a")
    assert len(made._timers) <= 2  # on either side of a tick


def test_new_subjects_come_at_once_or_together(engine: Engine, noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "TOGETHER_S", 0.5)
    everything = Subject("other thing", "all")
    began = time.monotonic()
    for name in ("first", "second", "third"):
        engine.wake_new(Subject("thing", name), everything)
    noting.until("first")
    if time.monotonic() - began < 0.4:
        assert noting.steps == ["first"]
    noting.until("all")
    assert time.monotonic() - began >= 0.5
    assert sorted(noting.steps) == ["all", "first"]
    time.sleep(0.6)
    engine.wake_new(Subject("thing", "fourth"), everything)
    noting.until("fourth")
