"""Schedules of rules: `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC.

Source: AWS's EventBridge user guide, "Creating a rule that runs on a schedule".
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol

_RATE = re.compile(r"rate\((?P<count>[1-9][0-9]{0,8}) (?P<unit>minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
FIRST_YEAR, LAST_YEAR = 1970, 2199
OnDay = Callable[[date], bool]


class BadScheduleExpression(Exception):
    """The text is not a valid schedule."""


class ScheduleExpression(Protocol):
    def after(self, at_ms: int) -> int | None:
        """Returns the next time, in milliseconds since the epoch, later than `at_ms`; None if there is none."""
        ...


@dataclass(frozen=True)
class Rate:
    """Fires every `period_ms` milliseconds."""

    period_ms: int

    def after(self, at_ms: int) -> int:
        return at_ms + self.period_ms


@dataclass(frozen=True)
class Cron:
    """Fires at these minutes of these hours, on days that satisfy all of `days`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[OnDay, ...]
    years: frozenset[int]

    def after(self, at_ms: int) -> int | None:
        at = datetime.fromtimestamp(at_ms // 60_000 * 60, tz=UTC) + timedelta(minutes=1)
        for day in self._days_from(at.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                    if found >= at:
                        return int(found.timestamp()) * 1000
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            day = max(first, date(year, 1, 1))
            while day.year == year:
                if all(holds(day) for holds in self.days):
                    yield day
                day += timedelta(days=1)


@lru_cache(maxsize=256)
def read_schedule(text: str) -> ScheduleExpression:
    """Parses a schedule. Raises BadScheduleExpression."""
    rate = _RATE.fullmatch(text)
    if rate:
        count, unit = int(rate["count"]), rate["unit"]
        if (count == 1) == unit.endswith("s"):
            raise BadScheduleExpression(text)
        return Rate(count * _UNITS_MS[unit.rstrip("s")])
    cron = _CRON.fullmatch(text)
    fields = cron["fields"].split() if cron else []
    if len(fields) != 6:
        raise BadScheduleExpression(text)
    try:
        found = _cron(*fields)
    except (ValueError, KeyError):
        raise BadScheduleExpression(text) from None
    return found


def _cron(*fields: str) -> Cron:
    """Parses the fields of a cron expression. Raises ValueError or KeyError."""
    minute, hour, month_day, month, week_day, year = fields
    if (month_day == "?") == (week_day == "?"):
        raise ValueError("one of the two fields of days must be ?")
    months = frozenset(_values(month, 1, 12, _MONTHS))
    days = (lambda day: day.month in months, _on_month_days(month_day), _on_week_days(week_day))
    return Cron(tuple(_values(minute, 0, 59)), tuple(_values(hour, 0, 23)), days,
                frozenset(_values(year, FIRST_YEAR, LAST_YEAR)))  # fmt: skip


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> list[int]:
    """Returns the numbers that a field without L, W and # stands for. Raises ValueError, KeyError."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else _number(first, names)
        end = _number(last, names) if last else high if first == "*" or step else start
        every = int(step) if step else 1
        if not low <= start <= high or not low <= end <= high or every < 1 or (first == "*" and last):
            raise ValueError(field)
        run = range(start, end + 1) if start <= end else [*range(start, high + 1), *range(low, end + 1)]
        found |= set(run[::every])
    return sorted(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return int(text) if text.isdecimal() else (names or {})[text.upper()]


def _on_month_days(field: str) -> OnDay:
    if field in {"*", "?"}:
        return lambda _day: True
    if field == "L":
        return lambda day: day.day == _length(day)
    if field.endswith("W"):
        requested = int(field[:-1])
        if not 1 <= requested <= 31:
            raise ValueError(field)
        return lambda day: day.day == _weekday_near(day, requested)
    numbers = frozenset(_values(field, 1, 31))
    return lambda day: day.day in numbers


def _on_week_days(field: str) -> OnDay:
    if field in {"*", "?"}:
        return lambda _day: True
    if "#" in field:
        name, _, nth = field.partition("#")
        requested, number = _number(name, _DAYS), int(nth)
        if not 1 <= requested <= 7 or not 1 <= number <= 5:
            raise ValueError(field)
        return lambda day: _day_of_week(day) == requested and (day.day - 1) // 7 + 1 == number
    if field.endswith("L"):
        requested = _number(field[:-1] or "SAT", _DAYS)
        if not 1 <= requested <= 7:
            raise ValueError(field)
        last_only = len(field) > 1
        return lambda day: _day_of_week(day) == requested and (not last_only or day.day > _length(day) - 7)
    numbers = frozenset(_values(field, 1, 7, _DAYS))
    return lambda day: _day_of_week(day) in numbers


def _day_of_week(day: date) -> int:
    """Returns the day of the week; Sunday is 1."""
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _weekday_near(day: date, requested: int) -> int:
    """Returns the weekday nearest to that day of the month, within the month."""
    length = _length(day)
    if requested > length:
        return 0
    near = date(day.year, day.month, requested)
    if near.isoweekday() == 6:
        return requested - 1 if requested > 1 else requested + 2
    if near.isoweekday() == 7:
        return requested + 1 if requested < length else requested - 2
    return requested
