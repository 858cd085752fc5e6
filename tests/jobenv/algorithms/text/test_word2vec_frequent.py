"""How often frequent words of texts with small vocabularies are skipped, and for how long vectors are learnt from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from sagewright.algorithms.blazingtext.embeddings import word2vec

TOPICS, WORDS, LINE = 6, 1200, 8


def threshold(counts: np.ndarray, *chosen: str, given: float = 1e-4) -> float:
    run: Any = SimpleNamespace(values={"sampling_threshold": given}, chosen=frozenset(chosen))
    return word2vec.threshold(run, counts)


@pytest.mark.parametrize(
    ("words", "each", "expected"),
    [(500, 1000, 1e-3), (2000, 1000, 1 / 2000), (50_000, 100, 1e-4), (400, 100, 4e-4), (100, 50, 1e-4)],
    ids=["a small vocabulary", "a larger one", "a large one", "a short text", "a very short one"],
)
def test_the_default_threshold_follows_the_vocabulary_and_the_text(words: int, each: int, expected: float) -> None:
    counts = np.full(words, each)
    assert threshold(counts) == pytest.approx(expected)
    assert threshold(counts, "sampling_threshold", given=2e-5) == 2e-5


def drawn() -> tuple[str, np.ndarray]:
    """Lines about mixtures of topics, and each word's shares of the topics; words are as frequent as in real texts."""
    random = np.random.default_rng(5)
    shares = random.dirichlet(np.full(TOPICS, 0.3), WORDS)
    often = shares / np.arange(1, WORDS + 1.0)[:, None]
    bounds = (often / often.sum(0)).cumsum(0)
    of_lines = random.dirichlet(np.full(TOPICS, 0.15), 17_500).cumsum(1)
    topic = (random.random((17_500, LINE, 1)) > of_lines[:, None]).sum(2).clip(0, TOPICS - 1)
    places, made = random.random(topic.shape), np.empty(topic.shape, np.int64)
    for number in range(TOPICS):
        made[topic == number] = np.searchsorted(bounds[:, number], places[topic == number])
    lines = "\n".join(" ".join(f"w{word}" for word in line) for line in made.clip(0, WORDS - 1))
    return lines + "\n", shares / np.linalg.norm(shares, axis=1, keepdims=True)


@pytest.mark.parametrize("mode", ["skipgram", "cbow"])
def test_words_of_one_topic_are_alike_in_a_text_of_few_words(job: Any, run: Any, mode: str) -> None:
    text, shares = drawn()
    job.configure({"mode": mode}, {"train": "text/plain"})
    job.put("train", "x", text.encode())
    assert run(job, "blazingtext") == 0, job.output
    assert "sampling_threshold is at its default" in job.output
    rows = [line.split() for line in (job.model / "vectors.txt").read_text().splitlines()[1:]]
    found = {int(row[0][1:]): np.array(row[1:], float) for row in rows}
    numbers = sorted(found)[:400]
    own = np.stack([found[number] / np.linalg.norm(found[number]) for number in numbers])
    upper = np.triu_indices(len(numbers), 1)
    assert spearmanr((own @ own.T)[upper], (shares[numbers] @ shares[numbers].T)[upper]).statistic > 0.7
