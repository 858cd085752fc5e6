"""When schedules of EventBridge Scheduler are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.events.timetables import BadZone, ScheduleDocument, next_ms, passed_ms, read_timetable

BERLIN = "Europe/Berlin"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def times(expression: str, zone: str, after: str, count: int) -> list[str]:
    found, at = [], ms(after)
    timetable = read_timetable(expression, zone)
    for _ in range(count):
        due = timetable.after(at)
        assert due is not None
        assert due > at
        found.append(datetime.fromtimestamp(due / 1000, UTC).strftime("%Y-%m-%dT%H:%M"))
        at = due
    return found


def test_cron_goes_by_the_clocks_of_its_zone() -> None:
    assert times("cron(0 9 * * ? *)", BERLIN, "2026-03-27T12:00", 3) == [
        "2026-03-28T08:00", "2026-03-29T07:00", "2026-03-30T07:00",
    ]  # fmt: skip
    assert times("cron(0 9 * * ? *)", "America/New_York", "2026-11-26T00:00", 1) == ["2026-11-26T14:00"]
    assert times("cron(0 9 * * ? *)", "UTC", "2026-03-27T12:00", 1) == ["2026-03-28T09:00"]


def test_a_time_that_clocks_leave_out_is_left_out_and_one_that_they_show_twice_is_due_once() -> None:
    """In 2026 Berlin's clocks go from 2:00 to 3:00 on March 29, and from 3:00 back to 2:00 on October 25."""
    assert times("cron(30 2 * * ? *)", BERLIN, "2026-03-27T12:00", 2) == ["2026-03-28T01:30", "2026-03-30T00:30"]
    assert times("cron(30 2 * * ? *)", BERLIN, "2026-10-24T12:00", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]
    quarters = times("cron(0/15 * * * ? *)", BERLIN, "2026-10-24T23:50", 6)
    assert quarters[:4] == ["2026-10-25T00:00", "2026-10-25T00:15", "2026-10-25T00:30", "2026-10-25T00:45"]
    assert quarters[4:] == ["2026-10-25T02:00", "2026-10-25T02:15"]


def test_at_is_once_in_its_zone() -> None:
    assert read_timetable("at(2026-07-01T12:00:00)", BERLIN).after(0) == ms("2026-07-01T10:00")
    assert read_timetable("at(2026-07-01T12:00:00)").after(ms("2026-07-01T12:00")) is None


@pytest.mark.parametrize(
    "text", ["at(2026-13-01T00:00:00)", "at(soon)", "rate(0 minutes)", "cron(* * * * * *)", "rate(1 hours)", ""]
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(BadScheduleExpression):
        read_timetable(text)


@pytest.mark.parametrize("zone", ["Europe", "Mars/Base", "../../etc/passwd", "/etc/localtime", "\0", ""])
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(BadZone):
        read_timetable("rate(1 hour)", zone)


def test_at_a_time_that_clocks_leave_out() -> None:
    with pytest.raises(BadScheduleExpression):
        read_timetable("at(2026-03-29T02:30:00)", BERLIN)


def test_between_two_dates() -> None:
    document = ScheduleDocument(expression="rate(1 hour)", zone="UTC", start_ms=10_000_000)
    assert next_ms(document, 0) == 10_000_000
    assert next_ms(document, 10_000_000) == 13_600_000
    assert next_ms(replace(document, end_ms=13_000_000), 10_000_000) is None
    cron = replace(document, expression="cron(0 * * * ? *)", start_ms=ms("2026-01-01T12:00"))
    assert next_ms(cron, 0) == ms("2026-01-01T12:00")


def test_a_rate_keeps_its_step_over_what_was_missed() -> None:
    document = ScheduleDocument(expression="rate(1 hour)", zone="UTC")
    assert passed_ms(document, 3_600_000, 3_600_000 * 5 + 17) == 3_600_000 * 5
    assert passed_ms(document, 3_600_000, 3_600_001) == 3_600_000
