"""Due times of monitoring schedules, and the windows of their executions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.model_monitors.documents import MonitoringScheduleDocument, Timing
from sagewright.engine.model_monitors.offsets import BadOffset, read_offset_ms
from sagewright.engine.model_monitors.windows import (
    HOUR_MS,
    AnalysisWindow,
    due_ms,
    path_of,
    period_ms,
    read_expression,
    window,
)


def at(hour: int, minute: int = 0, day: int = 10) -> int:
    return int(datetime(2026, 3, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


def schedule(expression: str | None, requested: int, since: int = 0) -> MonitoringScheduleDocument:
    timing = {"ScheduleConfig": {"ScheduleExpression": expression}} if expression else {}
    return MonitoringScheduleDocument.read(
        {
            "MonitoringScheduleConfig": timing,
            "MonitoringType": "DataQuality",
            "RequestedMs": requested,
            "SinceMs": since,
        }
    )


@pytest.mark.parametrize(
    ("text", "hours"),
    [("-PT1H", -1), ("-P1D", -24), ("-P1W", -168), ("-P1DT2H", -26), ("PT0H", 0), ("-PT0S", 0), ("-PT90M", -1.5)],
)
def test_offsets_are_read(text: str, hours: float) -> None:
    assert read_offset_ms(text) == hours * HOUR_MS


@pytest.mark.parametrize("text", ["", "P", "-P", "PT", "-P1DT", "1H", "-PT1X", "PT1H", "+P1D", "--PT1H", "-PT1H "])
def test_what_is_no_offset_into_the_past_is_refused(text: str) -> None:
    with pytest.raises(BadOffset):
        read_offset_ms(text)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("cron(0 * ? * * *)", 1),
        ("cron(0 17 ? * * *)", 24),
        ("cron(0 1/8 ? * * *)", 8),
        ("cron(0 0/5 ? * * *)", 4),
        ("NOW", 1),
    ],
)
def test_the_period_is_the_shortest_between_two_times(text: str, hours: int) -> None:
    assert period_ms(Timing(expression=text)) == hours * HOUR_MS


@pytest.mark.parametrize(
    "text",
    ["now", "cron(0/5 * ? * * *)", "cron(0 0 1 * ? *)", "cron(0 * ? * MON *)", "rate(1 hour)", "cron(0 24 ? * * *)"],
)
def test_forms_that_aws_does_not_list_are_refused(text: str) -> None:
    with pytest.raises(BadScheduleExpression):
        read_expression(text)


def test_each_due_time_follows_the_one_before() -> None:
    hourly = "cron(0 * ? * * *)"
    assert due_ms(schedule(hourly, at(8, 30)), at(8, 40)) == at(9)
    assert due_ms(schedule(hourly, at(8, 30), since=at(9)), at(11, 5)) == at(10)
    assert due_ms(schedule(None, at(8)), at(9)) == at(0, day=11)
    assert due_ms(schedule(hourly, at(8, day=1), since=at(9, day=1)), at(12)) == at(12, day=9)  # the last day's at most


def test_now_is_due_once_each_time_it_is_requested() -> None:
    assert due_ms(schedule("NOW", at(8)), at(9)) == at(8)
    assert due_ms(schedule("NOW", at(8), since=at(8)), at(9)) is None


@pytest.mark.parametrize(
    ("timing", "offsets", "expected"),
    [
        (Timing(expression="cron(0 * ? * * *)"), (None, None), (at(11), at(12))),
        (Timing(expression="cron(0 12 ? * * *)"), (None, None), (at(12, day=9), at(12))),
        (Timing(expression="cron(0 0/12 ? * * *)"), (None, None), (at(0), at(12))),
        (Timing(expression="cron(0 * ? * * *)"), ("-PT3H", "-PT2H"), (at(9), at(10))),
        (Timing(expression="NOW", start="-PT5H", end="-PT1H"), ("-P9D", None), (at(7), at(11))),
        (Timing(expression="cron(0 12 ? * * *)"), (None, "-PT1H"), (at(12, day=9), at(11))),
    ],
)
def test_a_window_reaches_back_to_the_time_before_or_as_its_offsets_say(
    timing: Timing | None, offsets: tuple[str | None, str | None], expected: tuple[int, int]
) -> None:
    found = window(timing, at(12), offsets)
    assert (found.start_ms, found.end_ms) == expected


def test_a_window_touches_whole_hours() -> None:
    assert [path_of(one) for one in AnalysisWindow(at(9, 30), at(11)).hours()] == ["2026/03/10/09", "2026/03/10/10"]
    assert [path_of(one) for one in AnalysisWindow(at(9, 30), at(11, 1)).hours()][-1] == "2026/03/10/11"
