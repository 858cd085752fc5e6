"""IP Insights beside the frequency of pairs and a factorisation of the matrix of entities and addresses' networks.

The defaults were chosen with both of these in sight: see the arena for data that chose nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import memory
import numpy as np
import packages
from contest import Contest, Entrant
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.ipinsights import events, training
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.events import Events

PEERS = ("scikit-learn",)
USERS, NETWORKS = 2000, 300
BUCKETS = 20_000
RANK = 32


def contests() -> Iterator[Contest]:
    train, later = _log(200_000, 1), _log(20_000, 2)
    others = np.random.default_rng(3).permutation(len(later))
    strange = Events(later.entity, later.address[others])
    yield _contest(
        "synthetic web log, 200,000 visits of 2,000 users, 20,000 later ones", train, partial(area, later, strange)
    )
    known = events.parse(packages.mail_events(), BUCKETS, "mails")
    end = round(0.8 * len(known))
    train, later = known.take(np.arange(end)), known.take(np.arange(end, len(known)))
    yield _contest(
        f"SpamAssassin's good mails, {end:,} hops of a host, {len(later):,} later ones",
        train,
        partial(area, later, _unseen(known, later)),
    )


def _contest(name: str, train: Events, judge: Any) -> Contest:
    entrants = [
        Entrant("Sagewright", partial(fit_ours, train), judge, "defaults"),
        Entrant("frequency of entity and /24", lambda _seed: Frequency(train), judge),
        Entrant("SVD of entities and /16, rank 32", lambda _seed: Factors(train), judge),
    ]  # fmt: skip
    return Contest(name, "AUC", "more", entrants)


def _unseen(known: Events, later: Events) -> Events:
    """Each later entity with an address of another later event in whose /24 it never was."""
    random = np.random.default_rng(3)
    pairs = set(zip(known.entity.tolist(), (known.address >> 8).tolist(), strict=True))
    addresses = []
    for entity in later.entity.tolist():
        others = (int(later.address[number]) for number in iter(lambda: random.integers(len(later)), None))
        addresses.append(next(each for each in others if (entity, each >> 8) not in pairs))
    return Events(later.entity, np.array(addresses, np.uint32))


def _log(count: int, seed: int) -> Events:
    """Users with a home and a work network (their first 16 bits), from which most addresses come once; 5 % are travelling."""
    known, random = np.random.default_rng(0), np.random.default_rng(seed)
    networks = known.integers(1 << 8, 1 << 16, NETWORKS)
    homes = known.integers(0, NETWORKS, (USERS, 2))
    user = random.integers(0, USERS, count)
    network = networks[homes[user, random.integers(0, 2, count)]]
    away = random.random(count) < 0.05
    network[away] = networks[random.integers(0, NETWORKS, away.sum())]
    rows = zip(user, network * 65536 + random.integers(0, 65536, count), strict=True)
    return events.parse(((f"user-{u}", _dotted(int(address))) for u, address in rows), BUCKETS, "log")


def _dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def fit_ours(train: Events, seed: int, **given: object) -> Any:
    run = memory.session(DECLARATION, "IPInsights", num_entity_vectors=BUCKETS, vector_dim=64, _seed=seed, **given)
    network = training.fit(run, train, None)

    def score(found: Events) -> np.ndarray:
        return network.scores(found.entity, found.address)

    return score


class Frequency:
    def __init__(self, train: Events) -> None:
        self.seen = Counter(zip(train.entity.tolist(), (train.address >> 8).tolist(), strict=True))

    def __call__(self, found: Events) -> np.ndarray:
        return np.array(
            [self.seen[pair] for pair in zip(found.entity.tolist(), (found.address >> 8).tolist(), strict=True)]
        )


class Factors:
    def __init__(self, train: Events) -> None:
        counts = csr_matrix((np.ones(len(train)), (train.entity, train.address >> 16)), shape=(BUCKETS, 1 << 16))
        self.users, values, self.networks = svds(np.log1p(counts), RANK, random_state=0)
        self.users = self.users * values

    def __call__(self, found: Events) -> np.ndarray:
        return np.asarray(np.einsum("ij,ij->i", self.users[found.entity], self.networks.T[found.address >> 16]))


def area(later: Events, strange: Events, score: Any) -> float:
    labels = np.repeat([1, 0], len(later))
    return float(roc_auc_score(labels, np.concatenate([score(later), score(strange)])))
