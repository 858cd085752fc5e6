"""Due times of a schedule, and the window of captured data that an execution analyzes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sagewright.engine.events.schedules import BadScheduleExpression, Cron, read_schedule
from sagewright.engine.model_monitors.documents import MonitoringScheduleDocument, Timing
from sagewright.engine.model_monitors.offsets import read_offset_ms
from sagewright.model.clock import to_datetime

NOW = "NOW"
"""Expression of a schedule that is due once, at once."""
DAILY = "cron(0 0 ? * * *)"
"""Schedule of a monitor without an expression: AWS chooses a time of the day."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MOST_MISSED_MS = 25 * HOUR_MS
"""Due times of the last day that were missed while no server ran are caught up."""
MOST_WINDOW_MS = 31 * DAY_MS


@dataclass(frozen=True)
class AnalysisWindow:
    """The time of the captured data, [start, end)."""

    start_ms: int
    end_ms: int

    def hours(self) -> Iterator[datetime]:
        """Yields the beginnings of the hours that the window touches."""
        at_ms = self.start_ms // HOUR_MS * HOUR_MS
        while at_ms < self.end_ms:
            yield to_datetime(at_ms)
            at_ms += HOUR_MS


def read_expression(text: str) -> Cron | None:
    """Returns the cron schedule, None for NOW. Raises BadScheduleExpression for any form that AWS does not list."""
    if text == NOW:
        return None
    found = read_schedule(text)
    if not isinstance(found, Cron) or found.minutes != (0,) or text.split()[2:] != ["?", "*", "*", "*)"]:
        raise BadScheduleExpression(text)
    return found


def period_ms(timing: Timing | None) -> int:
    """Returns the shortest time between two due times; an hour for NOW. Raises BadScheduleExpression."""
    cron = read_expression(timing.expression if timing else DAILY)
    if cron is None:
        return HOUR_MS
    following = [*cron.hours[1:], cron.hours[0] + 24]
    return min(after - hour for hour, after in zip(cron.hours, following, strict=True)) * HOUR_MS


def due_ms(schedule: MonitoringScheduleDocument, now_ms: int) -> int | None:
    """Returns the first due time that has no execution yet; None for never. Raises BadScheduleExpression."""
    timing = schedule.config.timing
    cron = read_expression(timing.expression if timing else DAILY)
    if cron is None:
        return schedule.requested_ms if schedule.since_ms < schedule.requested_ms else None
    return cron.after(max(schedule.since_ms, schedule.requested_ms, now_ms - MOST_MISSED_MS))


def window(timing: Timing | None, due_ms: int, offsets: tuple[str | None, str | None]) -> AnalysisWindow:
    """Returns the window of the execution that is due at `due_ms`: the time since the previous due time, unless the schedule or its
    definition (`offsets`: of its start and end) gives another. Raises BadOffset, BadScheduleExpression."""
    start, end = offsets
    if timing is not None and (timing.start or timing.end):
        start, end = timing.start, timing.end
    end_ms = due_ms + (read_offset_ms(end) if end else 0)
    if start:
        return AnalysisWindow(due_ms + read_offset_ms(start), end_ms)
    return AnalysisWindow(min(_due_before(timing, due_ms), end_ms - HOUR_MS), end_ms)


def _due_before(timing: Timing | None, due_ms: int) -> int:
    cron = read_expression(timing.expression if timing else DAILY)
    if cron is None:
        return due_ms - HOUR_MS
    hour = to_datetime(due_ms).hour
    earlier = [one for one in cron.hours if one < hour]
    return due_ms - (hour - (earlier[-1] if earlier else cron.hours[-1] - 24)) * HOUR_MS


def path_of(hour: datetime) -> str:
    """Returns an hour's part of keys."""
    return f"{hour:%Y/%m/%d/%H}"
