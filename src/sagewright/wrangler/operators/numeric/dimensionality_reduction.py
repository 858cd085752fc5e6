"""Principal components, from the moments of the data: one pass, however many rows there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from sagewright.wrangler.operators.numeric.manage_vectors import parts_of
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator

MOST_PARTS = 1000


@operator("dimensionality_reduction")
def dimensionality_reduction(step: OperatorStep) -> StepResult:
    parts = parts_of(step, step.values["input_column"])
    if len(parts) > MOST_PARTS:
        raise step.fault(f"The columns have {len(parts):,} parts, more than {MOST_PARTS:,}.")
    state = step.fitted if step.is_fitted("components", "mean") else None
    if state is None or len(state["mean"]) != len(parts):
        state = _fitted(step, parts)
    weights, mean = np.array(state["components"]), np.array(state["mean"])
    scores = [
        pl.sum_horizontal(
            (part - float(middle)) * float(weight) for part, middle, weight in zip(parts, mean, row, strict=True)
        )
        for row in weights
    ]
    base = step.values["output_column"] or "pca"
    if step.values["output_format"] == "Columns":
        added = [score.alias(f"{base}_{number}") for number, score in enumerate(scores)]
    else:
        added = [pl.concat_arr(scores).alias(base)]
    frame = step.frame.with_columns(added)
    if step.values["drop_input"]:
        frame = frame.drop(step.values["input_column"])
    explained = ", ".join(f"{share:.1%}" for share in state["explained_variance"])
    return one(frame, fitted=state, notes=(f"Variance of the components: {explained}.",))


def _fitted(step: OperatorStep, parts: list[pl.Expr]) -> dict[str, Any]:
    width = len(parts)
    total, product, count = np.zeros(width), np.zeros((width, width)), 0
    shift: np.ndarray | None = None
    for batch in (
        step.frame.select(part.alias(str(place)) for place, part in enumerate(parts)).drop_nulls().collect_batches()
    ):
        rows = batch.to_numpy()
        if not len(rows):
            continue
        shift = rows[0] if shift is None else shift
        centred = rows - shift
        total, product, count = total + centred.sum(axis=0), product + centred.T @ centred, count + len(rows)
    if count < 2 or shift is None:
        raise step.fault("Principal components need two rows without missing values.")
    mean = total / count
    covariance = (product - count * np.outer(mean, mean)) / (count - 1)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1]
    values, vectors = np.clip(values[order], 0, None), vectors[:, order].T
    shares = values / values.sum() if values.sum() else np.ones(width) / width
    number = _number(step, shares)
    signs = np.sign(vectors[np.arange(width), np.abs(vectors).argmax(axis=1)])[:, None]
    return {
        "mean": (mean + shift).tolist(),
        "components": (vectors * signs)[:number].tolist(),
        "explained_variance": shares[:number].tolist(),
    }


def _number(step: OperatorStep, shares: np.ndarray) -> int:
    if step.values["operator_method"] == "Variance threshold percentage":
        enough = step.values["variance_threshold_percentage"] / 100
        return int(np.searchsorted(np.cumsum(shares), enough - 1e-12) + 1)
    number = int(step.values["number_of_principal_components"])
    if number > len(shares):
        raise step.fault(f"number_of_principal_components is {number}; the columns have {len(shares)} parts.")
    return number
