"""Supervised data with a known truth, made anew by each seed, float32; labels are 0 and 1, class numbers, or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack

Data = tuple[Any, np.ndarray]


def correlated(rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    """(rows, columns) of variance 1 about, a third of them sums of others."""
    x = random.standard_normal((rows, columns), np.float32)
    third = columns // 3
    x[:, :third] = (x[:, :third] + x[:, third : 2 * third]) / np.float32(1.5)
    return x


def logistic(seed: int, rows: int = 50_000, columns: int = 40, positives: float = 0.4) -> Data:
    """A logistic model in which half of the features say something; about `positives` of the labels are 1."""
    random = np.random.default_rng(seed)
    x = correlated(rows, columns, random)
    weights = random.normal(0, 0.6, columns) * (random.random(columns) < 0.5)
    score = x @ weights + random.logistic(size=rows)
    return x, (score > np.quantile(score, 1 - positives)).astype(np.float32)


def line(seed: int, rows: int = 60_000, columns: int = 30, degrees: float = 0.0) -> Data:
    """A linear model with normal noise, or Student's with so many degrees of freedom."""
    random = np.random.default_rng(seed)
    x = correlated(rows, columns, random)
    noise = random.standard_t(degrees, rows) if degrees else random.standard_normal(rows)
    return x, (x @ random.normal(0, 1, columns) + 2 * noise + 7).astype(np.float32)


def softmax(seed: int, rows: int = 20_000, columns: int = 20, classes: int = 5) -> Data:
    random = np.random.default_rng(seed)
    x = correlated(rows, columns, random)
    scores = x @ random.normal(0, 0.7, (columns, classes)) + random.gumbel(size=(rows, classes))
    return x, (scores + random.normal(0, 1, classes)).argmax(axis=1).astype(np.float32)


def documents(seed: int, rows: int = 12_000, columns: int = 8_000, positives: float = 0.3) -> Data:
    """Sparse counts whose words are as rare as words are, and a label that some of the words tell."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, columns + 1)
    lengths = random.poisson(60, rows) + 1
    words = random.choice(columns, lengths.sum(), p=share / share.sum())
    x = csr_matrix((np.ones(len(words), np.float32), (np.repeat(np.arange(rows), lengths), words)), (rows, columns))
    x.sum_duplicates()
    weights = random.normal(0, 0.8, columns) * (random.random(columns) < 0.1)
    score = x @ weights + random.logistic(size=rows)
    return x, (score > np.quantile(score, 1 - positives)).astype(np.float32)


def ratings(
    seed: int, count: int = 60_000, users: int = 800, items: int = 500, *, clicks: float = 0.0, degrees: float = 0.0
) -> Data:
    """One-hot users and items; what they give follows from four hidden tastes. `clicks`: the share of labels that are 1 instead."""
    random = np.random.default_rng(seed)
    user, item = random.zipf(1.3, count) % users, random.integers(0, items, count)
    user = (user + random.integers(0, users, count) * (random.random(count) < 0.5)) % users
    taste, kind = random.normal(size=(users, 4)), random.normal(0, 0.5, (items, 4))
    y = random.normal(0, 0.5, users)[user] + random.normal(0, 0.5, items)[item]
    y += np.einsum("ij,ij->i", taste[user], kind[item])
    y += random.standard_t(degrees, count) if degrees else random.standard_normal(count)
    indices = np.column_stack([user, users + item]).ravel()
    ends = np.arange(0, 2 * count + 1, 2)
    x = csr_matrix((np.ones(2 * count, np.float32), indices, ends), shape=(count, users + items))
    return x, (y > np.quantile(y, 1 - clicks)).astype(np.float32) if clicks else (y + 3).astype(np.float32)


def contexts(seed: int, count: int = 40_000, *, clicks: float = 0.3, small: int = 6) -> Data:
    """Ratings with a number, and small variables that say nothing but on their own: they must not become noise."""
    random = np.random.default_rng([seed, 1])
    x, y = ratings(seed, count, 500, 300)
    levels = random.integers(0, 5, (count, small))
    places = levels + 5 * np.arange(small)
    indptr = np.arange(0, small * count + 1, small)
    extra = csr_matrix((np.ones(places.size, np.float32), places.ravel(), indptr), shape=(count, 5 * small))
    number = random.normal(size=count)
    y = y + random.normal(0, 0.3, (small, 5))[np.arange(small), levels].sum(axis=1) + number
    x = hstack([x, extra, csr_matrix(number[:, None])]).tocsr().astype(np.float32)
    x.sort_indices()
    return x, (y > np.quantile(y, 1 - clicks)).astype(np.float32) if clicks else y.astype(np.float32)


def pairs(seed: int, count: int = 40_000, variables: int = 4, levels: int = 120) -> Data:
    """Several one-hot variables of many values, of which the first two meet, and the others add up."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, levels, (count, variables))
    hidden = random.normal(0, 0.7, (2, levels, 3))
    y = np.einsum("ij,ij->i", hidden[0][codes[:, 0]], hidden[1][codes[:, 1]])
    y += random.normal(0, 0.4, (variables, levels))[np.arange(variables), codes].sum(axis=1) + random.normal(
        0, 1, count
    )
    places = codes + levels * np.arange(variables)
    indptr = np.arange(0, variables * count + 1, variables)
    x = csr_matrix((np.ones(places.size, np.float32), places.ravel(), indptr), shape=(count, levels * variables))
    return x, y.astype(np.float32)


def steps(seed: int, rows: int = 40_000, columns: int = 20, positives: float = 0.0, degrees: float = 0.0) -> Data:
    """Steps, products and waves of some features, as trees find them (J. Friedman, 1991)."""
    random = np.random.default_rng(seed)
    x = random.random((rows, columns), np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * (x[:, 3] > 0.6) + 5 * x[:, 4]
    y += random.standard_t(degrees, rows) if degrees else random.standard_normal(rows)
    return x, (y > np.quantile(y, 1 - positives)).astype(np.float32) if positives else y.astype(np.float32)


def parity(seed: int, rows: int = 40_000, columns: int = 15) -> Data:
    """1 where an odd number of three features is high, but for a tenth."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, columns), np.float32)
    y = (x[:, :3] > 0).sum(axis=1) % 2
    return x, (y ^ (random.random(rows) < 0.1)).astype(np.float32)


def regions(seed: int, rows: int = 30_000, columns: int = 10, classes: int = 4) -> Data:
    """Classes of random centres, five to each."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, 2, (5 * classes, columns))
    chosen = random.integers(0, 5 * classes, rows)
    return (centres[chosen] + random.normal(0, 1.5, (rows, columns))).astype(np.float32), (chosen % classes).astype(
        np.float32
    )


def scaled(data: Data, seed: int) -> Data:
    """Every column in units of its own, up to a million larger or smaller."""
    x, y = data
    factors = 10.0 ** np.random.default_rng([seed, 2]).uniform(-6, 6, x.shape[1])
    return (x.multiply(factors).tocsr() if hasattr(x, "tocsr") else x * factors).astype(np.float32), y


def moved(data: Data, by: float = 500.0) -> Data:
    """Every column far from 0, in units of its deviation."""
    x, y = data
    return (x + np.float32(by) * x.std(axis=0)).astype(np.float32), y


def stretched(data: Data, seed: int, degrees: float = 2.0) -> Data:
    """Some rows' features far out."""
    x, y = data
    factor = np.sqrt(degrees / np.random.default_rng([seed, 3]).chisquare(degrees, len(x)))
    return (x * factor[:, None]).astype(np.float32), y


def thinned(data: Data, seed: int, share: float = 0.03) -> Data:
    """Few numbers of a row there, as a csr_matrix."""
    x, y = data
    return csr_matrix(x * (np.random.default_rng([seed, 4]).random(x.shape) < share)), y


def ordered(train: list[Any]) -> list[Any]:
    """The rows to learn from sorted by label."""
    order = np.argsort(train[1], kind="stable")
    return [each[order] for each in train]
