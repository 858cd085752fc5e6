"""Schedules: when a rule with cron() or rate() is due next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagewright.engine.events.schedules import BadScheduleExpression, read_schedule

START = "2026-01-15 10:20:30"  # a Thursday
NEXT: list[tuple[str, str, str]] = [
    ("rate(1 minute)", START, "2026-01-15 10:21:30"),
    ("rate(5 minutes)", START, "2026-01-15 10:25:30"),
    ("rate(1 hour)", START, "2026-01-15 11:20:30"),
    ("rate(7 days)", START, "2026-01-22 10:20:30"),
    ("cron(0 12 * * ? *)", START, "2026-01-15 12:00:00"),
    ("cron(0 10 * * ? *)", START, "2026-01-16 10:00:00"),
    ("cron(0/15 * * * ? *)", START, "2026-01-15 10:30:00"),
    ("cron(20 10 * * ? *)", START, "2026-01-16 10:20:00"),
    ("cron(15 10 ? * MON-FRI *)", "2026-01-16 11:00:00", "2026-01-19 10:15:00"),
    ("cron(0 8 1 * ? *)", START, "2026-02-01 08:00:00"),
    ("cron(0 18 ? * 6 *)", START, "2026-01-16 18:00:00"),
    ("cron(0 9 ? * 2#1 *)", START, "2026-02-02 09:00:00"),
    ("cron(0 9 ? * FRI#5 *)", START, "2026-01-30 09:00:00"),
    ("cron(0 9 L * ? *)", START, "2026-01-31 09:00:00"),
    ("cron(0 9 L 2 ? 2028)", START, "2028-02-29 09:00:00"),
    ("cron(0 9 ? * 6L *)", START, "2026-01-30 09:00:00"),
    ("cron(0 9 ? * L *)", START, "2026-01-17 09:00:00"),
    ("cron(0 9 15W * ? *)", "2026-02-01 00:00:00", "2026-02-16 09:00:00"),
    ("cron(0 9 1W 8 ? *)", START, "2026-08-03 09:00:00"),
    ("cron(0 9 31W 5 ? *)", START, "2026-05-29 09:00:00"),
    ("cron(5,10 1-3 * JAN,MAR ? *)", "2026-01-31 03:10:00", "2026-03-01 01:05:00"),
    ("cron(0 0 1 1 ? 2027/2)", START, "2027-01-01 00:00:00"),
    ("cron(0 22-2/2 * * ? *)", "2026-01-15 22:30:00", "2026-01-16 00:00:00"),
]


def ms(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(("text", "at", "expected"), NEXT)
def test_next(text: str, at: str, expected: str) -> None:
    found = read_schedule(text).after(ms(at))
    assert found is not None
    assert datetime.fromtimestamp(found / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S") == expected


def test_a_schedule_may_be_over() -> None:
    assert read_schedule("cron(0 9 1 1 ? 2020)").after(ms(START)) is None
    assert read_schedule("cron(0 9 30 2 ? *)").after(ms(START)) is None


@pytest.mark.parametrize("text", [
    "", "rate()", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 weeks)", "rate(-1 hours)", "every(1 hour)",
    "cron(0 12 * * *)", "cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(60 12 * * ? *)", "cron(0 24 * * ? *)",
    "cron(0 12 0 * ? *)", "cron(0 12 * 13 ? *)", "cron(0 12 ? * 8 *)", "cron(0 12 ? * MON#6 *)", "cron(0 12 32W * ? *)",
    "cron(x 12 * * ? *)", "cron(0/0 12 * * ? *)", "cron(0 12 * FOO ? *)", "cron(*-5 12 * * ? *)", "cron(0 12 * * ? 1969)",
])  # fmt: skip
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(BadScheduleExpression):
        read_schedule(text)
