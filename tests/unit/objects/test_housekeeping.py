"""Chores are done again and again, whatever becomes of one of them."""

from __future__ import annotations

import threading

import pytest

from sagewright.model.errors import ServiceUnavailable
from sagewright.objects.housekeeping import Chore, Housekeeper


@pytest.mark.parametrize(
    ("error", "traceback"), [(ServiceUnavailable("the store is locked"), False), (RuntimeError("a fault"), True)]
)
def test_a_chore_that_fails_is_done_again_and_a_busy_store_is_no_fault(
    error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    done, tries = threading.Event(), []

    def act() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise error
        done.set()

    keeper = Housekeeper([Chore("a chore", 0.01, act)], threading.Event())
    keeper.start()
    assert done.wait(20)
    keeper.end()
    (record,) = [record for record in caplog.records if "a chore" in record.getMessage()]
    assert bool(record.exc_info) is traceback
