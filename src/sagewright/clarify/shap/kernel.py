"""Shapley values of a table's rows from scores of coalitions: of all where the budget suffices, else of a sample of pairs.

Features in which a row equals every baseline row have value 0. The others are the players; rows with equally many players share
their coalitions, so that one regression serves them all.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.shap import coalitions, link, sparse
from sagewright.clarify.shap.coalitions import Masks
from sagewright.clarify.shap.regression import PairRegression, exact_operator, interaction_operator, symmetric
from sagewright.clarify.shap.synthetic import Counter, Synthesizer, batch_rows, checked
from sagewright.clarify.tables import Array, Attributions, Model, Way

DEFAULT_SEED = 0
MOST_FEATURES = 1000
"""Features of a table: the regression needs their square in memory."""
MOST_BASELINE = 10_000
_PROGRESS_S = 5.0

Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class _Group:
    """Rows of a chunk with equally many players, whose columns are `places` (rows, players)."""

    rows: Rows
    places: Rows
    synthesizer: Synthesizer

    def scores(self, masks: Masks) -> Array:
        """Returns (rows, coalitions, outputs): mean scores over the baseline."""
        features = self.synthesizer.codes.shape[1]
        if self.places.shape[1] == features:
            return self.synthesizer.scores(masks, self.rows)
        wide = np.zeros((len(self.rows), len(masks), features), dtype=bool)
        for number, places in enumerate(self.places):
            wide[number][:, places] = masks
        return self.synthesizer.scores(wide, self.rows)


class KernelExplainer:
    """Explains rows against one baseline. `counter` counts the rows that the model scores.

    `refined`: False for a model that is faster to call than `sparse` is to compute.
    """

    def __init__(
        self, model: Model, baseline: pd.DataFrame, settings: ShapSettings, counter: Counter, *, refined: bool = True
    ) -> None:
        """Raises CustomerError for a configuration that doesn't fit the number of features."""
        count = len(baseline.columns)
        if count > MOST_FEATURES:
            raise CustomerError(f"SHAP values need at most {MOST_FEATURES} features, and the data set has {count}.")
        self.model, self.baseline, self.counter = model, baseline, counter
        self.seed = DEFAULT_SEED if settings.seed is None else settings.seed
        self.budget = coalitions.default_budget(count) if settings.num_samples is None else settings.num_samples
        self.is_complete = coalitions.is_complete(count, self.budget)
        if not self.is_complete:
            coalitions.check_budget(count, self.budget, coalitions.MOST_CELLS)
        if len(baseline) > MOST_BASELINE:
            raise CustomerError(
                f"The SHAP baseline has {len(baseline)} rows, and at most {MOST_BASELINE} can be used: the model scores each "
                "coalition with each of them."
            )
        self.interactions = settings.interactions
        if self.interactions and not self.is_complete:
            raise CustomerError(
                f"Interactions need the scores of all coalitions of {count} features: num_samples must be at least 2^{count} - 2 "
                f"(for at most {coalitions.COMPLETE_PLAYERS} features), but it is {self.budget}."
            )
        self.use_logit, self._refined = settings.use_logit, refined
        self.most = 2**count - 2 if self.is_complete else self.budget
        logging.info("SHAP n_samples %d", self.most)
        self._regressions: dict[int, PairRegression] = {}
        scores = checked(model(baseline), len(baseline))
        counter.calls += len(baseline)
        self.expected = self._units(scores.mean(axis=0))

    def explain(self, rows: pd.DataFrame, scores: Array | None = None) -> Attributions:
        """`scores`: the model's scores (rows, outputs) of the rows, if they are known."""
        count, outputs = len(rows.columns), len(self.expected)
        size = max(1, batch_rows(count) // (len(self.baseline) * (self.most + 2)))
        values = np.zeros((len(rows), count, outputs))
        errors = None if self.is_complete else np.zeros_like(values)
        pairs = np.zeros((len(rows), count, count, outputs)) if self.interactions else None
        predictions = np.zeros((len(rows), outputs))
        reported = time.monotonic()
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            synthesizer = Synthesizer(self.model, rows.iloc[part], self.baseline, self.counter)
            everyone = np.arange(synthesizer.rows)
            everything = np.ones((1, count), dtype=bool)
            whole = synthesizer.scores(everything, everyone)[:, 0] if scores is None else scores[part]
            predictions[part] = self._units(whole)
            for group in _groups(synthesizer):
                gains = predictions[part][group.rows] - self.expected
                at = (start + group.rows[:, None], group.places)
                if coalitions.is_complete(group.places.shape[1], self.budget):
                    values[at], between = self._complete(group, gains)
                    if pairs is not None and between is not None:
                        pairs[at[0][:, :, None], at[1][:, :, None], at[1][:, None, :]] = between
                else:
                    values[at], found = self._sampled(group, gains)
                    if errors is not None:
                        errors[at] = found
            if time.monotonic() - reported > _PROGRESS_S:
                reported = time.monotonic()
                logging.info("Explained %d of %d rows.", min(start + size, len(rows)), len(rows))
        way = Way.COMPLETE if self.is_complete else Way.SAMPLED
        names = tuple(map(str, rows.columns))
        return Attributions(names, values, self.expected, predictions, way, errors, self.counter.calls, pairs)

    def _units(self, scores: Array) -> Array:
        return link.log_odds(scores) if self.use_logit else scores

    def _blocks_of(self, group: _Group) -> int:
        """Returns how many coalitions of the group's rows can be scored at a time."""
        synthetic = batch_rows(group.synthesizer.codes.shape[1]) // len(self.baseline)
        return max(1, synthetic // len(group.rows))

    def _complete(self, group: _Group, gains: Array) -> tuple[Array, Array | None]:
        """Returns values (rows, players, outputs) and, on request, the interactions (rows, players, players,
        outputs)."""
        players = group.places.shape[1]
        values = np.repeat(gains[:, None] / players, players, axis=1)
        between = None
        if self.interactions:
            ends = np.array([[False] * players, [True] * players])
            scores = np.stack([np.zeros_like(gains), gains], axis=1)
            between = np.matmul(interaction_operator(ends), scores)
        for masks in coalitions.blocks(players, self._blocks_of(group)):
            scores = self._units(group.scores(masks)) - self.expected
            values += np.matmul(exact_operator(masks), scores)
            if between is not None:
                between += np.matmul(interaction_operator(masks), scores)
        return values, None if between is None else symmetric(between, values)

    def _sampled(self, group: _Group, gains: Array) -> tuple[Array, Array]:
        """Returns values and standard errors, each (rows, players, outputs)."""
        players = group.places.shape[1]
        if players not in self._regressions:
            self._regressions[players] = PairRegression.prepare(coalitions.draw(players, self.budget, self.seed))
        regression = self._regressions[players]
        masks, step = regression.pairs.masks, max(1, self._blocks_of(group) // 2)
        parts = []
        for start in range(0, len(masks), step):
            both = np.concatenate([masks[start : start + step], ~masks[start : start + step]])
            scores = self._units(group.scores(both))
            half = len(both) // 2
            parts.append(scores[:, :half] - scores[:, half:])
        differences = np.concatenate(parts, axis=1)
        rows, count, outputs = differences.shape
        flat = differences.transpose(1, 0, 2).reshape(count, rows * outputs)
        totals = gains.reshape(rows * outputs)
        values = regression.values(flat, totals)
        errors = regression.errors(flat, values)
        if self._refined and sparse.is_solvable(regression.pairs, outputs):
            values, errors = sparse.refine(regression.pairs, flat, totals, values, errors)
        shape = (players, rows, outputs)
        return values.reshape(shape).transpose(1, 0, 2), errors.reshape(shape).transpose(1, 0, 2)


def _groups(synthesizer: Synthesizer) -> list[_Group]:
    varying = synthesizer.varying()
    players = varying.sum(axis=1)
    groups = []
    for count in np.unique(players[players > 0]).tolist():
        rows = np.flatnonzero(players == count)
        groups.append(_Group(rows, np.nonzero(varying[rows])[1].reshape(len(rows), count), synthesizer))
    return groups
