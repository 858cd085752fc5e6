"""Drawn pairs for Object2Vec that `drawnpairs.py` lacks: each kind of encoder, a short side, rare labels, several classes, orders.

The jobs have defaults but for the kind of encoder and, of an hcnn or bilstm, `enc_dim`: with 4,096 numbers a draw takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import drawnpairs
import numpy as np
from cases import Case, between, one_of, whole
from drawnpairs import LATER, Sides

NARROW = 256
"""enc_dim of networks over time."""
Drawn = tuple[Sides, np.ndarray, int]
"""The sides, scores, and the vocabulary's size."""


def relations(random: np.random.Generator) -> Case:
    """Pairs of one of the kinds below; labels are two classes, one of them rare or not, several classes, or numbers."""
    kind = one_of(random, *KINDS)
    rows = whole(random, 100, 1000)
    (sides, score, vocabulary), network = KINDS[kind](random, rows + LATER), _network(random, kind)
    score = score / max(score.std(), 1e-9) + random.normal(0, between(random, 0.1, 0.7), len(score))
    label = one_of(random, "classes", "classes", "numbers", "rare", "several")
    y, classes = _labels(random, label, score)
    longest = max(len(each) for side in sides for each in side)
    given: dict[str, Any] = {
        "enc0_max_seq_len": longest, "enc0_vocab_size": vocabulary, "enc0_network": network,
        "output_layer": "mean_squared_error" if label == "numbers" else "softmax",
    }  # fmt: skip
    if network != "pooled_embedding":
        given["enc_dim"] = NARROW
    if classes > 2:
        given["num_classes"] = classes
    words = f"relations, {network}, {kind}, {label}: {rows}, {vocabulary} tokens, up to {longest} a side"
    return drawnpairs.entry(words, (sides, y), rows, given)


def _network(random: np.random.Generator, kind: str) -> str:
    if kind == "order":
        return one_of(random, "hcnn", "bilstm")
    return one_of(random, "pooled_embedding", "pooled_embedding", "hcnn", "bilstm")


def _labels(random: np.random.Generator, label: str, score: np.ndarray) -> tuple[np.ndarray, int]:
    if label == "numbers":
        return score * between(random, 0.2, 20) + random.normal(0, 10), 1
    if label == "several":
        classes = whole(random, 3, 6)
        bounds = np.quantile(score, np.arange(1, classes) / classes)
        return np.searchsorted(bounds, score).astype(float), classes
    share = between(random, 0.05, 0.15) if label == "rare" else 0.5
    return (score > np.quantile(score, 1 - share)).astype(float), 2


def _texts(
    random: np.random.Generator, which: np.ndarray, own: np.ndarray, lengths: tuple[int, int]
) -> list[list[int]]:
    """A text of each topic in `which`, from the topics' shares of tokens."""
    return [
        random.choice(own.shape[1], random.integers(lengths[0], lengths[1] + 1), p=own[each]).tolist() for each in which
    ]


def _short(random: np.random.Generator, total: int) -> Drawn:
    """A text and a tag: each topic likes some tags."""
    topics, tags, words = whole(random, 2, 6), whole(random, 3, 15), whole(random, 30, 300)
    own = random.dirichlet(np.full(words, between(random, 0.03, 0.2)), topics)
    which, tag = random.integers(0, topics, total), random.integers(0, tags, total)
    liked = random.normal(size=(topics, tags)) + random.normal(size=topics)[:, None]
    first = _texts(random, which, own, (4, 15))
    return (first, (words + tag)[:, None].tolist()), liked[which, tag], words + tags


def _one(random: np.random.Generator, total: int) -> Drawn:
    """Two texts, of which the longer or the shorter one decides."""
    topics, words = whole(random, 2, 8), whole(random, 30, 300)
    own = random.dirichlet(np.full(words, between(random, 0.03, 0.2)), topics)
    which, decides = random.integers(0, topics, (2, total)), int(random.integers(2))
    sides = _texts(random, which[0], own, (6, 14)), _texts(random, which[1], own, (1, 4))
    return sides, random.normal(size=topics)[which[decides]], words


def _users(random: np.random.Generator, total: int) -> Drawn:
    """Users and things: biases of both, and two factors."""
    users, things = whole(random, 15, 120), whole(random, 15, 120)
    one, other = random.integers(0, users, total), random.integers(0, things, total)
    factors, tastes = random.normal(size=(users, 2)), random.normal(size=(things, 2))
    deep = between(random, 0.2, 1)
    score = (
        random.normal(size=users)[one]
        + random.normal(size=things)[other]
        + deep * (factors[one] * tastes[other]).sum(1)
    )
    return (one[:, None].tolist(), other[:, None].tolist()), score, max(users, things)


def _topic(random: np.random.Generator, total: int) -> Drawn:
    """Two texts that are of one topic or not."""
    topics, words = whole(random, 2, 8), whole(random, 30, 300)
    own = random.dirichlet(np.full(words, between(random, 0.03, 0.2)), topics)
    which = random.integers(0, topics, (2, total))
    which[1] = np.where(random.random(total) < 0.4, which[0], which[1])
    sides = _texts(random, which[0], own, (3, 10)), _texts(random, which[1], own, (3, 10))
    return sides, np.asarray(which[0] == which[1], float), words


def _shared(random: np.random.Generator, total: int) -> Drawn:
    """Texts of evenly drawn tokens: how many the sides share decides."""
    words, long = whole(random, 15, 60), 8
    first = random.integers(0, words, (total, long))
    kept = random.random((total, long)) < random.random(total)[:, None]
    second = random.permuted(np.where(kept, first, random.integers(0, words, (total, long))), axis=1)
    return (first.tolist(), second.tolist()), kept.mean(1), words


def _order(random: np.random.Generator, total: int) -> Drawn:
    """Which token comes first decides, or which of two stands before the other, or which tokens are neighbours."""
    words, long, kind = whole(random, 10, 40), 8, int(random.integers(3))
    first, second = random.integers(2, words, (2, total, long))
    effects = random.normal(size=(words, words))
    if kind == 0:
        score = effects[0][first[:, 0]]
    elif kind == 1:
        one, other = np.sort(random.permuted(np.tile(np.arange(long), (total, 1)), axis=1)[:, :2], axis=1).T
        turned = random.random(total) < 0.5
        first[np.arange(total), one], first[np.arange(total), other] = turned, ~turned
        score = turned.astype(float)
    else:
        groups = random.integers(0, 2, words)
        score = (groups[first[:, :-1]] < groups[first[:, 1:]]).sum(1).astype(float)
    return (first.tolist(), second.tolist()), score, words


KINDS: dict[str, Callable[[np.random.Generator, int], Drawn]] = {
    "a short side": _short,
    "one side decides": _one,
    "users and things": _users,
    "one topic": _topic,
    "shared tokens": _shared,
    "order": _order,
}
