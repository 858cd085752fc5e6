"""Documents that a chain leaves out at first: how they are judged, and what they decide."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix

from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.mixtures import gibbs, inference, judging
from sagewright.algorithms.mixtures.topics import Topics


def test_documents_that_were_left_out_join_the_others() -> None:
    counts = short(200, 60, 4, 30, 0.1)
    chain = gibbs.Chain(counts, Topics(np.full(4, 0.25), np.full((4, 60), 1 / 60)), 0)
    rows = np.arange(0, 200, 3)
    chain.leave_out(rows)
    for _ in range(3):
        chain.sweep()
    assert not chain.of_documents[rows].any()
    assert_allclose(chain.of_topics.sum(), 30 * (200 - len(rows)))
    known = np.asarray(counts[np.setdiff1d(np.arange(200), rows)].sum(axis=0))[0]
    assert_allclose(chain.of_words.sum(axis=1), known)
    chain.join()
    chain.sweep()
    of_words = np.zeros_like(chain.of_words)
    np.add.at(of_words, (chain.tokens[:, 1], chain.tokens[:, 2]), 1)
    assert_allclose(chain.of_words, of_words)
    assert_allclose(chain.of_documents.sum(axis=1), 30)
    assert_allclose(chain.of_topics, of_words.sum(axis=0))


def short(rows: int, words: int, topics: int, length: int, common: float) -> Any:
    """Short documents of one topic each; words' frequencies differ, and the smaller `common`, the fewer words each topic has."""
    random = np.random.default_rng(0)
    shares = random.permutation(1 / np.arange(1, words + 1))
    own = random.dirichlet(common * words * shares / shares.sum(), topics)
    which = random.integers(0, topics, rows)
    return csr_matrix(np.stack([random.multinomial(length, own[each]) for each in which]).astype(float))


def refined(counts: Any, topics: int, sweeps: int = 100) -> Topics:
    random = np.random.default_rng(1)
    start = Topics(np.full(topics, 0.1), random.dirichlet(np.ones(counts.shape[1]), topics))
    return gibbs.refine(gibbs.Chain(counts, start, 0), sweeps)


def test_topics_of_short_documents_are_hardly_worse_than_the_words_frequencies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With half of each document's words, the other half is predicted."""
    counts = short(900, 600, 12, 5, 1.0)
    train, later = counts[:500], counts[500:]
    known = np.asarray(train.sum(axis=0))[0] > 0
    later = csr_matrix(later.multiply(known[None, :]))
    half = judging.LeftOut.draw(later, np.random.default_rng(0))
    assert half is not None
    frequencies = np.asarray(train.sum(axis=0))[0] / train.sum()
    nothing = -inference.per_word_log_likelihood(
        half.other, np.ones((half.other.shape[0], 1)), Topics(np.ones(1), frequencies[None])
    )

    def ratio(found: Topics) -> float:
        mixtures = inference.mixtures(half.seen, found)
        return float(np.exp(-inference.per_word_log_likelihood(half.other, mixtures, found) - nothing))

    found = refined(train, 40)
    assert found.ratio is not None
    assert ratio(found) < 1.03
    assert found.ratio == pytest.approx(ratio(found), abs=0.1)
    monkeypatch.setattr(gibbs, "FEWEST_JUDGED", 1000)
    plain = refined(train, 40)
    assert plain.ratio is None
    assert ratio(plain) > 1.08


def test_the_smoothing_that_predicts_better_is_chosen() -> None:
    """Topics without common words are smoothed evenly, frequent and rare words by their frequencies, and others by both."""
    random = np.random.default_rng(0)
    frequencies = random.dirichlet(np.full(300, 0.3))
    for by_corpus in (1, 0, 0.5):
        truth = by_corpus * frequencies + (1 - by_corpus) / 300
        of_words = np.zeros((2, 300))
        of_words[:, :5] = random.multinomial(20, np.full(5, 0.2), 2)
        samples = judging.Samples(np.zeros((2, 300)), np.zeros(2))
        samples.add(of_words, 20)
        mixed = 0.5 * of_words[0] / of_words[0].sum() + 0.5 * truth
        out = judging.LeftOut.draw(csr_matrix(random.multinomial(40, mixed, 90).astype(float)), random)
        assert out is not None
        found = out.smoothing(samples, frequencies, np.ones(300, bool), np.ones(2))
        assert found.by_corpus == by_corpus
        assert found.share == 1


def test_topics_that_predict_worse_than_frequencies_are_moved_towards_these() -> None:
    random = np.random.default_rng(0)
    frequencies = np.full(50, 0.02)
    samples = judging.Samples(np.zeros((2, 50)), np.zeros(2))
    samples.add(random.multinomial(100, random.dirichlet(np.full(50, 0.3)), 2), 4)
    out = judging.LeftOut.draw(csr_matrix(random.multinomial(10, frequencies, 90).astype(float)), random)
    assert out is not None
    found = out.smoothing(samples, frequencies, np.ones(50, bool), np.ones(2))
    assert found.share == min(judging.SHRUNK)
    assert found.ratio is not None
    assert 1 < found.ratio < 1.2
    assert_allclose(found.beta(samples, frequencies).sum(axis=1), 1)


@pytest.mark.parametrize(("ratio", "warns"), [(None, False), (0.9, False), (1.05, True)])
def test_topics_that_predict_worse_than_frequencies_are_reported(
    caplog: pytest.LogCaptureFixture, ratio: float | None, warns: bool
) -> None:
    with caplog.at_level(logging.INFO):
        judging.report(Lines("AWS/LDA", "algo-1"), Topics(np.ones(3), np.ones((3, 1)), ratio))
    assert ("#quality_metric: host=algo-1, train baseline_ratio <loss>=" in caplog.text) == (ratio is not None)
    assert ("too short or too few for 3 topics" in caplog.text) == warns
