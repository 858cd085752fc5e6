"""LDA's training: topics from the corpus's moments, refined by Gibbs sampling, and judged by the test channel."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import vstack

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.data import Wanted
from sagewright.algorithms.firstparty.session import Session, session
from sagewright.algorithms.job import Job
from sagewright.algorithms.lda import inference, topics
from sagewright.algorithms.lda.declaration import DECLARATION
from sagewright.algorithms.lda.decomposition import Limits
from sagewright.algorithms.lda.model import TopicModel, counts
from sagewright.algorithms.lda.topics import Topics

AUTO_SWEEPS, FEWEST = 300, 20
MOST_DRAWS = 30_000_000_000
"""Words times topics times sweeps under `auto`: a few minutes."""
MOST_WORDS = 1 << 28


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Train and leave `model_algo-1`. Raises JobError."""
    if len(job.hosts) > 1:
        raise UserError("LDA trains on one instance: InstanceCount must be 1.")
    with session(DECLARATION, "AWS/LDA", job, values) as run:
        began = time.monotonic()
        corpus = _counts(run, "train")
        if corpus.nnz == 0:
            raise UserError("No word is in any document of channel train.")
        found = fit(run.values, corpus, run.seed)
        run.save(TopicModel(found).encode())
        run.lines.throughput(corpus.shape[0], time.monotonic() - began)
        run.lines.progress(1, 1)
        test = _counts(run, "test")
        if test is not None:
            pwll = inference.per_word_log_likelihood(test, inference.mixtures(test, found), found)
            run.lines.quality("test", {"pwll": pwll}, "score")
            run.lines.test_score({"pwll": pwll})


def fit(values: Mapping[str, Any], corpus: Any, seed: int) -> Topics:
    """Topics of a csr_matrix (documents, V) of counts, as the hyperparameters ask."""
    limits = Limits(values["max_restarts"], values["max_iterations"], values["tol"])
    found = topics.spectral(corpus, values["num_topics"], values["alpha0"], limits, seed)
    sweeps = _sweeps(values, corpus)
    if not sweeps:
        return found
    from sagewright.algorithms.lda import gibbs  # compiled where it is needed only

    logging.info("Refining the topics by %d sweeps of Gibbs sampling.", sweeps)
    return gibbs.refine(gibbs.Chain(corpus, found, seed), sweeps)


def _counts(run: Session, channel: str) -> Any:
    rows = run.rows(channel, Wanted(run.values["feature_dim"], sparse=True))
    if rows is None:
        return None
    return vstack([counts(block.features, f"channel {channel}") for block in rows.blocks()]).tocsr()


def _sweeps(values: Mapping[str, Any], corpus: Any) -> int:
    """How many sweeps the corpus gets. Raises UserError where some were asked for that can't be had."""
    asked, words = values["_sweeps"], float(corpus.data.sum())
    possible = bool((corpus.data == np.floor(corpus.data)).all()) and words <= MOST_WORDS
    if asked == "auto":
        most = int(MOST_DRAWS // max(words * values["num_topics"], 1))
        return min(AUTO_SWEEPS, most) if possible and most >= FEWEST else 0
    if asked and not possible:
        raise UserError(f"_sweeps needs documents of whole numbers of words, {MOST_WORDS:,} together at most.")
    return int(asked)
