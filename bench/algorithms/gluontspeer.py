"""GluonTS's DeepAR with its defaults on drawn series, with the context, epochs, feature and category that ours gets."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

NAME = "GluonTS DeepAR"
SAMPLES = 100


def is_installed() -> bool:
    """GluonTS is in the environment of `make draws`, not in that of the tests."""
    return importlib.util.find_spec("gluonts") is not None


def forecast(
    start: datetime, known: Sequence[np.ndarray], cat: np.ndarray, feature: Sequence[np.ndarray], about: tuple[int, int],
    seed: int,
) -> np.ndarray:  # fmt: skip
    """Medians (n, horizon) of daily series. `feature` reaches to the end of the horizon; `about` is the horizon and the epochs.

    A series without values is given to the model as one day that is missing.
    """
    import torch
    from gluonts.dataset.common import ListDataset
    from gluonts.torch import DeepAREstimator

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.manual_seed(seed)
    horizon, epochs = about
    rows = [_row(start, *each) for each in zip(known, cat, feature, strict=True)]
    train = [
        row | {"feat_dynamic_real": row["feat_dynamic_real"][:, : len(row["target"])]}
        for row, values in zip(rows, known, strict=True)
        if len(values)
    ]
    estimator = DeepAREstimator(
        freq="D", prediction_length=horizon, context_length=horizon, num_feat_dynamic_real=1, num_feat_static_cat=1,
        cardinality=[int(cat.max()) + 1], trainer_kwargs=_trainer(epochs),
    )  # fmt: skip
    model = estimator.train(ListDataset(train, freq="D"))
    said = model.predict(ListDataset(rows, freq="D"), num_samples=SAMPLES)
    return np.stack([np.median(each.samples, axis=0) for each in said])


def _row(start: datetime, known: np.ndarray, cat: int, feature: np.ndarray) -> dict[str, Any]:
    if not len(known):
        start, known, feature = start - timedelta(days=1), np.array([np.nan]), np.concatenate([[0.0], feature])
    return {"start": str(start), "target": known, "feat_static_cat": [int(cat)], "feat_dynamic_real": feature[None]}


def _trainer(epochs: int) -> dict[str, Any]:
    return {
        "accelerator": "cpu", "enable_progress_bar": False, "logger": False, "enable_model_summary": False,
        "default_root_dir": tempfile.mkdtemp(), "max_epochs": epochs,
    }  # fmt: skip
