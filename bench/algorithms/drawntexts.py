"""Drawn texts: labelled lines for BlazingText's classifier, and text with planted groups of words for its vectors.

Ours are whole jobs with their defaults, fastText and gensim have theirs. The classifier is what stock fastText answers with the
`model.bin`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import wholejob
from cases import Case, between, one_of, whole
from gensim.models import Word2Vec
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sagewright.algorithms.blazingtext.declaration import DECLARATION

LATER = 1000
"""Held-out texts."""
LEAST = 5
"""The default min_count of all: rarer words have no vector."""
Lookup = dict[str, np.ndarray]


def _job(text: str, name: str, **values: object) -> Path:
    return wholejob.trained(DECLARATION, values, {"train": ({"text": text.encode()}, "")}) / name


def labelled(random: np.random.Generator) -> Case:
    """Texts of classes that have words of their own among common ones."""
    kind = one_of(random, "few", "many classes", "rare classes", "long", "nothing to learn", "short")
    classes = whole(random, 20, 200) if kind == "many classes" else whole(random, 2, 8)
    rows = whole(random, 20, 200) if kind == "few" else whole(random, 300, 3000)
    rows = whole(random, 40, 150) if kind == "long" else max(rows, 4 * classes)
    length = whole(random, 800, 3000) if kind == "long" else whole(random, 2, 5 if kind == "short" else 40)
    told = 0.0 if kind == "nothing to learn" else between(random, 0.03, 0.6)
    steep = random.uniform(1.5, 3) if kind == "rare classes" else random.uniform(0, 0.7)
    share = np.arange(1, classes + 1) ** -steep
    later = 200 if kind == "long" else LATER
    which = random.choice(classes, rows + later, p=share / share.sum())
    common = _weights(random, whole(random, 300, 5000))
    names = np.array([f"w{number}" for number in range(len(common))])
    own = random.integers(0, len(common), (classes, whole(random, 3, 60)))
    texts = []
    for each in which:
        count = max(1, random.poisson(length))
        words = random.choice(len(common), count, p=common)
        tells = random.random(count) < told
        words[tells] = random.choice(own[each], tells.sum())
        texts.append(" ".join(names[words]))
    labels = [f"c{each}" for each in which]
    words = f"texts, {kind}: {rows:,}, {classes} classes, {length} words each, {100 * told:.0f} % tell"
    return _classifier(words, (texts[:rows], labels[:rows]), (texts[rows:], labels[rows:]))


def _weights(random: np.random.Generator, count: int) -> np.ndarray:
    share = np.arange(1, count + 1) ** -random.uniform(0.6, 1.2)
    return np.asarray(share / share.sum())


def _classifier(about: str, train: Any, test: Any) -> Case:
    lines = "\n".join(f"__label__{label} {text}" for text, label in zip(*train, strict=True)) + "\n"
    usual = Counter(train[1]).most_common(1)[0][0]

    def ours(seed: int) -> Any:
        return fasttext.load_model(str(_job(lines, "model.bin", mode="supervised", _seed=seed)))

    def judge(model: Any) -> float:
        if hasattr(model, "get_word_vector"):
            said = [each[0][9:] if each else "" for each in model.predict(test[0])[0]]
        else:
            said = model(test[0])
        return float(np.mean([one != other for one, other in zip(said, test[1], strict=True)]))

    others = {
        "constant": lambda _: lambda texts: [usual] * len(texts),
        "fastText": partial(_stock, lines),
        "tf-idf, LogisticRegression": lambda _: _machine(train).predict,
    }
    return Case("blazingtext", about, ours, others, judge, unsure=_error(len(test[0])))


def _error(rows: int) -> float:
    """Half a standard error of a share of one half."""
    return float(0.25 / np.sqrt(rows))


def _stock(lines: str, seed: int) -> Any:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(lines)
        file.flush()
        return fasttext.train_supervised(file.name, thread=1, verbose=0, seed=seed)


def _machine(train: tuple[Sequence[str], Sequence[str]]) -> Any:
    return make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression(max_iter=1000)).fit(*train)


def vectors(random: np.random.Generator) -> Case:
    """Groups of words that stand together, among common words; the loss is the share whose nearest is of another group."""
    mode = one_of(random, "batch_skipgram", "skipgram", "cbow")
    kind = one_of(random, "small", "one line", "short lines", "usual")
    groups, members = whole(random, 10, 300), int(random.integers(2, 8))
    total = whole(random, 5000, 30_000) if kind == "small" else whole(random, 30_000, 300_000)
    length = 4 if kind == "short lines" else int(random.integers(8, 30))
    rows = max(1, total // length)
    common = _weights(random, whole(random, 50, 3000))
    group = random.integers(0, groups, rows)
    told = random.random((rows, length)) < random.uniform(0.3, 0.8)
    words = random.choice(len(common), (rows, length), p=common)
    planted = group[:, None] * members + random.integers(0, members, (rows, length))
    numbers = np.where(told, planted, groups * members + words)
    order = random.permutation(groups * members + len(common))  # so that no name says its group
    names = np.array([_name(number) for number in order])
    text = (" " if kind == "one line" else "\n").join(" ".join(row) for row in names[numbers])
    about = f"words, {mode}, {kind}: {rows * length:,} of {groups} groups of {members}"
    counts = np.bincount(numbers.ravel(), minlength=len(names))
    asked = [number for number in range(groups * members) if counts[number] >= LEAST]
    return _embedding(about, text, mode, {str(names[number]): number // members for number in asked})


def _name(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[(number * 7919 // 26**place) % 26] for place in range(5)) + str(number)


def _embedding(about: str, text: str, mode: str, group: dict[str, int]) -> Case:
    def ours(seed: int) -> Lookup:
        lines = _job(text + "\n", "vectors.txt", mode=mode, _seed=seed).read_text().splitlines()[1:]
        rows = (line.rstrip().split(" ") for line in lines)
        return {row[0]: np.array(row[1:], np.float32) for row in rows}

    def judge(found: Lookup) -> float:
        return _strangers(found, group)

    others = {
        "constant": lambda seed: {
            name: np.random.default_rng([seed, n]).normal(size=100) for n, name in enumerate(group)
        },
        "gensim, skip-gram": lambda seed: _gensim(text, 1, seed),
        "gensim, CBOW": lambda seed: _gensim(text, 0, seed),
        "fastText, skip-gram": lambda _: _stock_vectors(text, set(group)),
    }
    return Case("blazingtext", about, ours, others, judge, unsure=_error(max(1, len(group))))


def _strangers(found: Lookup, group: dict[str, int]) -> float:
    known = [name for name in group if name in found]
    if len(known) < 2:
        return 1.0
    rows = np.stack([found[name] for name in known]).astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    likeness = rows @ rows.T
    np.fill_diagonal(likeness, -np.inf)
    own = np.array([group[name] for name in known])
    return float(1 - np.sum(own[likeness.argmax(axis=1)] == own) / len(group))


def _gensim(text: str, skipgram: int, seed: int) -> Lookup:
    sentences = [words[start : start + 10_000] for words in map(str.split, text.split("\n")) for start in range(0, len(words), 10_000)]  # fmt: skip  # noqa: E501
    found = Word2Vec(sentences, sg=skipgram, workers=1, seed=seed + 1).wv
    return {word: found[word] for word in found.index_to_key}


def _stock_vectors(text: str, asked: set[str]) -> Lookup:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text + "\n")
        file.flush()
        found = fasttext.train_unsupervised(
            file.name, model="skipgram", minn=0, maxn=0, bucket=1, thread=1, verbose=0
        )  # names say nothing by their letters
    return {word: found.get_word_vector(word) for word in found.words if word in asked}
