"""Abrupt shifts of a series' level, so that what came before one is not taken for the level of what follows.

Each value is compared with the one a season before. Where the next values differ from these by far more than most do, all in the
same direction, and begin to do so with one step, the level has shifted there; a trend or a few peaks are no shift. Neither are
values that do the same every longer season, as hours on Mondays: they have to differ from those of that season before, too.
"""

from __future__ import annotations

import numpy as np

AFTER, SIZED = 4, 7
"""Number of values that have to differ after a shift, which is known from then on, and of those that its size is the median of."""
MOST, FAR = 0.8, 1.4
"""The share of all differences that is usual, and how often the largest usual one each has to be."""
SUDDEN = 0.5
"""The share of a shift that comes with the first step."""


def find(values: np.ndarray, season: int, longer: int | None = None) -> np.ndarray | None:
    """The sum (m,) of all shifts up to each of a series' values (m,), which are NaN where missing; None if there was no shift.
    `longer`: the length of a longer season, if there may be one."""
    season *= -(-SIZED // season)
    if len(values) < season + AFTER + 1:
        return None
    apart = (values[season:] - values[:-season]).astype(np.float64)
    known = np.abs(apart[~np.isnan(apart)])
    least = FAR * float(np.quantile(known, MOST)) if len(known) else 0.0
    if least <= 0:
        return None
    step = np.append(0.0, np.diff(apart))
    found, last = np.zeros(len(values)), -season
    for place in np.flatnonzero(np.abs(step[: len(apart) - AFTER + 1]) > SUDDEN * least):
        size = _size(apart[place : place + SIZED], least)
        is_sudden = size * step[place] > 0 and abs(step[place]) >= SUDDEN * abs(size)
        if place - last < season or not is_sudden:
            continue
        if not longer or not _comes_again(values - np.cumsum(found), season + place, size, longer):
            found[season + place] = size
            last = place
    return np.cumsum(found) if found.any() else None


def _size(after: np.ndarray, least: float) -> float:
    """The size of the shift before these differences; 0 if there was none."""
    first = after[:AFTER]
    far = bool((first > least).all() or (first < -least).all())
    return float(np.nanmedian(after)) if far else 0.0


def _comes_again(values: np.ndarray, place: int, size: float, season: int) -> bool:
    """True if the values (m,) from `place` on differ from those a longer `season` before by less than a shift of this `size`. This
    is taken for granted before the second of two seasons."""
    if place < season:
        return len(values) >= 2 * season
    after = (values[place : place + SIZED] - values[place - season : place - season + SIZED]).astype(np.float64)
    return _size(after, SUDDEN * abs(size)) * size <= 0
