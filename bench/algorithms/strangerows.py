"""How dividing columns by their units changes random cut forest: mean AUC on tables of R packages and of scikit-learn.

`python bench/algorithms/strangerows.py` prints the tables of docs/reference/algorithms/randomcutforest.md; with `--categories`
those of tables whose categories become indicators. A table's rows are those of its largest class. Of these, 2 % are moved in some
columns, and have some indicators of others; or as many rows of other classes are added.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import statistics
from collections import defaultdict
from collections.abc import Iterator

import memory
import numpy as np
import pandas as pd
from frames import frames
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.randomcutforest import scoring, training, units
from sagewright.algorithms.randomcutforest.declaration import DECLARATION

TABLES, MOST_ROWS, LEAST_ROWS, LEAST_NORMAL, FEWEST = 110, 8000, 200, 100, 5
SHARE, SEEDS = 0.02, (1, 2)
MOST_LEVELS, MOST_COLUMNS, EXCHANGED = 30, 120, 0.3
NAMES = ("divided", "divided by deviations alone", "as they are", "isolation forest")
Table = tuple[str, np.ndarray, np.ndarray]


def tables(categories: bool) -> Iterator[Table]:
    """Yields name, columns (n, d) and classes (n,): a text of 2 to 6 values tells the class; `categories`: other texts count."""
    for name in () if categories else ("wine", "breast_cancer", "iris", "digits"):
        found = getattr(datasets, f"load_{name}")()
        yield name, found.data, found.target
    seen = set()
    for name, frame in frames():
        made = (_mixed if categories else _table)(f"{name}.pkl", frame)  # names seed the draws of strange rows
        if made is not None and made[0] not in seen:
            seen.add(made[0])
            yield made[1]


def _table(name: str, frame: pd.DataFrame) -> tuple[object, Table] | None:
    """Returns what tells copies of a table in several packages, and the table."""
    if len(frame) < LEAST_ROWS:
        return None
    frame = frame.sample(MOST_ROWS, random_state=1) if len(frame) > MOST_ROWS else frame
    texts = frame.select_dtypes(["object", "category", "string"])
    kinds = [column for column in texts if 2 <= texts[column].nunique() <= 6]
    labels = [column for column in frame if column.lower() in {"rownames", "id", "x1"}]
    numbers = frame.select_dtypes("number").drop(columns=labels, errors="ignore")
    numbers = numbers.loc[:, numbers.nunique() > 8]
    whole = numbers.notna().all(axis=1)
    if not kinds or not 3 <= numbers.shape[1] <= 60 or whole.sum() < LEAST_ROWS:
        return None
    classes = pd.factorize(frame[kinds[0]].astype(str)[whole])[0]
    return (numbers.shape, *numbers.columns[:3]), (name, numbers[whole].to_numpy(float), classes)


def _mixed(name: str, frame: pd.DataFrame) -> tuple[object, Table] | None:
    """Returns the same of a table with further texts of 2 to MOST_LEVELS values, as indicators beside all numbers."""
    if len(frame) < LEAST_ROWS:
        return None
    frame = frame.sample(MOST_ROWS, random_state=1) if len(frame) > MOST_ROWS else frame
    texts = frame.select_dtypes(["object", "category", "string"])
    kinds = [column for column in texts if 2 <= texts[column].nunique() <= 6]
    others = [column for column in texts if column not in kinds[:1] and 2 <= texts[column].nunique() <= MOST_LEVELS]
    labels = [column for column in frame if column.lower() in {"rownames", "id", "x1"}]
    numbers = frame.select_dtypes("number").drop(columns=labels, errors="ignore")
    numbers = numbers.loc[:, numbers.nunique() > 1]
    whole = numbers.notna().all(axis=1)
    if not kinds or not others or whole.sum() < LEAST_ROWS:
        return None
    indicators = pd.get_dummies(frame[others].astype(str)[whole]).to_numpy(float)
    x = np.column_stack([numbers[whole].to_numpy(float), indicators])
    if not 3 <= x.shape[1] <= MOST_COLUMNS:
        return None
    return (x.shape, *numbers.columns[:3]), (name, x, pd.factorize(frame[kinds[0]].astype(str)[whole])[0])


def cases(table: Table) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields the kind of a case, its rows and which are strange."""
    name, x, classes = table
    random = np.random.default_rng(int(hashlib.sha1(f"{name}c".encode()).hexdigest()[:8], 16))
    normal = np.bincount(classes).argmax()
    others, usual = np.flatnonzero(classes != normal), np.flatnonzero(classes == normal)
    count = max(FEWEST, int(SHARE * len(usual)))
    if len(others) < FEWEST or len(usual) < LEAST_NORMAL:
        return
    picked = random.choice(others, min(count, len(others)), replace=False)
    yield "rows of another class", x[np.concatenate([usual, picked])], np.arange(len(usual) + len(picked)) >= len(usual)
    rows = x[usual].copy()
    moved = random.choice(len(rows), count, replace=False)
    spread = np.subtract(*np.percentile(rows, [90, 10], axis=0))
    numbers = np.array([len(np.unique(column)) > 2 for column in rows.T])
    some = random.random((count, rows.shape[1])) < max(0.2, 1.5 / max(1, numbers.sum()))
    rows[moved] += (some & numbers) * random.choice([-1, 1], some.shape) * random.uniform(1, 3) * spread
    exchanged = (random.random(some.shape) < EXCHANGED) & ~numbers
    rows[moved] = np.where(exchanged, rows[random.permuted(np.arange(len(rows)))[:count]], rows[moved])
    yield "rows moved in some columns", rows, np.isin(np.arange(len(rows)), moved)


def _area(rows: np.ndarray, strange: np.ndarray) -> float:
    found = []
    for seed in SEEDS:
        run = memory.session(DECLARATION, "RandomCutForest", feature_dim=rows.shape[1], _seed=seed)
        with contextlib.redirect_stdout(io.StringIO()):
            found.append(roc_auc_score(strange, scoring.score(training.fit(run, memory.Held(rows)), rows)))
    return statistics.mean(found)


def _areas(rows: np.ndarray, strange: np.ndarray) -> tuple[bool, list[float]]:
    """Returns whether ours divides the columns, and the areas by `NAMES`."""
    rows = np.ascontiguousarray(rows[:, np.ptp(rows, axis=0) > 0], np.float32)
    differ, kept = units.find(rows) is not None, units.DIFFERENT
    try:
        units.DIFFERENT = 0.0
        ours = [_area(rows, strange)]
        units.DIFFERENT = float("inf")
        ours += [_area(rows / np.std(rows, axis=0), strange), _area(rows, strange)]
    finally:
        units.DIFFERENT = kept
    rival = [
        roc_auc_score(strange, -IsolationForest(random_state=seed).fit(rows).score_samples(rows)) for seed in SEEDS
    ]
    return differ, [*ours, statistics.mean(rival)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--categories", action="store_true")
    categories = parser.parse_args().categories
    found: dict[tuple[bool, str], list[list[float]]] = defaultdict(list)
    done = 0
    for table in tables(categories):
        made = list(cases(table))
        for kind, rows, strange in made:
            differ, areas = _areas(rows, strange)
            found[differ, kind].append(areas)
        done += bool(made)
        if done >= TABLES:
            break
    for (differ, kind), areas in sorted(found.items(), reverse=True):
        means = np.mean(areas, axis=0)
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(NAMES, means, strict=True))
        print(f"{len(areas)} tables whose units {'differ' if differ else 'are alike'}, {kind}: {told}")


if __name__ == "__main__":
    main()
