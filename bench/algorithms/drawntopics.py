"""Drawn documents for LDA and the neural topic model: held-out perplexity beside scikit-learn's and gensim's LDA with defaults.

The constant is the corpus' own frequencies of words. How half of a document says what the other half is about: see heldout.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gensim
import heldout
import memory
import numpy as np
from cases import Case, between, one_of, whole
from scipy.sparse import csr_matrix
from sklearn.decomposition import LatentDirichletAllocation

from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.lda import training as lda
from sagewright.algorithms.lda.declaration import DECLARATION as LDA
from sagewright.algorithms.mixtures import inference
from sagewright.algorithms.mixtures.topics import Topics
from sagewright.algorithms.ntm import training as ntm
from sagewright.algorithms.ntm.declaration import DECLARATION as NTM
from sagewright.algorithms.ntm.model import TopicModel
from sagewright.algorithms.ntm.network import NTMNetwork

LATER = 300
"""Held-out documents."""
MOST_WORDS = 120_000
FLOOR = 1e-9
"""Share of a word that the training documents don't have."""


def topics(random: np.random.Generator) -> Case:
    """A model of topics, with the right number of topics or another."""
    algorithm = one_of(random, "lda", "ntm")
    kind = one_of(random, "usual", "long", "short", "few documents", "nothing to learn", "words come again")
    true, vocabulary = whole(random, 2, 40), whole(random, 80, 2000)
    length = {"long": whole(random, 500, 3000), "short": whole(random, 4, 10)}.get(kind, whole(random, 20, 150))
    rows = whole(random, 20, 100) if kind == "few documents" else whole(random, 200, 3000)
    rows = max(20, min(rows, MOST_WORDS // length))
    asked = true if random.random() < 0.5 else whole(random, 2, 80)
    x = _documents(random, kind, (rows + LATER, vocabulary, true, length))
    words = f"{algorithm}, {kind}: {rows:,} documents of {length}, {vocabulary:,} words, {true} topics, {max(2, asked)} asked"
    return _entry(algorithm, words, x[:rows], x[rows:], max(2, asked))


def _documents(random: np.random.Generator, kind: str, sizes: tuple[int, int, int, int]) -> Any:
    rows, vocabulary, count, length = sizes
    common = random.permutation(1 / np.arange(1, vocabulary + 1))
    common /= common.sum()
    beta = random.dirichlet(np.maximum(between(random, 0.02, 0.5) * vocabulary * common, 1e-3), count)
    mixtures = random.dirichlet(np.full(count, between(random, 0.02, 1)), rows)
    shares = np.tile(common, (rows, 1)) if kind == "nothing to learn" else mixtures @ beta
    if kind == "words come again":
        shares = random.gamma(np.maximum(shares * 40, 1e-6)) + 1e-12
    shares /= shares.sum(axis=1, keepdims=True)
    lengths = np.maximum(2, random.poisson(length, rows))
    return csr_matrix(
        np.stack([random.multinomial(n, each) for n, each in zip(lengths, shares, strict=True)]).astype(float)
    )


def _entry(algorithm: str, words: str, train: Any, test: Any, count: int) -> Case:
    known = np.asarray(train.sum(axis=0)).ravel() > 0
    test = csr_matrix(test.multiply(known[None, :]))  # a word that nobody has seen is judged by no model
    others = {
        "constant": lambda _: _frequencies(train),
        "scikit-learn's LDA": partial(_variational, train, count),
        "gensim's LDA": partial(_gensim, train, count),
    }
    ours = partial(_lda if algorithm == "lda" else _ntm, train, count)
    return Case(algorithm, words, ours, others, partial(_judge, test))


def _frequencies(train: Any) -> Topics:
    counts = np.asarray(train.sum(axis=0)).ravel()
    return Topics(np.ones(1), (counts / counts.sum())[None])


def _lda(train: Any, count: int, seed: int) -> Topics:
    values = {"feature_dim": train.shape[1], "num_topics": count, "mini_batch_size": train.shape[0], "_seed": seed}
    return lda.fit(memory.session(LDA, "AWS/LDA", **values).values, train, seed)


def _ntm(train: Any, count: int, seed: int) -> NTMNetwork:
    run = memory.session(NTM, "AWS/NTM", feature_dim=train.shape[1], num_topics=count, _seed=seed)
    return ntm.fit(run, memory.source(_sparse(train), sparse=True), None)


def _sparse(counts: Any) -> Sparse:
    indptr, indices = counts.indptr.astype(np.int64), counts.indices.astype(np.int64)
    return Sparse(indptr, indices, counts.data.astype(np.float32), counts.shape[1])


def _variational(train: Any, count: int, seed: int) -> Topics:
    model = LatentDirichletAllocation(count, random_state=seed).fit(train)
    return Topics(np.full(count, 1 / count), model.components_ / model.components_.sum(axis=1, keepdims=True))


def _gensim(train: Any, count: int, seed: int) -> Topics:
    corpus = gensim.matutils.Sparse2Corpus(train, documents_columns=False)
    names = {number: str(number) for number in range(train.shape[1])}
    model = gensim.models.LdaModel(corpus, count, names, random_state=seed)
    return Topics(np.asarray(model.alpha, float), model.get_topics().astype(float))


def _judge(test: Any, found: Any) -> float:
    if not isinstance(found, NTMNetwork):
        return heldout.perplexity(test, _floored(found))
    seen, left = heldout.halves(test)
    model = TopicModel(found)
    assert model.topics is not None
    shares = model.predict(_sparse(seen))["topic_weights"]
    return float(np.exp(-inference.per_word_log_likelihood(left, shares, _floored(model.topics))))


def _floored(found: Topics) -> Topics:
    beta = np.maximum(found.beta, FLOOR)
    return Topics(found.alpha, beta / beta.sum(axis=1, keepdims=True))
