"""LDA: moments of a known model, components of a known tensor, inference against its definition, whole trainings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from sklearn.decomposition import LatentDirichletAllocation

from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.lda import training
from sagewright.algorithms.lda.model import TopicModel
from sagewright.algorithms.mixtures import decomposition, gibbs, inference, spectral
from sagewright.algorithms.mixtures.decomposition import Limits
from sagewright.algorithms.mixtures.moments import Moments
from sagewright.algorithms.mixtures.topics import Topics

NAME = "lda"
PROTOBUF = "application/x-recordio-protobuf"
V, K = 60, 4


def corpus(documents: int, length: int, seed: int = 0) -> tuple[Any, np.ndarray, np.ndarray]:
    """Counts drawn from the model, the topics (K, V), and the mixtures (documents, K)."""
    random = np.random.default_rng(seed)
    beta = np.random.default_rng(9).dirichlet(np.full(V, 0.1), K)
    mixture = random.dirichlet(np.full(K, 0.25), documents)
    return (
        csr_matrix(np.stack([random.multinomial(length, each @ beta) for each in mixture]).astype(float)),
        beta,
        mixture,
    )


def distance(found: np.ndarray, beta: np.ndarray) -> float:
    """The mean total variation between topics and those they match best."""
    apart = np.abs(found[:, None] - beta).sum(axis=2) / 2
    return float(apart[linear_sum_assignment(apart)].mean())


def protobuf(counts: Any) -> bytes:
    return recordio.write_frames(
        record.encode(
            {"values": Tensor(row.data.astype(np.float32), row.indices.astype(np.int64), (counts.shape[1],))}, {}
        )
        for row in counts
    )


def test_the_components_of_an_orthogonal_tensor_are_found() -> None:
    random = np.random.default_rng(0)
    vectors = np.linalg.qr(random.normal(size=(6, 6)))[0]
    values = np.array([1, 1.5, 2, 3, 4, 5.0])
    tensor = np.einsum("r,ir,jr,kr->ijk", values, vectors, vectors, vectors)
    found = decomposition.decompose(lambda v: np.einsum("ijk,jr,kr->ir", tensor, v, v), 6, Limits(), 0)
    order = np.argsort(found.values)
    assert_allclose(found.values[order], values, rtol=1e-6)
    assert_allclose(found.vectors[:, order], vectors, atol=1e-5)
    assert found.found == pytest.approx(values @ values, rel=1e-6)


def test_the_topics_of_a_model_are_in_its_moments() -> None:
    counts, beta, mixture = corpus(20000, 60)
    found = spectral.topics(counts, K, 1.0, Limits(), 0)
    assert distance(found.beta, beta) < 0.05
    assert_allclose(found.beta.sum(axis=1), 1)
    assert_allclose(np.sort(found.alpha), np.sort(mixture.mean(axis=0)), atol=0.05)


def test_frequent_words_decide_the_topics_of_all_words(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, beta, _ = corpus(20000, 60)
    monkeypatch.setattr(spectral, "MOST_CELLS", 8 * K)
    found = spectral.topics(counts, K, 1.0, Limits(), 0)
    assert found.beta.shape == (K, V)
    assert distance(found.beta, beta) < 0.08
    apart = np.abs(found.beta[:, None] - beta).sum(axis=2)
    order = linear_sum_assignment(apart)[1]
    rare = np.argsort(counts.sum(axis=0).A1)[: V - 8]
    assert np.abs(found.beta[:, rare] - beta[order][:, rare]).max() < 0.05
    assert np.corrcoef(found.beta[:, rare].ravel(), beta[order][:, rare].ravel())[0, 1] > 0.95


def test_a_start_takes_some_documents_and_few_iterations_if_more_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, _, _ = corpus(300, 60)
    seen = []

    def topics(few: Any, number: int, alpha0: float, limits: Limits, seed: int) -> None:
        seen.append((few.shape, limits))

    monkeypatch.setattr(spectral, "topics", topics)
    spectral.start(counts, K, 1.0, 0)
    monkeypatch.setattr(spectral, "MOST_DOCUMENTS", 100)
    monkeypatch.setattr(spectral, "MOST_PRODUCTS", 7 * (2 * 100 * K**2 + 20 * K**3))
    spectral.start(counts, K, 1.0, 0)
    spectral.start(counts, K, 1.0, 0, Limits(2, 60))
    assert seen == [((300, V), Limits(1, 50)), ((100, V), Limits(1, 7)), ((100, V), Limits(2, 60))]


def test_the_moments_are_those_of_triples_of_words() -> None:
    """The whitened tensor, against sums over all ordered triples of words of each document, written out."""
    counts, _, _ = corpus(12, 5)
    alpha0, width = 0.7, counts.shape[1]
    moments = Moments(counts, alpha0, width)
    first, pairs, triples = np.zeros(width), np.zeros((width,) * 2), np.zeros((width,) * 3)
    for row in counts.toarray().astype(int):
        words = np.repeat(np.arange(width), row)
        n = len(words)
        for i in range(n):
            first[words[i]] += 1 / n / 12
            for j in set(range(n)) - {i}:
                pairs[words[i], words[j]] += 1 / (n * (n - 1)) / 12
                for k in set(range(n)) - {i, j}:
                    triples[words[i], words[j], words[k]] += 1 / (n * (n - 1) * (n - 2)) / 12
    whitener = np.random.default_rng(0).normal(size=(width, 3))
    seen3 = np.einsum("abc,ai,bj,ck->ijk", triples, whitener, whitener, whitener)
    seen2, seen1 = whitener.T @ pairs @ whitener, whitener.T @ first
    mixed = sum(np.einsum(form, seen2, seen1) for form in ("ij,k->ijk", "ik,j->ijk", "jk,i->ijk"))
    expected = (alpha0 + 1) * (alpha0 + 2) / 2 * seen3 - alpha0 * (alpha0 + 1) / 2 * mixed
    expected += alpha0**2 * np.einsum("i,j,k->ijk", seen1, seen1, seen1)
    vectors = np.random.default_rng(1).normal(size=(3, 5))
    image = moments._image(whitener)(vectors)
    assert_allclose(image, np.einsum("ijk,jr,kr->ir", expected, vectors, vectors), rtol=1e-8, atol=1e-10)


def test_a_mixture_is_at_the_maximum_of_its_posterior() -> None:
    counts, beta, mixture = corpus(50, 400)
    known = Topics(np.full(K, 0.5), beta)
    found = inference.mixtures(counts, known)
    assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found - mixture).mean() < 0.05

    def posterior(each: np.ndarray) -> np.ndarray:
        likelihood = (counts.toarray() * np.log(each @ beta)).sum(axis=1)
        return np.asarray(likelihood + (known.alpha * np.log(each)).sum(axis=1))

    best = posterior(found)
    for topic in range(K):
        moved = 0.99 * found + 0.01 * np.eye(K)[topic]
        assert (posterior(moved) < best + 0.05).all()
    empty = inference.mixtures(csr_matrix((1, V)), Topics(np.array([1, 1, 2, 4.0]), beta))
    assert_allclose(empty, [[0.125, 0.125, 0.25, 0.5]])


def test_a_chain_keeps_count_of_its_words() -> None:
    counts, beta, _ = corpus(200, 30)
    chain = gibbs.Chain(counts, Topics(np.full(K, 0.25), beta), 0)
    for _ in range(3):
        chain.sweep()
    of_words = np.zeros_like(chain.of_words)
    np.add.at(of_words, (chain.tokens[:, 1], chain.tokens[:, 2]), 1)
    assert_allclose(chain.of_words, of_words)
    assert_allclose(chain.of_words.sum(axis=1), np.asarray(counts.sum(axis=0))[0])
    assert_allclose(chain.of_documents.sum(axis=1), 30)
    assert_allclose(chain.of_topics, of_words.sum(axis=0))


def test_training_predicts_new_documents_as_well_as_variational_inference(job: Any, run: Any) -> None:
    train, beta, _ = corpus(1500, 40)
    test, _, _ = corpus(500, 40, seed=1)
    values = {"feature_dim": str(V), "num_topics": str(K), "mini_batch_size": "1500"}
    job.configure(values, {"train": PROTOBUF, "test": PROTOBUF})
    job.put("train", "part", protobuf(train))
    job.put("test", "part", protobuf(test))
    assert run(job, NAME) == 0, job.output
    found = TopicModel.decode(artefact.read(job.model)).topics
    assert distance(found.beta, beta) < 0.1
    logged = float(re.findall(r"test pwll <score>=(\S+)", job.output)[-1])
    peer = LatentDirichletAllocation(K, random_state=0).fit(train)
    variational = Topics(np.full(K, 1 / K), peer.components_ / peer.components_.sum(axis=1, keepdims=True))
    judged = inference.per_word_log_likelihood(test, inference.mixtures(test, variational), variational)
    assert logged > judged - 0.005
    assert "#test_score (algo-1) : ('pwll', " in job.output
    assert 0.1 < float(re.findall(r"train baseline_ratio <loss>=(\S+)", job.output)[-1]) < 1


def test_refining_predicts_better_than_the_moments_alone(make_job: Any, run: Any) -> None:
    train, _, _ = corpus(300, 30)
    test, _, _ = corpus(300, 30, seed=1)
    reached = []
    for sweeps in ("0", "100"):
        job = make_job(sweeps)
        values = {"feature_dim": str(V), "num_topics": str(K), "mini_batch_size": "300", "_sweeps": sweeps}
        job.configure(values, {"train": PROTOBUF, "test": PROTOBUF})
        job.put("train", "part", protobuf(train))
        job.put("test", "part", protobuf(test))
        assert run(job, NAME) == 0, job.output
        reached.append(float(re.findall(r"test pwll <score>=(\S+)", job.output)[-1]))
    assert reached[1] > reached[0]


@pytest.mark.parametrize(
    ("documents", "sweeps"),
    [(499, 200), (500, 200), (501, 300), (4_999, 300), (5_000, 500), (60_000, 166), (600_000, 0)],
)
def test_sweeps_grow_with_the_words_until_they_would_take_long(documents: int, sweeps: int) -> None:
    counts = csr_matrix(np.full((documents, 1), 100.0))
    assert training._sweeps({"_sweeps": "auto", "num_topics": 30}, counts) == sweeps
    assert training._sweeps({"_sweeps": "7", "num_topics": 30}, counts) == 7


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        (b"1,2,-3\n", {}, "negative number of words"),
        (b"0,0,0\n", {}, "No word is in any document"),
        (b"0.5,1,2\n", {"_sweeps": "5"}, "whole numbers of words"),
    ],
)
def test_documents_that_can_not_be_are_the_users_fault(
    job: Any, run: Any, content: bytes, values: dict[str, str], message: str
) -> None:
    given = {"feature_dim": "3", "num_topics": "2", "mini_batch_size": "1", **values}
    job.configure(given, {"train": "text/csv;label_size=0"})
    job.put("train", "part", content)
    assert run(job, NAME) == 2
    assert message in job.failure


def test_weights_that_are_no_counts_are_decomposed_only(job: Any, run: Any) -> None:
    counts, _, _ = corpus(200, 30)
    values = {"feature_dim": str(V), "num_topics": "3", "mini_batch_size": "200"}
    job.configure(values, {"train": PROTOBUF})
    job.put("train", "part", protobuf(counts * 0.5))
    assert run(job, NAME) == 0, job.output
    assert "Gibbs" not in job.output


def test_two_instances_are_refused(job: Any, run: Any) -> None:
    values = {"feature_dim": "3", "num_topics": "2", "mini_batch_size": "1"}
    job.configure(values, {"train": "text/csv;label_size=0"}, hosts=("algo-1", "algo-2"))
    job.put("train", "part", b"1,2,3\n")
    assert run(job, NAME) == 2
    assert "InstanceCount must be 1" in job.failure
