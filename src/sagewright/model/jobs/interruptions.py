"""Schedules of spot interruptions, with which users test that their jobs resume: parsing and evaluation."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

VARIABLE = "SAGEWRIGHT_SPOT_INTERRUPTIONS"
HOUR_MS = 3_600_000
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_AFTER = re.compile(rf"after=({_NUMBER}(?:,{_NUMBER})*)")
_RATE = re.compile(rf"rate=({_NUMBER})")


class BadSchedule(ValueError):
    """The text is not a schedule; the message lists the allowed forms."""


@dataclass(frozen=True)
class InterruptionSchedule:
    """`after_s`: seconds of training after which the first, second, … attempt is interrupted. `per_hour`: a mean rate."""

    after_s: tuple[float, ...] = ()
    per_hour: float = 0.0

    def limit_ms(self, attempt: int, seed: str) -> float | None:
        """Returns the milliseconds of training that attempt number `attempt` (from 1) gets; None for no limit.

        The random draw for a rate depends only on `seed` and the attempt, so a restarted server does not draw again.
        """
        if attempt <= len(self.after_s):
            return self.after_s[attempt - 1] * 1000
        if self.per_hour:
            draw = random.Random(f"{seed}/{attempt}")  # noqa: S311 - a schedule is no secret
            return draw.expovariate(self.per_hour) * HOUR_MS
        return None


def parse(text: str) -> InterruptionSchedule:
    """Parses `after=20,40`, `rate=6` (per hour), or nothing. Raises BadSchedule."""
    text = text.strip()
    if not text:
        return InterruptionSchedule()
    if after := _AFTER.fullmatch(text):
        return InterruptionSchedule(after_s=tuple(float(part) for part in after[1].split(",")))
    if rate := _RATE.fullmatch(text):
        return InterruptionSchedule(per_hour=float(rate[1]))
    raise BadSchedule(
        f"'{text}' is not a schedule of spot interruptions: it must be after=SECONDS[,SECONDS…] or rate=NUMBER (an hour)."
    )
