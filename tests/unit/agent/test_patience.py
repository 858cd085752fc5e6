"""How long the agent goes on, and what ends it where nothing else does."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time

import pytest

from sagewright.agent.control import Control
from sagewright.agent.errors import JobGone, JobStopped, TooLate
from sagewright.agent.parallel import attended, for_each
from sagewright.agent.patience import BYTES_PER_S, HostPatience


def test_nothing_limits_what_was_not_stopped() -> None:
    patience = HostPatience(Control(), 1, lambda: False)
    assert patience.left_s() == math.inf
    patience.begin()
    assert patience.left_s() == math.inf
    patience.check()


def test_a_stop_leaves_the_grace_and_time_for_the_bytes() -> None:
    control = Control()
    patience = HostPatience(control, 0.2, lambda: False)
    control.ask_stop()
    time.sleep(0.3)
    patience.begin()  # the process has used its own grace
    patience.check()
    patience.allow(10 * BYTES_PER_S)
    assert patience.left_s() == pytest.approx(10.2, abs=0.1)
    patience.begin()
    time.sleep(0.25)
    with pytest.raises(TooLate):
        patience.check()


def test_the_jobs_time_ends_an_upload_too() -> None:
    control = Control()
    control.deadline = time.monotonic() + 0.1
    patience = HostPatience(control, 0.1, lambda: False)
    patience.begin()
    patience.check()
    time.sleep(0.25)
    with pytest.raises(TooLate):
        patience.check()


def test_time_without_the_server_does_not_count() -> None:
    control = Control()
    away = [True]
    patience = HostPatience(control, 0.1, lambda: away[0])
    control.ask_stop()
    patience.begin()
    for _look in range(5):
        time.sleep(0.05)
        patience.check()
    away[0] = False
    time.sleep(0.2)
    with pytest.raises(TooLate):
        patience.check()


def test_a_job_that_is_gone_ends_at_once() -> None:
    control = Control()
    patience = HostPatience(control, 10, lambda: False)
    control.take("gone")
    with pytest.raises(JobGone):
        patience.check()


def test_work_before_the_process_ends_with_the_jobs_time() -> None:
    control = Control()
    control.deadline = time.monotonic() + 0.05
    control.check()
    time.sleep(0.1)
    with pytest.raises(JobStopped):
        control.check()


def test_stuck_work_is_left_behind() -> None:
    until, stuck = time.monotonic() + 0.3, threading.Event()

    def check() -> None:
        if time.monotonic() > until:
            raise TooLate

    with pytest.raises(TooLate):
        for_each(range(100), lambda _item: stuck.wait(30), check, 4)
    with pytest.raises(TooLate):
        attended(lambda: stuck.wait(30), check)
    assert time.monotonic() < until + 20
    stuck.set()


def test_items_are_taken_as_they_are_needed_and_errors_are_raised() -> None:
    taken = []

    def items() -> object:
        for number in range(10**9):
            taken.append(number)
            yield number

    def act(number: int) -> None:
        if number == 50:
            raise ValueError("50")

    with pytest.raises(ValueError, match="50"):
        for_each(items(), act, lambda: None, 4)  # type: ignore[arg-type]
    assert len(taken) < 100
    assert attended(lambda: 7, lambda: None) == 7


STUCK = """
import threading, time
from sagewright.agent.control import Control
from sagewright.agent.watchdog import SPARE_S, Watchdog
since = time.monotonic()
overdue_s = lambda: time.monotonic() - since + SPARE_S - 1
Watchdog(Control(), overdue_s, lambda: print("last words", flush=True)).start()
threading.Event().wait(60)
"""


def test_the_watchdog_ends_what_is_stuck_after_it_has_said_so() -> None:
    """In a process of its own, which hangs in something that nothing interrupts."""
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("last words\n", 0)
    assert "exits" in done.stderr
