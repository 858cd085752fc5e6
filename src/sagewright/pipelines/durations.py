"""Durations in CacheConfig's format: ISO 8601, with or without the P. Source: AWS's guide, "Caching pipeline steps"."""

from __future__ import annotations

import re

_PATTERN = re.compile(
    r"P?(?:(?P<y>\d+)Y)?(?:(?P<mo>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<mi>\d+)M)?(?:(?P<s>\d+)S)?)?",
    re.IGNORECASE,
)
_SECONDS = {"y": 365 * 86_400, "mo": 30 * 86_400, "w": 7 * 86_400, "d": 86_400, "h": 3600, "mi": 60, "s": 1}
LEAST_S, MOST_S = 60, 366 * 86_400


class BadDuration(ValueError):
    """The text is not a duration, or it is too short or too long."""


def seconds(text: object) -> float:
    """Returns the seconds of a duration. Raises BadDuration."""
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    total = sum(int(count) * _SECONDS[unit] for unit, count in match.groupdict().items() if count) if match else 0
    if not LEAST_S <= total <= MOST_S:
        raise BadDuration(f"ExpireAfter must be a duration of a minute to a year, as in P30D or PT1H, got {text!r}.")
    return float(total)
