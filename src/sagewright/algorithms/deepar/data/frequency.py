"""The frequency in `time_freq`: the length of a step and its seasons, and from both the calendar features and the lags.

Source: the contract's algorithms/deepar.md (derived features by frequency). AWS's choice of lags is not public: here they are the
neighbourhood of each season, several seasons back.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sagewright.algorithms.deepar.rules import FORM

MINUTES = {"W": 7 * 24 * 60, "D": 24 * 60, "H": 60, "min": 1}
YEAR_MINUTES = 365.25 * 24 * 60
SEASONS_MINUTES: dict[str, tuple[float, ...]] = {
    "W": (YEAR_MINUTES,),
    "D": (MINUTES["W"], YEAR_MINUTES),
    "H": (MINUTES["D"], MINUTES["W"]),
    "min": (MINUTES["H"], MINUTES["D"], MINUTES["W"]),
}
FEATURES = {
    "M": ("month_of_year",),
    "W": ("day_of_month", "week_of_year"),
    "D": ("day_of_week", "day_of_month", "day_of_year"),
    "H": ("hour_of_day", "day_of_week", "day_of_month", "day_of_year"),
    "min": ("minute_of_hour", "hour_of_day", "day_of_week", "day_of_month", "day_of_year"),
}
RECENT = 7
"""Lags from one step to this number."""
SEASONS_BACK = 3
FEW = 300
"""Maximum number of steps in a day for which levels are computed over a day."""
LONGER = 24
HOURS, WEEKDAYS, MONTHS = 24, 7, 12
PHASES = {"M": ("months",), "W": (), "D": ("weekdays",), "H": ("hours", "weekdays"), "min": ("hours", "weekdays")}
COUNTS = {"months": MONTHS, "weekdays": WEEKDAYS, "hours": HOURS}
CYCLES = 1.5
"""Number of a calendar feature's cycles that series have to span for it to be used: a wave that fits a part of one predicts
nothing."""
CYCLES_MINUTES = {
    "minute_of_hour": MINUTES["H"], "hour_of_day": MINUTES["D"], "day_of_week": MINUTES["W"], "day_of_month": YEAR_MINUTES / 12,
    "day_of_year": YEAR_MINUTES, "week_of_year": YEAR_MINUTES, "month_of_year": 12,
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Frequency:
    """Steps of `multiple` times the `base`: M, W, D, H or min."""

    multiple: int
    base: str

    @classmethod
    def parse(cls, text: str) -> Frequency:
        """Parses texts such as `5min` and `H`. Raises ValueError."""
        match = re.fullmatch(FORM, text)
        if match is None:
            raise ValueError(f"not a frequency: {text[:50]!r}")
        return cls(int(match[1] or 1), match[2])

    @property
    def seasons(self) -> tuple[int, ...]:
        """The lengths of the seasons in steps, the shortest first, without those of one step or less."""
        if self.base == "M":
            lengths = [12 / self.multiple]
        else:
            lengths = [minutes / (self.multiple * MINUTES[self.base]) for minutes in SEASONS_MINUTES[self.base]]
        return tuple(sorted({round(length) for length in lengths if round(length) > 1}))

    @property
    def season(self) -> int:
        """The season over which levels are computed: the shortest, or, for minutes, the day if it has few steps; 1 if there is
        none."""
        if not self.seasons:
            return 1
        of_days = [each for each in self.seasons if each * self.multiple == MINUTES["D"] and each <= FEW]
        return of_days[0] if self.base == "min" and of_days else self.seasons[0]

    @property
    def longer_season(self) -> int | None:
        """The next longer season, if it is at most LONGER times as long: the week for hours, the week or the day for minutes."""
        found = [each for each in self.seasons if self.season < each <= LONGER * self.season]
        return found[0] if found else None

    def lags(self, most: int) -> tuple[int, ...]:
        """The lags, in steps, that the network uses beside the last step, none longer than `most`."""
        found = set(range(2, RECENT + 1))
        for season in self.seasons:
            for back in range(1, SEASONS_BACK + 1):
                found |= {back * season - 1, back * season, back * season + 1}
        return tuple(sorted(lag for lag in found if 1 < lag <= most))

    def tick(self, when: datetime) -> int:
        """The number of the month, or of the minute, since 1970 that contains `when`; days and weeks begin at midnight."""
        if self.base == "M":
            return (when.year - 1970) * 12 + when.month - 1
        minutes = int((when - _EPOCH).total_seconds() // 60)
        unit = MINUTES["D"] if self.base == "W" else MINUTES[self.base]
        return minutes // unit * unit

    def ticks(self, first: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """int64 ticks, `steps` after the ticks `first`; both broadcast."""
        return first + steps * (self.multiple * MINUTES.get(self.base, 1))

    @property
    def width(self) -> int:
        """The number of calendar features of a tick."""
        return 2 * len(FEATURES[self.base])

    def unseen(self, span: int) -> tuple[str, ...]:
        """The calendar features of which series that `span` so many minutes, or months, show too little."""
        return tuple(name for name in FEATURES[self.base] if span < CYCLES * CYCLES_MINUTES[name])

    def calendar(self, ticks: np.ndarray, unseen: Collection[str] = ()) -> np.ndarray:
        """(..., width) float32: sine and cosine of the phase of each calendar feature, 0 for those in `unseen`."""
        if self.base == "M":
            phases = [ticks % 12 / 12]
        else:
            minutes = ticks.astype("datetime64[m]")
            days, months, years = (minutes.astype(f"datetime64[{unit}]") for unit in "DMY")
            in_year = (days - years.astype("datetime64[D]")).astype(np.int64)
            every = {
                "minute_of_hour": ticks % 60 / 60,
                "hour_of_day": ticks // 60 % 24 / 24,
                "day_of_week": (days.astype(np.int64) + 3) % 7 / 7,
                "day_of_month": (days - months.astype("datetime64[D]")).astype(np.int64) / 31,
                "day_of_year": in_year / 366,
                "week_of_year": in_year // 7 / 53,
            }
            phases = [every[name] for name in FEATURES[self.base]]
        angles = 2 * np.pi * np.stack(phases, axis=-1)
        waves = np.stack([np.sin(angles), np.cos(angles)], axis=-2)
        waves[..., [name in unseen for name in FEATURES[self.base]]] = 0
        return waves.reshape(*ticks.shape, self.width).astype(np.float32)

    @property
    def phases_width(self) -> int:
        """The number of columns of `phases`."""
        return sum(COUNTS[name] for name in PHASES[self.base])

    def phases(self, ticks: np.ndarray) -> np.ndarray:
        """(..., phases_width) float64: for each hour of the day, day of the week or month, 1 where the tick is in it, else 0."""
        every = {
            "months": ticks % MONTHS,
            "weekdays": (ticks // MINUTES["D"] + 3) % WEEKDAYS,
            "hours": ticks // MINUTES["H"] % HOURS,
        }
        parts = [np.eye(COUNTS[name])[every[name]] for name in PHASES[self.base]]
        return np.concatenate([np.zeros((*ticks.shape, 0)), *parts], axis=-1)

    def __str__(self) -> str:
        return f"{self.multiple}{self.base}"
