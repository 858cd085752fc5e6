"""Offsets from a due time: ISO 8601 durations such as -PT2H and -P1D.

Source: AWS's API reference, EndpointInput (StartTimeOffset) and ScheduleConfig (DataAnalysisStartTime).
"""

from __future__ import annotations

import re

_OFFSET = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<weeks>\d{1,4})W|(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,8})S)?)?)"
)
_UNITS_MS = {"weeks": 604_800_000, "days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1000}


class BadOffset(ValueError):
    """The text is not an offset into the past; the message says why."""


def read_offset_ms(text: str) -> int:
    """Returns the offset in milliseconds, 0 or negative. Raises BadOffset."""
    found = _OFFSET.fullmatch(text)
    given = {unit: found[unit] for unit in _UNITS_MS if found[unit]} if found else {}
    if found is None or not given or text.endswith("T"):
        raise BadOffset("it is not an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as -PT1H")
    length = sum(int(count) * _UNITS_MS[unit] for unit, count in given.items())
    if length and found["sign"] != "-":
        raise BadOffset("it is in the future: an offset begins with a minus")
    return -length
