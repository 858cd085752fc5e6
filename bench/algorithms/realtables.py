"""Linear learner and factorization machines with their defaults on the tables of R's packages, beside scikit-learn's Ridge or
LogisticRegression with theirs, on plain and on scaled features.

`python bench/algorithms/realtables.py factorization-machines numbers --seed 4` prints the geometric mean of our losses at later
rows as multiples of those of the better of both, and the tables where we lose most. The seed draws each table's label, the rows to
learn from, and `num_factors`. Losses are squared errors or log losses; a thousandth of the constant's is added to each, so that
rows that are told exactly don't decide.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import memory
import numpy as np
import pandas as pd
import wholejob
from frames import frames
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sagewright.algorithms.factorization_machines import training as machines
from sagewright.algorithms.factorization_machines.declaration import DECLARATION as MACHINES
from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.linear_learner.declaration import DECLARATION as LEARNER
from sagewright.algorithms.linear_learner.model import LinearModel

MOST_ROWS, MOST_LATER, FEWEST_LATER, MOST_COLUMNS, MOST_LEVELS, LARGEST = 8000, 5000, 12, 300, 12, 1e15
KNOWN = 0.7
"""Maximum share of the rows to learn from."""
KINDS = {"numbers": "regressor", "classes": "binary_classifier", "several": "multiclass_classifier"}
SLIGHT = 1e-3


@dataclass(frozen=True)
class Drawn:
    """A table's rows (n, d) to learn from and later ones, with their labels."""

    name: str
    x: np.ndarray
    y: np.ndarray
    later: np.ndarray
    truth: np.ndarray
    random: np.random.Generator


def drawn(kind: str, seed: int, least: int, most: int) -> Iterator[Drawn]:
    """Yields the tables that have a label of this kind, with `least` to `most` rows to learn from if there are as many."""
    for name, frame in frames():
        random = np.random.default_rng([zlib.crc32(name.encode()), seed])
        whole = frame.drop(columns="rownames", errors="ignore").replace([np.inf, -np.inf], np.nan)
        whole = whole.dropna(axis=1, thresh=int(0.8 * len(whole))).dropna()
        whole = whole.sample(MOST_ROWS, random_state=0) if len(whole) > MOST_ROWS else whole
        labels = [column for column in whole if _suits(whole[column], kind)]
        if not labels:
            continue
        label = labels[random.integers(len(labels))]
        x, y = _features(whole.drop(columns=[label])), _label(whole[label], kind)
        order = random.permutation(len(y))
        known = min(round(np.exp(random.uniform(np.log(least), np.log(most)))), int(KNOWN * len(y)))
        first, rest = order[:known], order[known : known + MOST_LATER]
        enough = known >= least and len(rest) >= FEWEST_LATER and 1 <= x.shape[1] <= MOST_COLUMNS
        every = len(np.unique(y[first])) == len(np.unique(y)) if kind != "numbers" else bool(np.ptp(y[first]) > 0)
        if enough and every:
            yield Drawn(name, x[first], y[first], x[rest], y[rest], random)


def _suits(column: pd.Series, kind: str) -> bool:
    values = column.nunique()
    if kind == "numbers":
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        return numeric and values > MOST_LEVELS and float(column.abs().max()) < LARGEST
    return values == 2 if kind == "classes" else 3 <= values <= MOST_LEVELS


def _label(column: pd.Series, kind: str) -> np.ndarray:
    if kind == "numbers":
        return column.to_numpy(float)
    return np.unique(column.astype(str), return_inverse=True)[1].astype(float)


def _features(frame: pd.DataFrame) -> np.ndarray:
    """Numbers as they are, and texts of up to MOST_LEVELS values as indicators; columns that vary, in single precision."""
    parts = [np.zeros((len(frame), 0))]
    for _, column in frame.items():
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            parts.append(column.to_numpy(float)[:, None])
        elif 2 <= column.astype(str).nunique() <= MOST_LEVELS:
            parts.append(pd.get_dummies(column.astype(str)).to_numpy(float))
    x = np.hstack(parts).astype(np.float32).astype(float)
    return x[:, (np.ptp(x, axis=0) > 0) & (np.abs(x).max(axis=0, initial=0) < LARGEST)]


def _learner(given: Drawn, kind: str) -> np.ndarray:
    values: dict[str, object] = {"predictor_type": KINDS[kind]}
    if kind == "several":
        values["num_classes"] = int(given.y.max()) + 1
    rows = pd.DataFrame(np.column_stack([given.y, given.x])).to_csv(header=False, index=False).encode()
    directory = wholejob.trained(LEARNER, values, {"train": ({"rows.csv": rows}, "text/csv")})
    model = LinearModel.decode(artefact.read(directory))
    shutil.rmtree(directory, ignore_errors=True)
    return np.asarray(model.predict(given.later.astype(np.float32))["score"])


def _machine(given: Drawn, kind: str) -> np.ndarray:
    factors, x = int(given.random.choice([2, 8, 32])), csr_matrix(given.x.astype(np.float32))
    run = memory.session(
        MACHINES, "factorization-machines", predictor_type=KINDS[kind], feature_dim=x.shape[1], num_factors=factors
    )
    rows = Sparse(x.indptr.astype(np.int64), x.indices.astype(np.int64), x.data, x.shape[1])
    raw = machines.fit(run, memory.source(rows, given.y.astype(np.float32), sparse=True)).raw(
        csr_matrix(given.later.astype(np.float32))
    )
    return raw if kind == "numbers" else probability(raw)


def _peers(given: Drawn, kind: str) -> list[np.ndarray]:
    def fitted(model: Any) -> np.ndarray:
        model.fit(given.x, given.y)
        return np.asarray(model.predict(given.later) if kind == "numbers" else model.predict_proba(given.later))

    make: Callable[[], Any] = Ridge if kind == "numbers" else lambda: LogisticRegression(max_iter=1000)
    return [fitted(make()), fitted(make_pipeline(StandardScaler(), make()))]


def _loss(said: np.ndarray, given: Drawn, kind: str) -> float:
    if kind == "numbers":
        return float(np.mean((said - given.truth) ** 2))
    return float(log_loss(given.truth, np.clip(said, 1e-7, 1 - 1e-7), labels=np.unique(given.y)))


def _constant(given: Drawn, kind: str) -> np.ndarray:
    if kind == "numbers":
        return np.full(len(given.truth), given.y.mean())
    return np.tile(np.unique(given.y, return_counts=True)[1] / len(given.y), (len(given.truth), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("algorithm", choices=["linear-learner", "factorization-machines"])
    parser.add_argument("kind", choices=[*KINDS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--least", type=int, default=40, help="rows to learn from at least")
    parser.add_argument("--most", type=int, default=5600)
    asked = parser.parse_args()
    if asked.algorithm == "factorization-machines" and asked.kind == "several":
        parser.error("factorization machines know numbers and two classes")
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore")
    ours = _learner if asked.algorithm == "linear-learner" else _machine
    found = []
    for given in drawn(asked.kind, asked.seed, asked.least, asked.most):
        with contextlib.redirect_stdout(io.StringIO()):
            said = ours(given, asked.kind)
        constant = _loss(_constant(given, asked.kind), given, asked.kind)
        mine, *theirs = (
            _loss(each, given, asked.kind) + SLIGHT * constant for each in (said, *_peers(given, asked.kind))
        )
        found.append(
            (mine / min(theirs), mine / (1 + SLIGHT) / constant, f"{given.name}, {len(given.y)} x {given.x.shape[1]}")
        )
    ratios, of_constant = (np.array([each[place] for each in found]) for place in (0, 1))
    print(
        f"{len(found)} tables: {np.exp(np.log(ratios).mean()):.3f} times the better one's loss, "
        f"more than 1.02 times in {np.mean(ratios > 1.02):.1%}, 1.1 times in {np.mean(ratios > 1.1):.1%}; "
        f"more than 1.02 times the constant's in {np.mean(of_constant > 1.02):.1%}"
    )
    for ratio, _, words in sorted(found, reverse=True)[:10]:
        print(f"{ratio:.3g} {words}")


if __name__ == "__main__":
    main()
