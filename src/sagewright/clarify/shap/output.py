"""Results of SHAP analyses: `explanations_shap/out.csv` and `baseline.csv`, and the section `kernel_shap` of analysis.json."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array, Attributions, Section

FOLDER = "explanations_shap"
AGGREGATES = ("mean_abs", "mean_sq", "median")
_ROWS, _LEAST = 4096, 1e-99


def label_names(headers: Sequence[str], outputs: int) -> list[str]:
    """Returns the configured headers of the model's scores, or label0, label1 … if there are none.

    Raises CustomerError if their number is another.
    """
    if not headers or (outputs == 1 and len(headers) > 1):  # a binary model may have one score and two headers
        return [f"label{number}" for number in range(outputs)]
    if len(headers) != outputs:
        raise CustomerError(
            f"label_headers has {len(headers)} entries, and the model answers {outputs} scores a record."
        )
    return list(headers)


def write_local(found: Attributions, headers: Sequence[str], folder: Path, part: int | None = None) -> Path:
    """Writes the values of all rows to out.csv under `folder`, the job's output, in the order of the rows.

    `part`: number of the host, where several write one part each: out.csv is then a folder. Every row has the same length in bytes,
    so that a reader finds any of them at once.
    """
    names = label_names(headers, found.values.shape[2])
    columns = [f"{feature}_{name}" for name in names for feature in found.features]
    path = _made(folder) / "out.csv"
    if part is not None:
        path.mkdir(exist_ok=True)
        path = path / f"part-{part:05d}.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerow(columns)
        for start in range(0, len(found.values), _ROWS):
            some = found.values[start : start + _ROWS].transpose(0, 2, 1).reshape(-1, len(columns))
            some = np.where(np.abs(some) < _LEAST, 0.0, some)  # an exponent of three digits is longer
            np.savetxt(stream, some, fmt="%+.16e", delimiter=",", newline="\n")
    logging.info("Wrote %d local explanations to: %s", len(found.values), path)
    return path


def write_interactions(found: Attributions, headers: Sequence[str], folder: Path) -> Path:
    """Writes interactions.csv: for each pair of features the mean absolute interaction, a column a label. Raises CustomerError."""
    assert found.interactions is not None  # the caller checks it
    means = np.abs(found.interactions).mean(axis=0)
    names = label_names(headers, means.shape[2])
    path = _made(folder) / "interactions.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["feature", "other", *names])
        for first, feature in enumerate(found.features):
            for second in range(first + 1, len(found.features)):
                writer.writerow([feature, found.features[second], *means[first, second].tolist()])
    return path


def write_baseline(baseline: pd.DataFrame, folder: Path) -> Path:
    path = _made(folder) / "baseline.csv"
    baseline.to_csv(path, index=False, lineterminator="\n")
    logging.info("Wrote baseline used to compute explanations to: %s", path)
    return path


def _made(folder: Path) -> Path:
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    return target


def kernel_shap(found: Attributions, headers: Sequence[str], agg_method: str) -> Section:
    """Returns the global values of each feature and the expected value, for each label."""
    values = aggregate(found.values, agg_method)
    return {
        name: {
            "global_shap_values": dict(zip(found.features, values[:, number].tolist(), strict=True)),
            "expected_value": float(found.expected[number]),
        }
        for number, name in enumerate(label_names(headers, found.values.shape[2]))
    }


def aggregate(values: Array, agg_method: str) -> Array:
    """Returns the mean of absolute values, the median, or the mean of squares over the first axis. Raises CustomerError."""
    check_aggregate(agg_method)
    if agg_method == "mean_abs":
        return np.asarray(np.abs(values).mean(axis=0))
    return np.asarray((values**2).mean(axis=0) if agg_method == "mean_sq" else np.median(values, axis=0))


def check_aggregate(agg_method: str) -> None:
    """Raises CustomerError for an unknown `agg_method`."""
    if agg_method not in AGGREGATES:
        raise CustomerError(f"agg_method must be mean_abs, median or mean_sq, but it is {agg_method!r}.")


def top_features(found: Attributions, agg_method: str, count: int) -> list[str]:
    """Returns the features with the largest global values over all labels, in descending order."""
    values = np.abs(aggregate(found.values, agg_method)).sum(axis=1)
    return [found.features[place] for place in np.argsort(-values, kind="stable")[:count].tolist()]
