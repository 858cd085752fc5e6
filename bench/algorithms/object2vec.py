"""Object2Vec beside the loop that one would write in torch, with the same network, and beside simpler models.

Settings of both were chosen on a part of the training ratings that was held out for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import halves
import memory
import numpy as np
import packages
import torch
from contest import Contest, Entrant
from torch import nn
from torch.nn import functional

from sagewright.algorithms.deep.training import device as devices
from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.together import Together
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.object2vec import training
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.sequences import Texts
from sagewright.algorithms.termination import Termination

PEERS = ("torch", "gensim")
DIM, HIDDEN, BATCH, RATE, DECAY, EPOCHS = 32, 64, 512, 0.003, 3e-4, 40
SETTINGS = {
    "enc0_max_seq_len": 1, "enc1_max_seq_len": 1, "enc0_network": "pooled_embedding", "enc1_network": "pooled_embedding",
    "enc0_token_embedding_dim": DIM, "enc1_token_embedding_dim": DIM, "enc_dim": DIM, "mlp_dim": HIDDEN, "mlp_layers": 1,
    "mlp_activation": "tanh", "comparator_list": "concat", "output_layer": "mean_squared_error", "mini_batch_size": BATCH,
    "learning_rate": RATE, "weight_decay": DECAY, "epochs": EPOCHS, "early_stopping_tolerance": 1e-6,
    "early_stopping_patience": 5,
}  # fmt: skip
Ratings = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Users, items and ratings."""


def contests() -> Iterator[Contest]:
    train, later = map(tuple, packages.split(*packages.movielens()))
    sizes = tuple(int(each.max()) + 1 for each in packages.movielens()[:2])
    judge = partial(error, later)
    entrants = [
        Entrant("Sagewright", partial(fit_ours, train, sizes), judge, "pooled_embedding, concat, tanh"),
        Entrant("plain torch loop", partial(Plain.fit, train, sizes), judge, "the same network, batches and epochs"),
        Entrant("biases of users and items", lambda _seed: Biases(train, sizes), judge, "ridge, by alternating"),
    ]  # fmt: skip
    yield Contest("MovieLens-100k, 90,000 ratings, 10,000 held out", "RMSE", "less", entrants)
    yield halves.contest(run)


def run(seed: int, **given: object) -> Run:
    """A training on one host, without files."""
    job = memory.job(Path(), {**given, "_seed": seed})
    values = DECLARATION.validate_hyperparameters(job.hyperparameters)
    devices.seed(seed)
    lines = Lines("AWS/Object2Vec", "algo-1")
    return Run(job, values, DECLARATION, lines, devices.choose(values), Together(), Termination(graceful=True))


def single(count: int) -> Texts:
    """Each token alone."""
    return Texts(np.arange(count, dtype=np.int32), np.arange(count + 1))


def pairs(ratings: Ratings, sizes: tuple[int, ...]) -> Pairs:
    users, items, labels = ratings
    return Pairs((single(sizes[0]), single(sizes[1])), np.column_stack([users, items]), labels)


def fit_ours(train: Ratings, sizes: tuple[int, ...], seed: int) -> Any:
    asked = run(seed, **SETTINGS, enc0_vocab_size=sizes[0], enc1_vocab_size=sizes[1])
    network = training.fit(asked, pairs(train, sizes), None)

    def predict(later: Ratings) -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            encoded = (
                network.tokens[number].weight[torch.from_numpy(each)] for number, each in enumerate(later[:2])
            )  # fmt: skip
            return np.asarray(network.judge(*encoded)[:, 0].numpy())

    return predict


class Plain(nn.Module):
    """What one would write by hand."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.users, self.items = (nn.Embedding(size, DIM) for size in sizes)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, 0, 0.1)
        self.layers = nn.Sequential(nn.Linear(2 * DIM, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([self.users(users), self.items(items)], dim=1))[:, 0]

    @classmethod
    def fit(cls, train: Ratings, sizes: tuple[int, ...], seed: int) -> Any:
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        network = cls(sizes)
        weights = [each for name, each in network.named_parameters() if not name.endswith("bias")]
        others = [each for name, each in network.named_parameters() if name.endswith("bias")]
        optimizer = torch.optim.Adam([{"params": weights, "weight_decay": DECAY}, {"params": others}], lr=RATE)
        users, items, labels = (torch.from_numpy(each) for each in train)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(labels)).split(BATCH):
                optimizer.zero_grad()
                functional.mse_loss(network(users[rows], items[rows]), labels[rows]).backward()
                optimizer.step()

        def predict(later: Ratings) -> np.ndarray:
            with torch.inference_mode():
                return np.asarray(network(*map(torch.from_numpy, later[:2])).numpy())

        return predict


class Biases:
    """A mean, and what each user and item adds to it."""

    def __init__(self, train: Ratings, sizes: tuple[int, ...], penalty: float = 5.0) -> None:
        users, items, labels = train
        self.mean = float(labels.mean())
        self.users, self.items = (np.zeros(size) for size in sizes)
        for _ in range(20):
            for own, rows, other, theirs in (
                (self.users, users, self.items, items),
                (self.items, items, self.users, users),
            ):
                rest = np.bincount(rows, labels - self.mean - other[theirs], len(own))
                own[:] = rest / (np.bincount(rows, minlength=len(own)) + penalty)

    def __call__(self, later: Ratings) -> np.ndarray:
        return np.asarray(self.mean + self.users[later[0]] + self.items[later[1]])


def error(later: Ratings, predict: Any) -> float:
    """Of ratings between 1 and 5."""
    return float(np.sqrt(np.mean((np.clip(predict(later), 1, 5) - later[2]) ** 2)))
