"""The series of a training: the fields that are used, and the windows of an epoch.

Source: the contract's algorithms/deepar.md and _deep.md ("an epoch has at least 10 mini-batches of draws").
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.series import Series, observations
from sagewright.algorithms.errors import UserError

FEWEST_OBSERVATIONS = 300
BATCHES = 10
"""Minimum number of mini-batches in an epoch."""
Most = Callable[[int], int]


@dataclass(frozen=True)
class Fields:
    """The fields that are used: `cardinality` of each category, and the number of dynamic `features`. Fields that are `ignored` can
    be present."""

    cardinality: tuple[int, ...]
    features: int
    ignored: frozenset[str] = frozenset()

    def check(self, series: Series, horizon: int = 0) -> None:
        """Raises UserError if the series lacks the fields; dynamic features must extend `horizon` steps beyond the target."""
        self._check_cat(series)
        self._check_features(series, horizon)

    def _check_cat(self, series: Series) -> None:
        if "cat" in self.ignored:
            return
        given = series.cat or ()
        if len(given) != len(self.cardinality):
            raise UserError(f"its cat has {len(given)} categories, and {len(self.cardinality)} are expected")
        for place, (category, count) in enumerate(zip(given, self.cardinality, strict=True)):
            if category >= count:
                raise UserError(f"its cat has {category} at place {place}, where the cardinality is {count}")

    def _check_features(self, series: Series, horizon: int) -> None:
        if "dynamic_feat" in self.ignored:
            return
        given = series.dynamic_feat
        count = 0 if given is None else len(given)
        if count != self.features:
            raise UserError(f"its dynamic_feat has {count} lists, and {self.features} are expected")
        length = len(series) + horizon
        if given is not None and count and given.shape[1] != length:
            beyond = f", {len(series)} and {horizon} that are to be forecast" if horizon else ""
            raise UserError(
                f"its dynamic_feat has lists of {given.shape[1]} values, and the target has {length}{beyond}"
            )


def fields(series: Sequence[Series], cardinality: Any, features: Any, most: Most) -> Fields:
    """The fields according to the hyperparameters `cardinality` and `num_dynamic_feat`; `auto` follows the data. `most` returns the
    largest number of all hosts. Raises UserError.
    """
    ignored = {name for name, said in (("cat", cardinality), ("dynamic_feat", features)) if said in ("ignore", "")}
    counts = tuple(cardinality) if isinstance(cardinality, list) else ()
    if cardinality == "auto":
        counts = _cardinality(series, most)
        found = "is NOT used: the field is not there" if not counts else f"inferred from the data: {list(counts)}"
        logging.info("[cardinality=auto] `cat` %s.", found)
    wide = features if isinstance(features, int) else 0
    if features == "auto":
        wide = most(max((0 if each.dynamic_feat is None else len(each.dynamic_feat) for each in series), default=0))
        found = f"inferred from the data: {wide}" if wide else "is NOT used: the field is not there"
        logging.info("[num_dynamic_feat=auto] `dynamic_feat` %s.", found)
    return Fields(counts, wide, frozenset(ignored))


def _cardinality(series: Sequence[Series], most: Most) -> tuple[int, ...]:
    places = most(max((len(each.cat or ()) for each in series), default=0))
    largest = [
        max((each.cat[at] for each in series if each.cat and len(each.cat) > at), default=0) for at in range(places)
    ]
    return tuple(most(each) + 1 for each in largest)


def check(series: Sequence[Series], used: Fields, channel: str) -> None:
    """Raises UserError that names the first series whose fields differ from those that are used."""
    for number, each in enumerate(series, 1):
        try:
            used.check(each)
        except UserError as error:
            raise UserError(f"Channel {channel}: time series {number} can't be used: {error}") from error


def usable(series: Sequence[Series], horizon: int) -> list[Series]:
    """The series that are long enough to learn from. Raises UserError if there are none, or if they have too few observations."""
    found = [each for each in series if len(each) >= max(horizon, 2) and not np.isnan(each.target).all()]
    if short := len(series) - len(found):
        logging.info("%d time series are shorter than prediction_length or empty: they are left out.", short)
    if not found:
        raise UserError(
            f"No time series of channel train can be used: all {len(series)} are shorter than prediction_length, "
            f"which is {horizon}, or have no values."
        )
    return found


def enough(count: float) -> None:
    """Raises UserError if there are too few observations."""
    if count < FEWEST_OBSERVATIONS:
        raise UserError(
            f"Channel train has {count:.0f} observations in all time series; at least {FEWEST_OBSERVATIONS} are needed."
        )


def describe(series: Sequence[Series], channel: str) -> None:
    """Logs the block of statistics."""
    lengths = [len(each) for each in series]
    sizes = [float(np.nansum(np.abs(each.target.astype(np.float64)))) for each in series]
    present = observations(series)
    logging.info("%s set statistics:", channel.capitalize())
    logging.info("Number of time series: %d", len(series))
    logging.info("Number of observations: %d, of %d that could be there", present, sum(lengths))
    logging.info("Lengths: from %d to %d, %.1f on average", min(lengths), max(lengths), float(np.mean(lengths)))
    logging.info("Mean absolute target: %g", sum(sizes) / max(present, 1))


@dataclass(frozen=True)
class Draws:
    """The drawing of an epoch's windows: `passes` over the series, each of which is drawn with probability `share`."""

    passes: int
    share: float

    @classmethod
    def of(cls, count: int, batch: int) -> Draws:
        """The draws for `count` series and mini-batches of `batch`."""
        least = BATCHES * batch
        if count >= least:
            return cls(1, 1.0)
        passes = math.ceil(least / count)
        share = least / count / passes
        logging.info("Small number of time series. Doing %d passes over dataset with prob %r per epoch.", passes, share)
        return cls(passes, share)

    def steps(self, count: int, batch: int) -> int:
        """The approximate number of mini-batches in an epoch."""
        return math.ceil(self.passes * self.share * count / batch)

    def batches(self, panel: Panel, batch: int, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Series and the positions at which a forecast begins in each, (n,) both."""
        taken = [random.permutation(len(panel)) for _ in range(self.passes)]
        rows = np.concatenate([order[random.random(len(order)) < self.share] for order in taken])
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            yield part, cuts(panel, part, random)


def cuts(panel: Panel, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Positions (n,) at which forecasts begin: anywhere after the values that a level needs. For the last positions only the first
    steps are known."""
    latest = panel.lengths[rows] - 1
    earliest = np.minimum(panel.layout.least, latest)
    found: np.ndarray = earliest + np.floor(random.random(len(rows)) * (latest - earliest + 1)).astype(np.int64)
    return found
