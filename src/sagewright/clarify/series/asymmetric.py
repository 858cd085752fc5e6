"""Asymmetric Shapley values: coalitions grow in the order of time.

The static covariates come first, then the time steps, one group after the other. A group's values are Shapley values of the game
among its members, when all earlier groups are present and all later ones absent. They add up to the forecast minus the baseline's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sagewright.clarify.configuration.methods import AsymmetricSettings
from sagewright.clarify.errors import CustomerError, InternalError
from sagewright.clarify.series.baselines import SeriesBaseline
from sagewright.clarify.series.forecasts import Forecaster
from sagewright.clarify.series.items import SeriesItem
from sagewright.clarify.shap.coalitions import Masks
from sagewright.clarify.shap.game import shapley_of_game
from sagewright.clarify.tables import Array

CHRONOLOGICAL, ANTI_CHRONOLOGICAL, BIDIRECTIONAL = "chronological", "anti_chronological", "bidirectional"
TIMEWISE, FINE_GRAINED = "timewise", "fine_grained"
STATIC = -1
"""The group of the static covariates among time steps."""
_CELLS = 4_000_000
"""Values of the items that are in memory at a time."""
_MAX_SCORES = 50_000_000
"""Numbers of the forecasts of one item's coalitions."""
_SEED = 0


@dataclass(frozen=True)
class Member:
    """A value of an item: of series `series` (0 is the target, then the related ones) at a time step, or a static covariate.

    `series` is None for all values of the group together.
    """

    step: int
    series: int | None = None


@dataclass(frozen=True)
class SeriesExplanation:
    """`values`: (members, horizon); they add up to `forecast - expected`."""

    item: SeriesItem
    members: list[Member]
    values: Array
    expected: Array
    forecast: Array


def check_settings(settings: AsymmetricSettings) -> None:
    """Raises CustomerError for settings that AWS does not accept together."""
    if settings.direction not in (CHRONOLOGICAL, ANTI_CHRONOLOGICAL, BIDIRECTIONAL):
        raise CustomerError(f"The direction '{settings.direction[:100]}' of asymmetric_shapley_value is unknown")
    if settings.granularity not in (TIMEWISE, FINE_GRAINED):
        raise CustomerError(f"The granularity '{settings.granularity[:100]}' of asymmetric_shapley_value is unknown")
    if settings.granularity == FINE_GRAINED:
        if settings.num_samples is None or settings.num_samples < 1:
            raise CustomerError(
                "num_samples of asymmetric_shapley_value must be at least 1 for fine_grained explanations"
            )
        if settings.direction != CHRONOLOGICAL:
            raise CustomerError(f"{settings.direction} and {FINE_GRAINED} granularity are not supported together.")
    elif settings.num_samples is not None:
        raise CustomerError("num_samples of asymmetric_shapley_value is only used for fine_grained explanations")


def explain(
    model: Forecaster, items: Iterable[SeriesItem], baseline: SeriesBaseline, settings: AsymmetricSettings
) -> Iterator[SeriesExplanation]:
    """Explains one item after the other, in order. Raises CustomerError."""
    check_settings(settings)
    count = 0
    for item in items:
        count += 1
        game = _Game(model, item, baseline.absent(item))
        if settings.granularity == TIMEWISE:
            yield game.timewise(settings.direction)
        else:
            assert settings.num_samples is not None
            yield game.fine_grained(settings.num_samples)
    if not count:
        raise CustomerError("Data must contain features. The data set has no time series to explain.")
    logging.info("Explained %d time series.", count)


class _Game:
    """Forecasts of an item some of whose values are absent.

    A coalition is a mask over the members: static covariates, target values, then the related series' values.
    """

    def __init__(self, model: Forecaster, item: SeriesItem, absent: SeriesItem) -> None:
        self._model, self._item, self._absent = model, item, absent
        series = len(item.related)
        static = [Member(STATIC, place) for place in range(len(item.static))]
        target = [Member(step, 0) for step in range(len(item.target))]
        related = [Member(step, row + 1) for row in range(series) for step in range(item.steps)]
        self.members = [*static, *target, *related]
        steps = np.array([member.step for member in self.members])
        order = np.argsort(steps, kind="stable")
        edges = np.flatnonzero(np.diff(steps[order])) + 1
        self._groups: list[NDArray[np.int64]] = [group for group in np.split(order, edges) if len(group)]
        """Positions of the members of the static covariates and of each step, in the order of time."""
        self._rank = np.empty(len(self.members), np.int64)
        for place, group in enumerate(self._groups):
            self._rank[group] = place

    def timewise(self, direction: str) -> SeriesExplanation:
        ways = {CHRONOLOGICAL: (1,), ANTI_CHRONOLOGICAL: (-1,), BIDIRECTIONAL: (1, -1)}[direction]
        static = [group for group in self._groups if self.members[group[0]].step == STATIC]
        timed = [group for group in self._groups if self.members[group[0]].step != STATIC]
        members = [Member(self.members[group[0]].step) for group in (*static, *timed)]
        values = []
        for way in ways:
            forecasts = self._growing([*static, *timed[::way]])
            gains = np.diff(forecasts, axis=0)
            values.append(np.concatenate([gains[: len(static)], gains[len(static) :][::way]]))
        return SeriesExplanation(self._item, members, np.mean(values, axis=0), forecasts[0], forecasts[-1])

    def _growing(self, groups: Sequence[NDArray[np.int64]]) -> Array:
        """Forecasts without any group, with the first, the first two …: (groups + 1, horizon)."""
        masks = np.zeros(len(self.members), bool)

        def items() -> Iterator[SeriesItem]:
            yield self._mixed(masks)
            for group in groups:
                masks[group] = True
                yield self._mixed(masks)

        return self._forecasts(items())

    def fine_grained(self, num_samples: int) -> SeriesExplanation:
        """Groups of one size are one game with the forecasts of each as its outputs: the model gets large batches."""
        ends = self._forecasts(iter([self._absent, self._item]))
        horizon = ends.shape[1]
        values = np.zeros((len(self.members), horizon))
        for size in sorted({len(group) for group in self._groups}):
            chosen = [place for place, group in enumerate(self._groups) if len(group) == size]
            found = self._group_values(chosen, num_samples, horizon)
            for number, place in enumerate(chosen):
                values[self._groups[place]] = found[:, number]
        return SeriesExplanation(self._item, self.members, values, ends[0], ends[1])

    def _group_values(self, places: list[int], num_samples: int, horizon: int) -> Array:
        """Shapley values within groups of one size: (size, groups, horizon)."""
        size = len(self._groups[places[0]])
        if min(2 ** min(size, 60), num_samples + 2) * len(places) * horizon > _MAX_SCORES:
            raise CustomerError(
                f"Item '{self._item.item_id}' has {self._item.steps} time steps and a forecast of {horizon}: with num_samples "
                f"{num_samples} that makes more than {_MAX_SCORES} numbers; reduce num_samples"
            )

        def game(masks: Masks) -> Array:
            def items() -> Iterator[SeriesItem]:
                for mask in masks:
                    for place in places:
                        present = self._rank < place
                        present[self._groups[place]] = mask
                        yield self._mixed(present)

            return self._forecasts(items()).reshape(len(masks), -1)

        found = shapley_of_game(game, size, num_samples, _SEED)
        return found.values.reshape(size, len(places), horizon)

    def _mixed(self, present: Masks) -> SeriesItem:
        item, absent = self._item, self._absent
        own = len(item.static)
        known = own + len(item.target)
        static = tuple(
            one if there else other
            for one, other, there in zip(item.static, absent.static, present[:own].tolist(), strict=True)
        )
        target = np.where(present[own:known], item.target, absent.target)
        related = np.where(present[known:].reshape(item.related.shape), item.related, absent.related)
        return SeriesItem(item.item_id, item.timestamps, target, related, static)

    def _forecasts(self, items: Iterator[SeriesItem]) -> Array:
        """Forecasts of items, computed in parts."""
        step = max(1, _CELLS // max(len(self.members), 1))
        found: list[Array] = []
        part: list[SeriesItem] = []
        for item in items:
            part.append(item)
            if len(part) == step:
                found.append(self._checked(part))
                part = []
        if part:
            found.append(self._checked(part))
        return np.concatenate(found)

    def _checked(self, items: list[SeriesItem]) -> Array:
        forecasts = np.asarray(self._model(items), np.float64)
        if forecasts.ndim != 2 or len(forecasts) != len(items):
            raise InternalError(
                f"The model made forecasts of the shape {forecasts.shape} for {len(items)} time series."
            )
        return forecasts
