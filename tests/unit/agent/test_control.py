"""Requests to the agent: which one takes precedence, and that its main thread wakes."""

from __future__ import annotations

import itertools
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sagewright.agent.control import Control
from sagewright.agent.errors import ClientError, JobError, JobGone, JobStopped, Overdue


@pytest.fixture
def control() -> Iterator[Control]:
    made = Control()
    yield made
    os.close(made.wake_fd)
    os.close(made._signal_fd)


def wakes(control: Control, within_s: float = 0) -> bool:
    return bool(select.select([control.wake_fd], [], [], within_s)[0])


@pytest.mark.parametrize(
    ("desired", "raised"),
    [
        ("stop", JobStopped),
        ("interrupt", JobStopped),
        ("gone", JobGone),
        ("finish", JobGone),
        ("run", None),
        ("collect", None),
        ("new", None),
    ],
)
def test_a_wish_of_the_server(control: Control, desired: str, raised: type[Exception] | None) -> None:
    control.take(desired)
    assert wakes(control) == (raised is not None)
    if raised is None:
        control.check()
        return
    with pytest.raises(raised):
        control.check()
    control.drain()
    assert not wakes(control)


PRESSURES: dict[str, Callable[[Control], None]] = {
    "failure": lambda control: control.fail(ClientError("first")),
    "another failure": lambda control: control.fail(ClientError("second")),
    "gone": lambda control: control.take("gone"),
    "stop": lambda control: control.take("stop"),
    "time": lambda control: setattr(control, "deadline", time.monotonic() - 1),
}


@pytest.mark.parametrize("order", [*itertools.permutations(PRESSURES)], ids="-".join)
def test_the_first_failure_wins_then_gone_then_a_stop_then_the_time(control: Control, order: tuple[str, ...]) -> None:
    for name in order:
        PRESSURES[name](control)
    first = "first" if order.index("failure") < order.index("another failure") else "second"
    with pytest.raises(JobError, match=first):
        control.check()
    control.failure = None
    with pytest.raises(JobGone):
        control.check()
    control.gone = False
    with pytest.raises(JobStopped) as caught:
        control.check()
    assert type(caught.value) is JobStopped
    control.stop = False
    with pytest.raises(Overdue):
        control.check()


def test_over_since_the_earlier_of_a_stop_and_the_deadline(control: Control) -> None:
    now = time.monotonic()
    assert control.over_since() is None
    control.deadline = now + 1000
    assert control.over_since() is None
    control.ask_stop()
    stopped = control.stopped_at
    assert stopped is not None
    assert control.over_since() == stopped
    control.ask_stop()
    assert control.over_since() == stopped
    control.deadline = now - 5
    assert control.over_since() == now - 5


def test_any_number_of_wishes_leaves_one_drain_to_do(control: Control) -> None:
    """A full pipe blocks nobody, and can be emptied again."""
    for _ in range(100_000):
        control.ask_stop()
    while wakes(control):
        control.drain()
    control.ask_stop()
    assert wakes(control)


def test_a_wish_from_another_thread_wakes_one_that_waits(control: Control) -> None:
    threading.Timer(0.05, control.take, ["stop"]).start()
    assert wakes(control, within_s=20)


def test_a_signal_asks_for_a_stop_and_wakes(control: Control) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    control.stop_at(signal.SIGUSR2)
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert wakes(control, within_s=20)
        assert control.stop
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR2, before)
