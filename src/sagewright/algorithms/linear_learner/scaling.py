"""Means and deviations of features and labels, from `num_point_for_scaler` rows of all hosts.

A feature that is the same in most rows, such as a category's indicator, mostly 0, is divided by its deviation over the root of the
share of rows that differ. For an indicator that is 1, however rare the category. Divided by its deviation, the weight of a rare
category would be almost free of the penalty, which is the same for all scaled weights, and would fit these few rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.source import Batch
from sagewright.algorithms.formats.table import Sparse, Table

Matrix = Any
"""(n, d) float32: an array, or scipy's csr_matrix."""
Spread = tuple[np.ndarray, np.ndarray, np.ndarray]
"""For each column the mean, the deviation, and the share of rows that don't have its most common value."""
TINY = 1e-12
BLOCK = 1 << 16
"""Numbers that are added up at a time, in double precision."""


@dataclass(frozen=True)
class Scaler:
    """x becomes (x - shift) / scale, and a regressor's y becomes (y - label_shift) / label_scale."""

    shift: np.ndarray | None
    scale: np.ndarray
    label_shift: float = 0.0
    label_scale: float = 1.0

    def features(self, rows: np.ndarray | Sparse, *, own: bool = False) -> Matrix:
        """Returns the scaled rows, in new memory unless they are the caller's `own`; sparse ones stay sparse unless they are
        shifted.
        """
        if isinstance(rows, Sparse):
            if self.shift is None:
                values = rows.values / self.scale.astype(np.float32)[rows.indices]
                return csr_matrix((values, rows.indices, rows.indptr), shape=rows.shape)
            rows, own = rows.dense(), True
        out = rows if own else rows.astype(np.float32)
        if self.shift is not None:
            out -= self.shift.astype(np.float32)
        out *= (1 / self.scale).astype(np.float32)
        return out

    def prepare(self, table: Table, own: bool) -> Batch:
        """Prepares rows for the losses (see `firstparty.source`)."""
        return self.features(table.features, own=own), self.labels(np.asarray(table.labels))

    def labels(self, labels: np.ndarray) -> np.ndarray:
        return ((labels - self.label_shift) / self.label_scale).astype(np.float32)

    def scores(self, rows: np.ndarray | Sparse, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Returns (n, K) float32: the scores of unscaled rows by weights (d, K) and biases (K,) for scaled ones."""
        if isinstance(rows, Sparse) and self.shift is None:
            raw = csr_matrix((rows.values, rows.indices, rows.indptr), shape=rows.shape)
            return np.asarray(raw @ (weights / self.scale[:, None]).astype(np.float32)) + bias
        return np.asarray(self.features(rows) @ weights + bias)

    def raw(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns weights (d, K) and biases (K,) of the same model for unscaled rows and labels, float64."""
        unscaled = weights.astype(np.float64) / self.scale[:, None]
        moved = bias.astype(np.float64)
        if self.shift is not None:
            moved = moved - self.shift @ unscaled
        return unscaled * self.label_scale, moved * self.label_scale + self.label_shift


def fit(sample: Table, rows: Table, values: Mapping[str, Any], group: Group) -> Scaler:
    """Fits the scaler to each host's share of the sample; columns that are constant there, to all its `rows`."""
    sparse = isinstance(sample.features, Sparse)
    unbias = values["unbias_data"]
    shifted = (not sparse and bool(values["use_bias"])) if unbias == "auto" else bool(unbias)
    found = _spread(_moments(sample.features, group))
    still = np.flatnonzero(~_varies(found))
    if len(still):
        more = _spread(_moments(_columns(rows.features, still), group))
        for own, other in zip(found, more, strict=True):
            own[still] = other
    mean, deviation, differing = found
    scale = (
        np.ones_like(mean) if values["normalize_data"] is False else deviation / np.sqrt(np.maximum(differing, TINY))
    )
    scale[~_varies((mean, scale, differing))] = 1  # rounding errors alone are not amplified
    scaler = Scaler(mean if shifted else None, scale)
    return _with_labels(scaler, sample, values, group) if values["predictor_type"] == "regressor" else scaler


def _spread(moments: tuple[int, np.ndarray, np.ndarray, np.ndarray]) -> Spread:
    count, total, square, same = moments
    mean = total / count
    return mean, np.sqrt(np.maximum(square / count - mean**2, 0)), 1 - same / count


def _varies(spread: Spread) -> np.ndarray:
    mean, deviation, _ = spread
    return np.asarray(deviation > 1e-7 * np.abs(mean))


def _columns(features: np.ndarray | Sparse, chosen: np.ndarray) -> np.ndarray | Sparse:
    """Returns some columns of all rows."""
    if not isinstance(features, Sparse):
        return features[:, chosen]
    place = np.full(features.columns, -1)
    place[chosen] = np.arange(len(chosen))
    kept = place[features.indices] >= 0
    indptr = np.append(0, np.cumsum(kept))[features.indptr]
    return Sparse(indptr, place[features.indices[kept]], features.values[kept], len(chosen))


def _moments(features: np.ndarray | Sparse, group: Group) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the number of rows, the sums and the sums of squares of each column, and in how many rows it has its most common
    value: 0 in sparse rows; in dense ones 0, the first host's least or its largest.
    """
    if isinstance(features, Sparse):
        total = np.bincount(features.indices, features.values, features.columns)
        square = np.bincount(features.indices, features.values.astype(np.float64) ** 2, features.columns)
        there = np.bincount(features.indices[features.values != 0], minlength=features.columns)
        same = (features.shape[0] - there)[None]
    else:
        nothing = np.zeros(features.shape[1], features.dtype)
        ends = (features.min(axis=0), features.max(axis=0)) if len(features) else (nothing, nothing)
        common = np.stack([nothing, *group.from_first(ends)])
        if np.array_equal(common[0], common[1]):  # as where all columns are indicators
            common = common[1:]
        total, square, same = np.zeros(len(nothing)), np.zeros(len(nothing)), np.zeros((len(common), len(nothing)))
        step = max(1, BLOCK // max(1, len(nothing)))
        for start in range(0, len(features), step):
            wide = features[start : start + step].astype(np.float64)
            total += wide.sum(axis=0)
            square += np.einsum("ij,ij->j", wide, wide)
            same += [(wide == each).sum(axis=0) for each in common]
    summed = group.total(np.vstack([total, square, same]))
    count = int(group.total(np.array([features.shape[0]]))[0])
    return (
        count,
        summed[0],
        summed[1],
        np.maximum(summed[2:].max(axis=0) - 1, 0),
    )  # if only one row has the least value, there are many values


def _with_labels(scaler: Scaler, sample: Table, values: Mapping[str, Any], group: Group) -> Scaler:
    labels = np.asarray(sample.labels, np.float64)
    count, total, square = group.total(np.array([len(labels), labels.sum(), (labels**2).sum()]))
    mean, deviation = total / count, float(np.sqrt(max(square / count - (total / count) ** 2, 0)))
    return replace(
        scaler,
        label_shift=float(mean) if values["unbias_label"] is not False else 0.0,
        label_scale=deviation if values["normalize_label"] is not False and deviation > 0 else 1.0,
    )


def decorrelation(features: np.ndarray, group: Group) -> np.ndarray:
    """Returns (d, d) float32 T: the scaled rows times T have uncorrelated columns of variance 1, as estimated from the sample.

    Directions with little variance in the sample are not amplified: the covariance is shrunk slightly towards its mean.
    """
    wide = features.astype(np.float64)
    summed = group.total(np.vstack([wide.T @ wide, wide.sum(axis=0), np.full(wide.shape[1], len(wide))]))
    count = summed[-1, 0]
    mean = summed[-2] / count
    covariance = summed[:-2] / count - np.outer(mean, mean)
    spread, directions = np.linalg.eigh(covariance)
    average = max(float(spread.mean()), 1e-12)
    floor = average * (1e-5 + min(1.0, wide.shape[1] / count))
    return (directions / np.sqrt(np.maximum(spread, 0) + floor)).astype(np.float32)
