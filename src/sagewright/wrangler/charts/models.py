"""Quick model and target leakage."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from sagewright.wrangler.charts.shapes import DrawnChart, bars
from sagewright.wrangler.insights import power
from sagewright.wrangler.insights.power import Problem
from sagewright.wrangler.insights.shapes import CLASSIFICATION, REGRESSION
from sagewright.wrangler.types import is_missing

CLASSES_AT_MOST = 100
LEAKAGE_ROWS = 1000
_WORDS = {"roc_auc": "AUC", "accuracy": "accuracy", "r2": "R²"}


def quick_model(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    label = values["label"]
    data = frame.filter(~is_missing(label, frame.schema[label]))
    few = data[label].n_unique() <= CLASSES_AT_MOST and not data[label].dtype.is_float()
    goal = power.problem(data[label], CLASSIFICATION if few or not data[label].dtype.is_numeric() else REGRESSION)
    found = power.quick_model({name: power.feature(data[name]) for name in data.columns if name != label}, goal, ())
    if found is None:
        raise ValueError("A quick model needs 20 rows and a column besides the label.")
    sentence = f"A random forest reaches an {_WORDS[found.metric]} of {found.score:.3f} on 30 % of {found.rows:,} rows."
    spec = bars(found.importances[:30], "column", "importance")
    return DrawnChart(
        "quick_model", values["name"] or "Quick model", sentence, ("column", "importance"), found.importances, spec
    )


def target_leakage(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    target = values["target"]
    data = frame.filter(~is_missing(target, frame.schema[target]))
    data = data.sample(LEAKAGE_ROWS, seed=0) if len(data) > LEAKAGE_ROWS else data
    whole = power.problem(data[target], values["problem_type"])
    goal, folds = Problem(whole.codes, whole.classes), np.arange(len(data)) % power.FOLDS
    if len(data) < power.FOLDS * 2:
        raise ValueError(f"Target leakage needs {power.FOLDS * 2} rows with a target.")
    others = [name for name in data.columns if name != target][: values["max_features"]]
    scores = sorted(
        ((name, power.power(power.feature(data[name]), goal, folds)) for name in others), key=lambda one: -one[1]
    )
    base = 0.5 if goal.classes else 0.0
    rows = tuple((name, score, _verdict(score, base)) for name, score in scores)
    leaking = [name for name, _, verdict in rows if verdict == "possible leakage"]
    sentence = f"Possible leakage: {', '.join(leaking)}." if leaking else "No column alone tells the target."
    measure = "R²" if not goal.classes else "AUC"
    spec = bars(scores, "column", measure)
    return DrawnChart(
        "target_leakage", values["name"] or "Target leakage", sentence, ("column", measure, "meaning"), rows, spec
    )


def _verdict(score: float, base: float) -> str:
    if score >= 0.95:
        return "possible leakage"
    return "redundant" if score - base < 1e-3 else "safe"
