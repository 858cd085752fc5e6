"""Hard classes of data, drawn by a seed: what a job may meet that nobody prepared. Everything is float32 and one draw is small.

A class is a function of a random generator that gives a `Draw`. Nothing of ours is chosen on what these give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_matrix, hstack

Rows = tuple[Any, np.ndarray]
"""Features (n, d), an array or csr_matrix, and labels (n,)."""
Task = Literal["classes", "numbers", "clusters", "neighbours", "machines", "trees"]


@dataclass(frozen=True)
class Draw:
    """`words` say what was drawn; `given` are hyperparameters beside the required ones; `task` names who enters."""

    task: Task
    words: str
    train: Rows
    test: Rows
    given: dict[str, Any]


def _between(random: np.random.Generator, low: float, high: float) -> float:
    """Drawn evenly on the scale of logarithms."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _parts(x: Any, y: np.ndarray, rows: int) -> tuple[Rows, Rows]:
    y = y.astype(np.float32)
    return (x[:rows], y[:rows]), (x[rows:], y[rows:])


def _labelled(random: np.random.Generator, score: np.ndarray, classes: bool, noise: float) -> np.ndarray:
    if classes:
        return np.asarray(random.random(len(score)) < 1 / (1 + np.exp(-np.clip(score, -30, 30))), np.float32)
    return np.asarray(score + random.normal(0, noise, len(score)), np.float32)


def _indicators(which: np.ndarray, levels: int) -> csr_matrix:
    rows = len(which)
    return csr_matrix((np.ones(rows, np.float32), (np.arange(rows), which)), shape=(rows, levels))


def rare_categories(random: np.random.Generator) -> Draw:
    """One-hot variables most of whose levels few rows have."""
    rows, levels = int(_between(random, 300, 8000)), int(_between(random, 30, 4000))
    effect, steep, classes = _between(random, 0.1, 3), random.uniform(0, 1.5), bool(random.random() < 0.5)
    share = np.arange(1, levels + 1) ** -steep
    parts, score = [], np.zeros(2 * rows)
    for _ in range(int(random.integers(1, 5))):
        which = random.choice(levels, 2 * rows, p=share / share.sum())
        parts.append(_indicators(which, levels))
        score += random.normal(0, effect, levels)[which]
    x: Any = hstack(parts).tocsr()
    dense = bool(x.shape[1] <= 1000 and random.random() < 0.5)
    y = _labelled(random, score - score.mean(), classes, _between(random, 0.2, 3))
    words = f"rare categories: {rows:,} x {x.shape[1]:,}{' dense' if dense else ''}, effects {effect:.2f}"
    return Draw("classes" if classes else "numbers", words, *_parts(x.toarray() if dense else x, y, rows), {})


def few_rows(random: np.random.Generator) -> Draw:
    """5 to 1,000 rows, sometimes with a setting that small tuning jobs have."""
    rows, columns, classes = int(_between(random, 5, 1000)), int(_between(random, 1, 60)), bool(random.random() < 0.5)
    x = random.normal(0, _between(random, 0.01, 100), (rows + 2000, columns)).astype(np.float32)
    weights = random.normal(size=columns) * (random.random(columns) < 0.6)
    score = (x / x.std(axis=0)) @ weights * _between(random, 0.3, 3)
    y = _labelled(random, score, classes, _between(random, 0.1, 2))
    if classes:
        y[: min(4, rows)] = np.arange(min(4, rows)) % 2
    settings: list[dict[str, Any]] = [
        {},
        {},
        {"learning_rate": _between(random, 1e-5, 1)},
        {"l1": _between(random, 1e-7, 1e-2)},
    ]
    given = settings[int(random.integers(len(settings)))]
    words = f"few rows: {rows:,} x {columns}" + "".join(f", {name} {value:.2g}" for name, value in given.items())
    return Draw("classes" if classes else "numbers", words, *_parts(x, y, rows), given)


def wide(random: np.random.Generator) -> Draw:
    """Many more features than rows."""
    rows = int(_between(random, 20, 400))
    columns, classes = int(rows * _between(random, 1, 20)), bool(random.random() < 0.5)
    told = max(1, int(columns * _between(random, 0.01, 1)))
    factors = random.normal(size=(int(_between(random, 2, 50)), columns))
    x = random.normal(size=(rows + 1000, len(factors))) @ factors * random.integers(0, 2) + random.normal(
        size=(rows + 1000, columns)
    )
    score = x[:, :told] @ random.normal(size=told)
    score *= 2 / max(score.std(), 1e-9)
    y = _labelled(random, score, classes, _between(random, 0.1, 3))
    y[:2] = (0, 1) if classes else y[:2]
    words = f"more features than rows: {rows} x {columns:,}, {told:,} say something"
    return Draw("classes" if classes else "numbers", words, *_parts(x.astype(np.float32), y, rows), {})


def heavy_tails(random: np.random.Generator) -> Draw:
    """Features and noise of Student's distribution with few degrees of freedom."""
    rows, columns, degrees = int(_between(random, 200, 20_000)), int(_between(random, 2, 40)), random.uniform(1.5, 4)
    x = random.standard_t(degrees, (rows + 5000, columns)).astype(np.float32)
    y = x @ random.normal(size=columns) + random.standard_t(2.2, rows + 5000) * _between(random, 0.1, 10)
    return Draw(
        "numbers", f"heavy tails: {rows:,} x {columns}, {degrees:.1f} degrees of freedom", *_parts(x, y, rows), {}
    )


def rare_labels(random: np.random.Generator) -> Draw:
    """One label in 100 to 10,000 is 1."""
    share = _between(random, 1e-4, 1e-2)
    rows, columns = int(min(60_000, 40 / share)), int(_between(random, 3, 40))
    x = random.normal(size=(2 * rows, columns)).astype(np.float32)
    score = x @ random.normal(0, _between(random, 0.3, 1.5), columns) + random.logistic(size=2 * rows)
    y = score > np.quantile(score, 1 - share)
    y[:2] = 0, 1
    return Draw("classes", f"rare labels: {rows:,} x {columns}, 1 in {1 / share:,.0f}", *_parts(x, y, rows), {})


def duplicates_and_shifts(random: np.random.Generator) -> Draw:
    """Rows that come many times, some as visits with columns of their own, columns twice, and test rows from elsewhere."""
    rows, columns, classes = int(_between(random, 100, 5000)), int(_between(random, 2, 30)), bool(random.random() < 0.5)
    x = random.normal(size=(rows + 2000, columns))
    x[rows:] += random.normal(0, _between(random, 0.01, 1), columns)
    x = np.column_stack([x, x[:, : max(1, columns // 3)], np.full(len(x), 3.0)])
    y = _labelled(random, x @ random.normal(size=x.shape[1]), classes, 1.0)
    again = np.concatenate([random.integers(0, max(2, rows // 10), rows), np.arange(rows, rows + 2000)])
    x, y = x[again].astype(np.float32) + np.float32(1e3 * (random.random() < 0.3)), y[again]
    visits = int(random.integers(1, 4)) * (random.random() < 0.5)
    x = np.column_stack([x, random.normal(size=(len(x), visits)).astype(np.float32)])
    if classes:
        y[:2] = 0, 1
    words = f"rows ten times{' as visits' if visits else ''}, columns twice, shifted: {rows:,} x {x.shape[1]}"
    return Draw("classes" if classes else "numbers", words, *_parts(x, y, rows), {})


def uneven_clusters(random: np.random.Generator) -> Draw:
    """One cluster with most of the rows, or far rows, or tails, or a column of one large number."""
    rows, columns, k = int(_between(random, 300, 60_000)), int(_between(random, 2, 30)), int(_between(random, 3, 40))
    k = min(k, rows // 20)
    kind = str(random.choice(["one large", "far rows", "heavy tails", "sizes fall", "a far column"]))
    share = np.arange(1, k + 1) ** -(1.5 if kind == "sizes fall" else 0.0)
    if kind == "one large":
        share[0] = share.sum() * random.uniform(4, 30)
    which = random.choice(k, rows, p=share / share.sum())
    x = random.normal(0, 8, (k, columns))[which] + random.normal(size=(rows, columns))
    if kind == "far rows":
        few = int(random.integers(1, 8))
        x[random.choice(rows, few, replace=False)] = 8 * _between(random, 10, 100) + random.normal(size=(few, columns))
    if kind == "heavy tails":
        x += random.standard_t(2, (rows, columns))
    if kind == "a far column":
        x[:, -1] = _between(random, 1e5, 1e10)
    x = x.astype(np.float32)
    return Draw("clusters", f"clusters, {kind}: {rows:,} x {columns}, k {k}", (x, which), (x, which), {"k": k})


def neighbours(random: np.random.Generator) -> Draw:
    """Classes by their neighbours, with copies of rows."""
    rows, columns = int(_between(random, 50, 20_000)), int(_between(random, 2, 60))
    centres = random.normal(0, _between(random, 0.3, 3), (int(random.integers(2, 12)), columns))
    which = random.integers(0, len(centres), rows + 1000)
    x = (centres[which] + random.normal(size=(rows + 1000, columns))).astype(np.float32)
    for each in (x, which):  # a copy with another label would make the order of equal distances decide
        each[: rows // 5] = each[rows // 5 : 2 * (rows // 5)]
    words = f"neighbours: {rows:,} x {columns}, {len(centres)} classes"
    return Draw("neighbours", words, *_parts(x, which, rows), {"k": int(min(rows, random.integers(1, 20)))})


def pairs(random: np.random.Generator) -> Draw:
    """Sparse ratings of users and things, some of them seldom seen."""
    users, things, rows = (int(_between(random, low, high)) for low, high in ((20, 800), (20, 800), (300, 15_000)))
    factors, steep = int(random.integers(1, 4)), random.uniform(0, 1.2)
    share = np.arange(1, things + 1) ** -steep
    user, thing = random.integers(users, size=rows * 2), random.choice(things, rows * 2, p=share / share.sum())
    mine, its = random.normal(size=(users, factors)), random.normal(size=(things, factors))
    score = (mine[user] * its[thing]).sum(axis=1) * random.uniform(0, 1.5) + random.normal(size=users)[user]
    y = score + random.normal(0, _between(random, 0.2, 3), rows * 2)
    x = hstack([_indicators(user, users), _indicators(thing, things)]).tocsr()
    copied = bool(random.random() < 0.2)
    if copied:
        again = np.append(random.integers(0, max(20, rows // 5), rows), np.arange(rows, 2 * rows))
        x, y = x[again], y[again]
    words = f"ratings{', copied' if copied else ''}: {rows:,} of {users} users and {things} things"
    return Draw("machines", words, *_parts(x, y, rows), {"num_factors": int(random.integers(1, 12))})


def trees(random: np.random.Generator) -> Draw:
    """A rule of few features on little data."""
    rows, columns = int(_between(random, 60, 5000)), int(_between(random, 2, 20))
    x = random.normal(size=(rows + 2000, columns)).astype(np.float32)
    y = 2.0 * (x[:, 0] > 0) * (x[:, -1] > 0.3) + random.normal(0, _between(random, 0.1, 2), rows + 2000)
    return Draw("trees", f"a rule: {rows:,} x {columns}", *_parts(x, y, rows), {})


CLASSES: tuple[Callable[[np.random.Generator], Draw], ...] = (
    rare_categories, few_rows, wide, heavy_tails, rare_labels, duplicates_and_shifts, uneven_clusters, neighbours, pairs,
    trees,
)  # fmt: skip


def draw(seed: int) -> Draw:
    """The draw of a seed: classes come in turn, so that ten seeds in a row have one of each."""
    return CLASSES[seed % len(CLASSES)](np.random.default_rng([seed, 29]))
