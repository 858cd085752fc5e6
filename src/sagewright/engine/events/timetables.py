"""Schedules of EventBridge Scheduler: at(), rate() and cron() in a time zone, between two dates.

Source: AWS's EventBridge Scheduler user guide, "Schedule types" and "Daylight savings time".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from sagewright.engine.events.schedules import BadScheduleExpression, Cron, Rate, ScheduleExpression, read_schedule
from sagewright.model.clock import to_datetime
from sagewright.model.members import TypedDocument, member

_AT = re.compile(r"at\((?P<when>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_LOOKS = 5000
"""Maximum number of skipped times (nonexistent or already past) in one search."""


class BadZone(Exception):
    """The time zone does not exist, or is unknown to this machine."""


@dataclass(frozen=True)
class At:
    """Fires once."""

    at_ms: int

    def after(self, at_ms: int) -> int | None:
        return self.at_ms if self.at_ms > at_ms else None


@dataclass(frozen=True)
class Zoned:
    """A cron schedule in local time. Times that the clocks skip are skipped; times that they repeat fire once."""

    cron: Cron
    zone: tzinfo

    def after(self, at_ms: int) -> int | None:
        shown: int | None = _ms(to_datetime(at_ms).astimezone(self.zone).replace(tzinfo=UTC))
        for _ in range(_LOOKS):
            shown = None if shown is None else self.cron.after(shown)
            if shown is None:
                return None
            found = _real_ms(to_datetime(shown), self.zone)
            if found is not None and found > at_ms:
                return found
        return None


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def _real_ms(shown: datetime, zone: tzinfo) -> int | None:
    """Returns when clocks first show a time; None if they never do."""
    wall = shown.replace(tzinfo=zone)
    back = datetime.fromtimestamp(wall.timestamp(), zone)
    return _ms(wall) if back.replace(tzinfo=None) == wall.replace(tzinfo=None) else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def read_timetable(text: str, zone_name: str = "UTC") -> ScheduleExpression:
    """Parses a schedule. Raises BadScheduleExpression, BadZone."""
    if zone_name != "UTC" and zone_name not in _zones():
        raise BadZone(zone_name)
    zone: tzinfo = UTC if zone_name == "UTC" else ZoneInfo(zone_name)
    at = _AT.fullmatch(text)
    if at is None:
        found = read_schedule(text)
        return Zoned(found, zone) if isinstance(found, Cron) and zone is not UTC else found
    try:
        at_ms = _real_ms(datetime.fromisoformat(at["when"]), zone)
    except (ValueError, OverflowError):
        raise BadScheduleExpression(text) from None
    if at_ms is None:
        raise BadScheduleExpression(text)
    return At(at_ms)


@dataclass(frozen=True, kw_only=True)
class ScheduleDocument(TypedDocument):
    """A stored schedule. `afterwards`: the action after its last time, "DELETE" or "NONE"."""

    arn: str = member("Arn", "")
    expression: str = member("ScheduleExpression")
    zone: str = member("ScheduleExpressionTimezone")
    start_ms: int | None = member("StartMs", None)
    end_ms: int | None = member("EndMs", None)
    afterwards: str = member("ActionAfterCompletion", "NONE")


def next_ms(schedule: ScheduleDocument, since_ms: int, *, first: bool = False) -> int | None:
    """Returns the first due time of a schedule later than `since_ms`; None for never. `first`: True if it has never fired: a rate
    without a StartDate begins at once. Raises BadScheduleExpression, BadZone.
    """
    timetable = read_timetable(schedule.expression, schedule.zone)
    start_ms, end_ms = schedule.start_ms, schedule.end_ms
    if first and start_ms is None and isinstance(timetable, Rate):
        due: int | None = since_ms
    elif start_ms is None or start_ms <= since_ms:
        due = timetable.after(since_ms)
    else:
        due = start_ms if isinstance(timetable, Rate) else timetable.after(start_ms - 1)
    return None if due is None or (end_ms is not None and due > end_ms) else due


def passed_ms(schedule: ScheduleDocument, due_ms: int, now_ms: int) -> int:
    """Returns the time up to which a schedule that was due at `due_ms` is complete now: a rate keeps its phase."""
    timetable = read_timetable(schedule.expression, schedule.zone)
    if isinstance(timetable, Rate):
        return due_ms + (now_ms - due_ms) // timetable.period_ms * timetable.period_ms
    return now_ms
