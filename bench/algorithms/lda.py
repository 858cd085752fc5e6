"""LDA beside tomotopy, gensim and scikit-learn: 50 topics, 5,000 words. Perplexity and coherence are contests of their own.

Perplexity is of half of each test document's words, given the mixture that the other half says, inferred the same way for all
(heldout.py), with the prior that each has fitted or assumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gensim
import memory
import numpy as np
import packages
import tomotopy
from contest import Contest, Entrant
from heldout import perplexity
from sklearn.decomposition import LatentDirichletAllocation

from sagewright.algorithms.lda import training
from sagewright.algorithms.lda.declaration import DECLARATION
from sagewright.algorithms.mixtures.topics import Topics

PEERS = ("tomotopy", "gensim", "scikit-learn")
TOPICS = 50
COHERENT = ("Sagewright", "tomotopy, 500 iterations", "tomotopy, 100 iterations")
"""Those that are trained once more for the other contest."""


def contests() -> Iterator[Contest]:
    for name, title in (("20newsgroups", "20 Newsgroups"), ("reuters-r8", "Reuters R8")):
        train, test, words = packages.words(name)
        shape = f"{title}, {train.shape[0]:,} documents, {test.shape[0]:,} held out, K = {TOPICS}"
        entrants = _fits(train, words)
        yield _contest(shape, "held-out perplexity", "less", entrants, partial(perplexity, test))
        coherent = {each: entrants[each] for each in COHERENT}
        yield _contest(f"{shape}, coherence", "NPMI of 10 words", "more", coherent, partial(_coherence, train))


def _fits(train: Any, words: list[str]) -> dict[str, Any]:
    return {
        "Sagewright": partial(fit_ours, train),
        "Sagewright, moments only": partial(fit_ours, train, _sweeps=0),
        "tomotopy, 500 iterations": partial(gibbs, train, words, 500),
        "tomotopy, 100 iterations": partial(gibbs, train, words, 100),
        "gensim": partial(fit_gensim, train),
        "scikit-learn, variational": partial(fit_sklearn, train),
    }


def _contest(name: str, quality: str, better: Any, fits: dict[str, Any], judge: Any) -> Contest:
    return Contest(name, quality, better, [Entrant(each, fit, judge) for each, fit in fits.items()], rounds=1)


def fit_ours(train: Any, seed: int, topics: int = TOPICS, **more: object) -> Topics:
    values = {"feature_dim": train.shape[1], "num_topics": topics, "mini_batch_size": train.shape[0], "_seed": seed}
    run = memory.session(DECLARATION, "AWS/LDA", **values, **more)
    return training.fit(run.values, train.astype(np.float64), seed)


def gibbs(train: Any, words: list[str], iterations: int, seed: int, topics: int = TOPICS) -> Topics:
    """tomotopy's."""
    model = tomotopy.LDAModel(k=topics, seed=seed + 1)
    for row in train:
        counts = row.data.astype(int)
        model.add_doc([words[word] for word, count in zip(row.indices, counts, strict=True) for _ in range(count)])
    model.train(iterations, workers=1)
    place = {word: number for number, word in enumerate(words)}
    beta = np.full((topics, len(words)), 1e-12)
    used = [place[word] for word in model.used_vocabs]
    for topic in range(topics):
        beta[topic, used] = model.get_topic_word_dist(topic)
    return Topics(np.asarray(model.alpha, float), beta)


def fit_gensim(train: Any, seed: int, topics: int = TOPICS) -> Topics:
    corpus = gensim.matutils.Sparse2Corpus(train, documents_columns=False)
    names = {number: str(number) for number in range(train.shape[1])}
    model = gensim.models.LdaModel(corpus, topics, names, passes=10, alpha="auto", eta="auto", random_state=seed)
    return Topics(np.asarray(model.alpha, float), model.get_topics().astype(float))


def fit_sklearn(train: Any, seed: int, topics: int = TOPICS) -> Topics:
    model = LatentDirichletAllocation(topics, max_iter=20, random_state=seed).fit(train)
    return Topics(np.full(topics, 1 / topics), model.components_ / model.components_.sum(axis=1, keepdims=True))


def _coherence(train: Any, topics: Topics) -> float:
    return npmi(train, topics.beta)


def npmi(train: Any, weights: np.ndarray) -> float:
    """The mean over pairs of each topic's ten first words; `weights` (K, V)."""
    there = (train > 0).astype(float)
    share = np.asarray(there.mean(axis=0)).ravel()
    found = []
    for row in weights:
        top = np.argsort(-row)[:10]
        pairs = (there[:, top].T @ there[:, top]).toarray() / there.shape[0]
        for first in range(10):
            for second in range(first):
                both = pairs[first, second]
                expected = share[top[first]] * share[top[second]]
                found.append(np.log(both / expected) / -np.log(both) if 0 < both < 1 else -1.0)
    return float(np.mean(found))
