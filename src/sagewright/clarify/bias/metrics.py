"""The sections `pre_training_bias_metrics` and `post_training_bias_metrics` of analysis.json."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isinf

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.bias.columns import ColumnKind, Typed, classify, threshold_interval, within
from sagewright.clarify.bias.facets import Group, label_rows, segments_of, sensitive_groups
from sagewright.clarify.bias.flips import flip_rate, numeric_features
from sagewright.clarify.bias.formulas import MEASURES, Confusion, GroupComparison, NotComputable, Strata
from sagewright.clarify.bias.meaning import METRICS
from sagewright.clarify.configuration.methods import BiasSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array, Section

_logger = logging.getLogger(__name__)
MAX_REPORTS = 10_000
"""Sensitive groups of all facets and segments together."""


def pre_training_bias(table: pd.DataFrame, settings: BiasSettings) -> Section:
    """Metrics of the labels. Raises CustomerError."""
    label = _label(table, settings)
    positive = label_rows(label)
    rows = positive.rows()
    if not rows.any():
        _logger.warning(
            "No label of column %s is positive: it is %s; %s", label.name, label.kind, _positive_means(label)
        )
    outcomes = _Outcomes(rows, rows)
    return _section(table, settings, positive, outcomes, settings.pre_training)


def post_training_bias(table: pd.DataFrame, predicted: pd.Series, settings: BiasSettings) -> Section:
    """Metrics of predicted labels, one for each row of `table`. Raises CustomerError."""
    if len(predicted) != len(table):
        raise CustomerError(f"The dataset has {len(table)} rows and {len(predicted)} predicted labels")
    label = _label(table, settings)
    positive = label_rows(label)
    accepted = _accepted(label, classify(predicted, label.values))
    outcomes = _Outcomes(positive.rows(), accepted)
    features = table.drop(columns=str(predicted.name)) if predicted.name in table.columns else table
    return _section(features, settings, positive, outcomes, settings.post_training)


def _label(table: pd.DataFrame, settings: BiasSettings) -> Typed:
    if settings.label not in table.columns:
        raise CustomerError(f"Headers must contain label. Column '{settings.label}' is not in the dataset")
    if not len(table):
        raise CustomerError("The dataset has no rows: bias metrics need some")
    if not settings.label_values:
        raise CustomerError("Positive label values or thresholds are empty for Label column")
    return classify(table[settings.label], settings.label_values)


def _accepted(label: Typed, predicted: Typed) -> NDArray[np.bool_]:
    """Rows with a positive prediction. Raises CustomerError."""
    if predicted.kind is not label.kind:
        raise CustomerError(
            "Predicted Label Column series data type is not the same as Label Column series. "
            f"'{label.name}' is {label.kind}, the predicted label is {predicted.kind}"
        )
    if label.kind is ColumnKind.CATEGORICAL:
        rows = label_rows(predicted).rows()
    else:
        try:
            numbers = predicted.series.astype(
                label.series.dtype
            )  # as smclarify: predictions of an integer label are cut off
        except (ValueError, TypeError) as error:
            raise CustomerError(f"The predicted labels can't have the type of label '{label.name}': {error}") from None
        threshold = label.values[0]
        assert not isinstance(threshold, str)
        rows = within(numbers, threshold_interval(pd.concat([label.series, numbers]), threshold))
    if not rows.any():
        raise CustomerError(
            "No Label values are present in the predicted Label Column, Positive Predicted Index Series contains all False values. "
            f"Label '{label.name}' is {label.kind}; {_positive_means(label)}"
        )
    return rows


def _positive_means(label: Typed) -> str:
    if label.kind is ColumnKind.CATEGORICAL:
        return f"positive are the values {', '.join(map(str, label.values))}"
    return f"at least 5 % of its values differ, so positive is what lies above the threshold {label.values[0]}"


@dataclass(frozen=True)
class _Outcomes:
    """Labels and predictions of rows, True where positive."""

    positive: NDArray[np.bool_]
    accepted: NDArray[np.bool_]

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        return 2 * self.positive.astype(np.uint8) + self.accepted.astype(np.uint8)


@dataclass(frozen=True)
class _Rows:
    """Rows that metrics are computed of: all, or a segment. `strata`: codes of the group variable, −1 where it is missing."""

    outcomes: _Outcomes
    strata: NDArray[np.int64] | None
    features: pd.DataFrame
    chosen: NDArray[np.bool_] | None = None

    @cached_property
    def total(self) -> Confusion:
        codes = self.outcomes.codes
        return Confusion.of(codes if self.chosen is None else codes[self.chosen])

    def compare(self, sensitive: NDArray[np.bool_]) -> GroupComparison:
        if self.chosen is not None:
            sensitive = sensitive & self.chosen
        d = Confusion.of(self.outcomes.codes[sensitive])
        return GroupComparison(
            a=self.total - d,
            d=d,
            strata=None if self.strata is None else lambda: self._strata(sensitive),
            flip_test=lambda: self._flip_rate(sensitive),
        )

    @cached_property
    def _cells(self) -> NDArray[np.int64]:
        """2 × group + outcome of each row, −1 without a group."""
        assert self.strata is not None
        return np.where(self.strata < 0, -1, 2 * self.strata + self.outcomes.accepted)

    @cached_property
    def _all_strata(self) -> Array:
        return self._counted(None)

    def _strata(self, sensitive: NDArray[np.bool_]) -> Strata:
        (negative, positive), (negative_d, positive_d) = self._all_strata, self._counted(sensitive)
        return Strata(positive, negative, positive_d, negative_d)

    def _counted(self, rows: NDArray[np.bool_] | None) -> Array:
        """Negative and positive rows of each stratum: shape (2, strata)."""
        rows = self.chosen if rows is None else rows
        cells = self._cells if rows is None else self._cells[rows]
        strata = int(self._cells.max(initial=-1)) // 2 + 1
        return np.bincount(cells[cells >= 0], minlength=2 * strata).reshape(-1, 2).T.astype(float)

    @cached_property
    def _matrix(self) -> Array | NDArray[np.int64]:
        return numeric_features(self.features)

    def _flip_rate(self, sensitive: NDArray[np.bool_]) -> float:
        matrix, accepted = self._matrix, self.outcomes.accepted
        if self.chosen is None:
            return flip_rate(matrix, sensitive, accepted)
        return flip_rate(matrix[self.chosen], sensitive[self.chosen], accepted[self.chosen])


def _section(
    table: pd.DataFrame, settings: BiasSettings, positive: Group, outcomes: _Outcomes, metrics: Sequence[str]
) -> Section:
    groups: dict[str, list[Group]] = {}
    for facet in settings.facets:
        groups.setdefault(facet.column, []).extend(sensitive_groups(table, facet))
    rows = _Rows(outcomes, _group_codes(table, settings.group_variable), table)
    segmentations = [(one.name or one.column, segments_of(table, one)) for one in settings.segmentations]
    reports = sum(map(len, groups.values())) * (1 + sum(len(segments) for _, segments in segmentations))
    if reports > MAX_REPORTS:
        raise CustomerError(f"Facets and segments have {reports} groups in all, at most {MAX_REPORTS} are reported")
    names = sorted(metrics)
    section: Section = {
        "label": settings.label,
        "label_value_or_threshold": positive.name,
        "facets": _facets(rows, groups, settings.label, names),
    }
    if segmentations:
        section["segments"] = {
            name: [
                {
                    "value_or_threshold": segment.name,
                    "facets": _facets(replace(rows, chosen=segment.rows()), groups, settings.label, names),
                }
                for segment in segments
            ]
            for name, segments in segmentations
        }
    return section


def _group_codes(table: pd.DataFrame, group_variable: str | None) -> NDArray[np.int64] | None:
    if group_variable is None:
        return None
    if group_variable not in table.columns:
        raise CustomerError(f"The group variable '{group_variable}' is not in the dataset")
    codes: NDArray[np.int64] = pd.factorize(table[group_variable])[0]
    return codes


def _facets(rows: _Rows, groups: dict[str, list[Group]], label: str, metrics: Sequence[str]) -> Section:
    return {
        column: [
            {"value_or_threshold": group.name, "metrics": list(_measured(of_facet.compare(group.rows()), metrics))}
            for of_facet in [replace(rows, features=rows.features.drop(columns=[column, label]))]
            for group in listed
        ]
        for column, listed in groups.items()
    }


def _measured(comparison: GroupComparison, metrics: Sequence[str]) -> Iterator[Section]:
    for name in metrics:
        metric = METRICS[name]
        entry: Section = {"name": name, "description": metric.description}
        try:
            value = float(MEASURES[name](comparison))
        except NotComputable as error:
            yield entry | {"value": None, "error": str(error)}
        else:
            yield entry | {"value": str(value).replace("inf", "Infinity") if isinf(value) else value}
