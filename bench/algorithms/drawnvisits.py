"""Drawn visits for IP Insights: later visits, and pairs of a visitor and another's address, by the area under the curve."""

from __future__ import annotations

from collections import Counter
from typing import Any

import generators
import memory
import numpy as np
from cases import Case, one_of, whole
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.ipinsights import events, training
from sagewright.algorithms.ipinsights.declaration import DECLARATION
from sagewright.algorithms.ipinsights.events import Events

RANK = 16
UNSURE = 0.003


def visits(random: np.random.Generator) -> Case:
    """Visitors with networks of their own, shared offices, or networks that change; a fifth of the visits is judged."""
    kind = one_of(random, "two networks", "few visits", "offices", "movers", "narrow networks", "popular visitors")
    users = whole(random, 20, 2000)
    count = whole(random, 100, 1000) if kind == "few visits" else users * whole(random, 8, 40)
    count = min(max(count, 500), 40_000) if kind != "few visits" else count
    seed = int(random.integers(1 << 31))
    if kind == "offices":
        user, address = generators.offices(count, users, seed)
    elif kind == "movers":
        user, address = generators.movers(count, users, seed)
    else:
        bits = int(random.choice([22, 24])) if kind == "narrow networks" else 16
        popular = random.uniform(0.7, 1.3) if kind == "popular visitors" else 0.0
        user, address = generators.visits(count, users, seed, bits=bits, popular=popular)
    end = count * 4 // 5
    buckets, width = max(100, 2 * users), whole(random, 8, 128)
    rows = ((f"u{each}", _dotted(int(ip))) for each, ip in zip(user, address, strict=True))
    known = events.parse(rows, buckets, "visits")
    words = f"visits, {kind}: {end:,} of {users:,} visitors, vector_dim {width}"
    return _entry(words, (known.take(np.arange(end)), known.take(np.arange(end, count))), buckets, width)


def _dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def _entry(words: str, parts: tuple[Events, Events], buckets: int, width: int) -> Case:
    train, later = parts
    strange = Events(later.entity, later.address[np.random.default_rng(3).permutation(len(later))])

    def ours(seed: int) -> Any:
        run = memory.session(DECLARATION, "IPInsights", num_entity_vectors=buckets, vector_dim=width, _seed=seed)
        network = training.fit(run, train, None)
        return lambda found: network.scores(found.entity, found.address)

    def judge(score: Any) -> float:
        labels = np.repeat([1, 0], len(later))
        return 1 - float(roc_auc_score(labels, np.concatenate([score(later), score(strange)])))

    others = {
        "constant": lambda _: _popularity(train),
        "how often in the /24": lambda _: _frequency(train, 8),
        "how often in the /16": lambda _: _frequency(train, 16),
        "SVD of visitors and /16": lambda _: _factors(train, 16, buckets),
        "SVD of visitors and /24": lambda _: _factors(train, 8, buckets),
    }
    return Case("ipinsights", words, ours, others, judge, UNSURE)


def _popularity(train: Events) -> Any:
    seen = Counter((train.address >> 8).tolist())
    return lambda found: np.array([seen[each] for each in (found.address >> 8).tolist()])


def _frequency(train: Events, shift: int) -> Any:
    seen = Counter(zip(train.entity.tolist(), (train.address >> shift).tolist(), strict=True))

    def score(found: Events) -> np.ndarray:
        pairs = zip(found.entity.tolist(), (found.address >> shift).tolist(), strict=True)
        return np.array([seen[pair] for pair in pairs])

    return score


def _factors(train: Events, shift: int, buckets: int) -> Any:
    blocks, column = np.unique(train.address >> shift, return_inverse=True)
    counts = csr_matrix((np.ones(len(train)), (train.entity, column)), shape=(buckets, len(blocks) + 1))
    users, values, networks = svds(np.log1p(counts), min(RANK, len(blocks) - 1), random_state=0)
    users = users * values

    def score(found: Events) -> np.ndarray:
        asked = found.address >> shift
        place = np.minimum(np.searchsorted(blocks, asked), len(blocks) - 1)
        place = np.where(blocks[place] == asked, place, len(blocks))
        return np.asarray(np.einsum("ij,ij->i", users[found.entity], networks.T[place]))

    return score
