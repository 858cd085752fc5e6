"""Crontab lines as cron expressions of EventBridge Scheduler.

Sources: crontab(5); EventBridge Scheduler's user guide, "Cron-based schedules": six fields, one of the two days is `?`, and Sunday
is 1.
"""

from __future__ import annotations

import re

_FIELD = re.compile(r"[0-9A-Za-z*/,\-]+")
_WHOLE_WEEK = re.compile(r"(?<![0-9A-Za-z/])0-7(?![0-9A-Za-z])")
_DAY = re.compile(r"(?<![0-9A-Za-z/])([0-7])(?![0-9A-Za-z])")
SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


class BadCrontab(ValueError):
    """The line can't be a schedule; the message says why."""


def schedule_expression(line: str) -> str:
    """Returns `cron(…)` for a crontab line of five fields; `rate(…)`, `cron(…)` and `at(…)` stay as they are. Raises BadCrontab."""
    text = line.strip()
    if re.fullmatch(r"(rate|cron|at)\(.*\)", text):
        return text
    fields = SHORT.get(text, text).split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(one) for one in fields):
        raise BadCrontab(
            f"{line!r} is not a schedule: five fields are needed (minute, hour, day, month, weekday), or cron(…)."
        )
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        raise BadCrontab(f"{line!r} names a day of the month and a weekday: EventBridge's schedules allow one of them.")
    if weekday != "*":
        return f"cron({minute} {hour} ? {month} {_weekdays(weekday)} *)"
    return f"cron({minute} {hour} {day} {month} ? *)"


def _weekdays(field: str) -> str:
    """Returns weekdays counted from 1 for Sunday; in crontabs, 0 and 7 are Sunday."""
    field = _WHOLE_WEEK.sub("0-6", field)  # both ends would become 1
    return _DAY.sub(lambda found: str(int(found[1]) % 7 + 1), field.upper())


def crontab_line(expression: str) -> str:
    """Returns the crontab line of an expression that `schedule_expression` made; any other expression stays as it is."""
    found = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) \*\)", expression)
    if found is None:
        return expression
    minute, hour, day, month, weekday = found.groups()
    if weekday == "?":
        return f"{minute} {hour} {day} {month} *"
    return f"{minute} {hour} * {month} {_DAY.sub(lambda one: str((int(one[1]) - 1) % 7), weekday)}"
