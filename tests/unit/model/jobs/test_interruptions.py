from __future__ import annotations

import statistics

import pytest

from sagewright.model.jobs.interruptions import HOUR_MS, BadSchedule, InterruptionSchedule, parse


def test_attempts_of_a_list_are_cut_one_after_the_other() -> None:
    schedule = parse(" after=20,1.5 ")
    assert schedule == InterruptionSchedule(after_s=(20.0, 1.5))
    assert [schedule.limit_ms(attempt, "job") for attempt in (1, 2, 3)] == [20_000, 1_500, None]


def test_a_rate_is_drawn_once_for_an_attempt_and_has_its_mean() -> None:
    schedule = parse("rate=6")
    assert schedule.limit_ms(1, "job") == schedule.limit_ms(1, "job") != schedule.limit_ms(2, "job")
    drawn = [schedule.limit_ms(1, f"job-{n}") or 0 for n in range(2000)]
    assert statistics.mean(drawn) == pytest.approx(HOUR_MS / 6, rel=0.1)


def test_nothing_is_never() -> None:
    assert parse("").limit_ms(1, "job") is None


@pytest.mark.parametrize("text", ["often", "after=", "after=1,", "rate=-1", "rate=1,2", "after=1 rate=2"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(BadSchedule, match=r"must be after=SECONDS\[,SECONDS…\] or rate=NUMBER"):
        parse(text)
