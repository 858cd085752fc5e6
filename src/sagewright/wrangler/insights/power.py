"""The predictive power of columns, and a random forest on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from sagewright.wrangler.insights.shapes import CLASSIFICATION, QuickModel
from sagewright.wrangler.types import is_missing

FOLDS = 5
BINS = 30
MOST_ROWS = 10_000
MOST_CLASSES = 100
TREES = 30
MOST_TREE_ROWS = 8_000
POINTS = 50


@dataclass(frozen=True)
class Problem:
    """`codes`: the class of each row as a number, or its value; `classes`: empty for regression."""

    codes: np.ndarray
    classes: tuple[str, ...]

    @property
    def metric(self) -> str:
        return "r2" if not self.classes else "roc_auc" if len(self.classes) == 2 else "accuracy"


def problem(target: pl.Series, kind: str) -> Problem:
    """Returns the target of rows without a missing one. Raises ValueError."""
    if kind == CLASSIFICATION:
        text = target.cast(pl.String).rename("value")
        classes = text.value_counts().sort(["count", "value"], descending=[True, False])["value"].to_list()
        if len(classes) > MOST_CLASSES:
            raise ValueError(f"The target {target.name!r} has {len(classes):,} classes, more than {MOST_CLASSES}.")
        places = text.replace_strict(classes, range(len(classes)), return_dtype=pl.Int64)
        return Problem(places.to_numpy(), tuple(classes))
    numbers = target.cast(pl.Float64, strict=False)
    if numbers.null_count():
        raise ValueError(f"The target {target.name!r} contains text that is not a number; regression needs numbers.")
    return Problem(numbers.to_numpy(), ())


def feature(values: pl.Series) -> np.ndarray:
    """Returns a column as numbers: categories by frequency, missing values as NaN."""
    dtype = values.dtype
    if dtype.is_numeric() or isinstance(dtype, pl.Boolean):
        numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers
    if dtype.is_temporal():
        return (
            values.cast(pl.Datetime("us"), strict=False)
            .cast(pl.Int64)
            .cast(pl.Float64)
            .fill_null(float("nan"))
            .to_numpy()
        )
    if not isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        return np.full(len(values), np.nan)
    text = values.cast(pl.String)
    blank = pl.DataFrame({"t": text}).select(is_missing("t", pl.String())).to_series()
    ranks = text.rank("dense").cast(pl.Float64) - 1
    counts = np.bincount(ranks.fill_null(0).cast(pl.Int64).to_numpy())
    order = np.empty(len(counts))
    order[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    numbers = order[ranks.fill_null(0).cast(pl.Int64).to_numpy()]
    return np.where((blank | text.is_null()).to_numpy(), np.nan, numbers)


def power(values: np.ndarray, goal: Problem, folds: np.ndarray) -> float:
    """Returns the score of predictions by the mean target of like values, each fold by the others."""
    bins, number = _binned(values)
    if not goal.classes:
        predicted = _means(bins, number, goal.codes, folds)
        spread = ((goal.codes - goal.codes.mean()) ** 2).sum()
        return max(0.0, 1 - float(((goal.codes - predicted) ** 2).sum() / spread)) if spread else 0.0
    if len(goal.classes) == 2:
        return max(0.5, auc(_means(bins, number, goal.codes.astype(float), folds), goal.codes == 1))
    total = 0.0
    for place in range(len(goal.classes)):
        of_class = goal.codes == place
        total += of_class.mean() * max(0.5, auc(_means(bins, number, of_class.astype(float), folds), of_class))
    return float(total)


def _binned(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns a bin for each value, bin 0 for missing ones: few distinct values have one each, others share quantiles."""
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if len(distinct) > BINS:
        distinct = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)))
    places = np.searchsorted(distinct, values, side="right")
    return np.where(np.isfinite(values), places, 0), len(distinct) + 1


def _means(bins: np.ndarray, number: int, target: np.ndarray, folds: np.ndarray) -> np.ndarray:
    keys = bins * FOLDS + folds
    sums = np.bincount(keys, target, minlength=number * FOLDS).reshape(number, FOLDS)
    counts = np.bincount(keys, minlength=number * FOLDS).reshape(number, FOLDS)
    others, seen = sums.sum(axis=1, keepdims=True) - sums, counts.sum(axis=1, keepdims=True) - counts
    overall = others.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    means = (others + overall * 2) / (seen + 2)  # two rows of the overall mean: rare values say little
    return means[bins, folds]


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the area under the ROC curve, by ranks."""
    from scipy.stats import rankdata

    hits = int(positive.sum())
    if not 0 < hits < len(positive):
        return 0.5
    return float((rankdata(scores)[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(positive) - hits)))


def quick_model(
    columns: dict[str, np.ndarray], goal: Problem, leaking: Sequence[str], seed: int = 0
) -> QuickModel | None:
    """Returns the score of a random forest on 30 % of the rows, fitted on the others; None without features or with few rows."""
    used = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    if not used or len(goal.codes) < 20:
        return None
    order = np.random.default_rng(seed).permutation(len(goal.codes))[:MOST_TREE_ROWS]
    full = _forest(used, goal, order)
    fewer = {name: values for name, values in used.items() if name not in leaking}
    without = _forest(fewer, goal, order).score if fewer and len(fewer) < len(used) else None
    return QuickModel(
        goal.metric, full.score, without, full.importances, len(order), goal.classes, full.confusion, full.curve
    )


def _forest(columns: dict[str, np.ndarray], goal: Problem, order: np.ndarray) -> QuickModel:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.metrics import accuracy_score, confusion_matrix, r2_score

    table = np.column_stack([np.where(np.isfinite(values), values, -1e18) for values in columns.values()]).astype(
        np.float64
    )
    cut = max(int(len(order) * 0.7), 1)
    train, test = order[:cut], order[cut:]
    made = RandomForestClassifier if goal.classes else RandomForestRegressor
    model = made(n_estimators=TREES, max_depth=12, min_samples_leaf=3, max_features="sqrt", n_jobs=1, random_state=0)
    model.fit(np.clip(table[train], -1e18, 1e18).astype(np.float32), goal.codes[train])
    inputs = np.clip(table[test], -1e18, 1e18).astype(np.float32)
    importances = sorted(zip(columns, map(float, model.feature_importances_), strict=True), key=lambda one: -one[1])
    curve: tuple[tuple[float, float], ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    if not goal.classes:
        score = float(r2_score(goal.codes[test], model.predict(inputs)))
    else:
        predicted = model.predict(inputs)
        labels = range(len(goal.classes))
        confusion = tuple(tuple(map(int, row)) for row in confusion_matrix(goal.codes[test], predicted, labels=labels))
        score = float(accuracy_score(goal.codes[test], predicted))
        if len(goal.classes) == 2 and len(model.classes_) == 2:
            chance = model.predict_proba(inputs)[:, 1]
            score, curve = auc(chance, goal.codes[test] == 1), roc(chance, goal.codes[test] == 1)
    return QuickModel(goal.metric, score, None, tuple(importances), len(order), goal.classes, confusion, curve)


def roc(scores: np.ndarray, positive: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Returns points of the ROC curve: shares of false and of true alarms."""
    order = np.argsort(-scores, kind="stable")
    hits, misses = np.cumsum(positive[order]), np.cumsum(~positive[order])
    if not hits[-1] or not misses[-1]:
        return ()
    picked = np.unique(np.linspace(0, len(order) - 1, POINTS).astype(int))
    return ((0.0, 0.0), *((float(misses[one] / misses[-1]), float(hits[one] / hits[-1])) for one in picked))
