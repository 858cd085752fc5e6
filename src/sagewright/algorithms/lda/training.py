"""LDA training: topics from the corpus's moments, refined by Gibbs sampling, and evaluated on the test channel."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.hold import Hold
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.lda.declaration import DECLARATION
from sagewright.algorithms.lda.model import TopicModel, counts
from sagewright.algorithms.mixtures import inference, judging, spectral
from sagewright.algorithms.mixtures.decomposition import Limits
from sagewright.algorithms.mixtures.thinning import LONGEST, thinned
from sagewright.algorithms.mixtures.topics import Topics

AUTO_SWEEPS, FEWEST = 300, 20
FEW_WORDS, FEW_SWEEPS = 50_000, 200
"""Up to so many words, fewer sweeps under `auto` predict new documents as well: chosen on joined documents of 20 Newsgroups and on
generated ones, with Reuters R8 as the corpus that is too large for it."""
MANY_WORDS, MANY_SWEEPS = 500_000, 500
"""From so many words on, more sweeps under `auto`: 20 Newsgroups, of 1.1 million words, gains by them."""
MOST_DRAWS = 30_000_000_000
"""Limit on words times topics times sweeps under `auto`: a few minutes."""
EXPECTED, MOST_PRODUCTS = 300, 50_000_000_000
"""Expected iterations of a restart, and the limit on documents and words times topics squared over all of
them: ten seconds."""
CORPUS = 0.4
"""Share of the memory for rows that documents take. The rest is working memory."""


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `model_algo-1`. Raises JobError."""
    if len(job.hosts) > 1:
        raise UserError("LDA trains on one instance: InstanceCount must be 1.")
    with session(DECLARATION, "AWS/LDA", job, values) as run:
        began = time.monotonic()
        corpus = _corpus(run)
        if corpus.nnz == 0:
            raise UserError("No word is in any document of channel train.")
        found = fit(run.values, corpus, run.seed)
        judging.report(run.lines, found)
        run.save(TopicModel(found).encode())
        run.lines.throughput(corpus.shape[0], time.monotonic() - began)
        run.lines.progress(1, 1)
        test = _rows(run, "test")
        if test is not None:
            pwll = _judge(test, found)
            run.lines.quality("test", {"pwll": pwll}, "score")
            run.lines.test_score({"pwll": pwll})


def fit(values: Mapping[str, Any], corpus: Any, seed: int) -> Topics:
    """Returns the topics of a csr_matrix (documents, V) of counts, as the hyperparameters require."""
    sweeps = _sweeps(values, corpus)
    number, alpha0 = values["num_topics"], values["alpha0"]
    limits = Limits(values["max_restarts"], values["max_iterations"], values["tol"])
    if not sweeps:
        return spectral.topics(corpus, number, alpha0, _affordable(limits, number, corpus), seed)
    found = spectral.start(corpus, number, alpha0, seed, limits if limits != Limits() else None)
    from sagewright.algorithms.mixtures import gibbs  # compiled only where it is needed

    corpus = thinned(corpus, np.random.default_rng([seed, 4]))
    logging.info("Refining the topics by %d sweeps of Gibbs sampling.", sweeps)
    taken = gibbs.memory_bytes(float(corpus.data.sum()), corpus.shape[0], values["num_topics"], corpus.shape[1])
    room = memory.for_rows()
    if taken > room:  # documents are in random order
        corpus = corpus[: max(1, int(corpus.shape[0] * room / taken))]
        logging.info("The samples cover %d documents: more don't fit in memory.", corpus.shape[0])
    return gibbs.refine(gibbs.Chain(corpus, found, seed), sweeps)


def _affordable(limits: Limits, number: int, corpus: Any) -> Limits:
    """Returns `limits`, if they are the default ones with as many restarts and iterations as cost no more than `MOST_PRODUCTS`."""
    if limits != Limits():
        return limits
    rows = corpus.shape[0] + min(corpus.shape[1], spectral.most_words(number))
    each = float(rows) * number**2 * EXPECTED
    restarts = int(np.clip(MOST_PRODUCTS // each, 1, limits.restarts))
    iterations = int(np.clip(EXPECTED * MOST_PRODUCTS // (each * restarts), spectral.ITERATIONS, limits.iterations))
    if restarts < limits.restarts:
        logging.info("%d restarts, %d of them run: more would take minutes.", limits.restarts, restarts)
    return Limits(restarts, iterations, limits.tolerance)


def _rows(run: Session, channel: str) -> Rows | None:
    return run.rows(channel, ExpectedColumns(run.values["feature_dim"], sparse=True))


def _corpus(run: Session) -> Any:
    """Returns the documents of train, a csr_matrix; if they don't fit in memory, a random sample of them."""
    rows = _rows(run, "train")
    assert rows is not None
    hold = Hold(max(1, int(run.memory.left * CORPUS)), np.random.default_rng([run.seed, 3]))
    for block in rows.blocks():
        found = counts(block.features, "channel train")
        hold.add(
            Table(Sparse(found.indptr.astype(np.int64), found.indices, found.data.astype(np.float32), block.columns))
        )
    if not hold.whole:
        logging.info(
            "Channel train does not fit in memory: topics are trained on %d of its %d documents, drawn at random.",
            hold.rows, hold.seen,
        )  # fmt: skip
    return counts(hold.table().features, "channel train")


def _judge(rows: Rows, found: Topics) -> float:
    """Returns the mean log likelihood of a word."""
    total, words = 0.0, 0.0
    for block in rows.blocks():
        documents = counts(block.features, f"channel {rows.channel}")
        own = float(documents.data.sum())
        mixtures = inference.mixtures(documents, found)
        total += own * inference.per_word_log_likelihood(documents, mixtures, found)
        words += own
    return total / max(words, 1e-300)


def _sweeps(values: Mapping[str, Any], corpus: Any) -> int:
    """Returns how many sweeps the corpus gets. Raises UserError if sweeps were requested that are not possible."""
    configured = values["_sweeps"]
    words = float(np.minimum(np.asarray(corpus.sum(axis=1)).ravel(), LONGEST).sum())
    possible = bool((corpus.data == np.floor(corpus.data)).all())
    if configured == "auto":
        most = int(MOST_DRAWS // max(words * values["num_topics"], 1))
        usual = FEW_SWEEPS if words <= FEW_WORDS else AUTO_SWEEPS if words < MANY_WORDS else MANY_SWEEPS
        return min(usual, most) if possible and most >= FEWEST else 0
    if configured and not possible:
        raise UserError("_sweeps needs documents of whole numbers of words.")
    return int(configured)
