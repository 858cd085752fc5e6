"""Vectors of Object2Vec's tokens, and layers of convolutions, before training."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from sagewright.algorithms.object2vec import spectrum
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.encoders import SPREAD, Side
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.object2vec.settings import Object2VecSettings
from sagewright.algorithms.sequences import Texts

GIVEN = {
    "enc0_max_seq_len": "20", "enc0_vocab_size": "33", "enc0_token_embedding_dim": "6", "enc_dim": "6", "mlp_dim": "4",
    "enc0_network": "pooled_embedding",
}  # fmt: skip


def network(**given: str) -> Object2VecNetwork:
    torch.manual_seed(0)
    return Object2VecNetwork(Object2VecSettings.of(DECLARATION.validate_hyperparameters({**GIVEN, **given})))


def texts(some: list[list[int]]) -> Texts:
    return Texts(np.array([token for each in some for token in each], np.int32), np.cumsum([0, *map(len, some)]))


def by_topics(count: int, lengths: int = 8) -> Pairs:
    """Both sequences of a pair of label 1 are of the tokens 0 to 9, 10 to 19 or 20 to 29; one of label 0 mixes all."""
    random = np.random.default_rng(0)
    sides: tuple[list[list[int]], list[list[int]]] = ([], [])
    labels = np.arange(count) % 2
    for label in labels:
        topic = random.integers(0, 3)
        for side in sides:
            drawn = random.integers(0, 10, lengths) + 10 * topic if label else random.integers(0, 30, lengths)
            side.append(drawn.tolist())
    return Pairs((texts(sides[0]), texts(sides[1])), np.tile(np.arange(count)[:, None], 2), labels.astype(np.float32))


def filled(made: Object2VecNetwork, known: Pairs, tables: tuple[int, ...] = (0, 1)) -> list[np.ndarray]:
    """The tables afterwards."""
    spectrum.fill(made, known, tables[: len(made.tokens)], np.random.default_rng(0))
    return [each.weight.detach().numpy() for each in made.tokens]


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    units = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    return np.asarray(units[0] @ units[1].T)


def test_vectors_are_the_singular_ones_of_weighed_documents() -> None:
    random = np.random.default_rng(3)
    rates = random.gamma(0.3, 3, (4, 25))
    counts = random.poisson(rates[random.integers(0, 4, 60)]).astype(np.float32)
    counts[:, 24] = 0
    counts[counts.sum(1) == 0, 0] = 1
    found = spectrum.start(csr_array(counts), 3, np.random.default_rng(0))
    weights = np.where(counts.any(0), np.log(60 / np.maximum((counts > 0).sum(0), 1)), 0)
    rows = counts * weights
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
    exact = np.linalg.svd(rows, full_matrices=False)[2][:3].T * weights[:, None]
    exact /= np.sqrt(np.mean((counts @ exact / counts.sum(1, keepdims=True)) ** 2)) / SPREAD
    assert found.shape == (25, 3)
    assert np.allclose(np.abs(found), np.abs(exact), atol=2e-3)
    assert np.allclose(found @ found.T, exact @ exact.T, atol=2e-3)


@pytest.mark.parametrize("tied", ["true", "false"])
def test_tokens_that_come_together_begin_together_on_both_sides(tied: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tables = filled(network(tied_token_embedding_weight=tied), by_topics(300))
    assert "enc0 and enc1: vectors of tokens begin with 6 topics of 150 pairs." in caplog.text
    alike = np.arange(30)[:, None] // 10 == np.arange(30) // 10
    near = cosines(tables[0][:30], tables[-1][:30])
    assert near[alike].mean() > 0.3 > near[~alike].mean() + 0.2
    for table in tables:
        assert not table[30:].any()  # of no document


def test_with_more_classes_every_pair_counts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        filled(network(num_classes="3"), by_topics(300))
    assert "topics of 300 pairs." in caplog.text


def test_columns_beyond_what_the_documents_have_stay() -> None:
    known = Pairs(
        (texts([[0, 1, 1], [2, 3]]), texts([[1], [3, 3]])), np.array([[0, 0], [1, 1]]), np.ones(2, np.float32)
    )
    before = network(tied_token_embedding_weight="true").tokens[0].weight.detach().numpy()
    (after,) = filled(network(tied_token_embedding_weight="true"), known)
    assert np.array_equal(after[:4, 2:], before[:4, 2:])
    assert not np.allclose(after[:4, :2], before[:4, :2])


@pytest.mark.parametrize(
    ("given", "known", "tables"),
    [
        ({}, by_topics(60, 1), (0, 1)),
        ({}, by_topics(60), ()),
        ({}, Pairs((texts([[1, 2]]), texts([[1, 2]])), np.zeros((3, 2), np.int64), np.ones(3, np.float32)), (0, 1)),
    ],
    ids=["single tokens", "from files", "one document"],
)  # fmt: skip
def test_others_begin_at_random(given: dict[str, str], known: Pairs, tables: tuple[int, ...]) -> None:
    before = [each.weight.detach().numpy().copy() for each in network(**given).tokens]
    for one, other in zip(before, filled(network(**given), known, tables), strict=True):
        assert np.array_equal(one, other)


def test_a_side_alone_begins_so(caplog: pytest.LogCaptureFixture) -> None:
    known = by_topics(100)
    alone = Pairs((known.texts[0], texts([[token % 30] for token in range(100)])), known.members, known.labels)
    before = network().tokens[1].weight.detach().numpy().copy()
    with caplog.at_level(logging.INFO):
        first, second = filled(network(), alone)
    assert "enc0: vectors of tokens begin with 6 topics of 50 pairs." in caplog.text
    assert np.array_equal(second, before)
    assert not first[30:].any()


def test_the_last_layer_of_convolutions_begins_with_much_of_what_the_first_sees() -> None:
    made = network(enc0_network="hcnn", enc0_token_embedding_dim="64", enc_dim="256")
    drawn = np.random.default_rng(0).integers(0, 33, (200, 8))
    tokens = Side(torch.from_numpy(drawn.ravel()), torch.full((200,), 8))
    first, *_, last = made.encode(0, tokens).std(dim=0).view(4, 64).mean(dim=1).tolist()
    assert last > first / 3


@pytest.mark.parametrize("name", ["hcnn", "bilstm"])
def test_encoders_that_read_an_order_begin_with_it_beside_random_vectors(name: str) -> None:
    """Tokens 0 and 1 always come together, and token 32 never comes: they begin apart, and at random."""
    known = Pairs(
        (texts([[0, 1], [2, 3], [0, 1]] * 9), texts([[0, 1], [2, 3], [2, 3]] * 9)),
        np.tile(np.arange(27)[:, None], 2),
        np.tile([1, 1, 0], 9).astype(np.float32),
    )
    before = [each.weight.detach().numpy().copy() for each in network(enc0_network=name).tokens]
    after = filled(network(enc0_network=name), known)
    for one, other in zip(before, after, strict=True):
        moved = other - one
        assert not moved[4:].any()
        assert np.abs(moved[0]).max() > SPREAD / 2
        assert np.allclose(moved[0], moved[1], atol=1e-5)
        assert not np.allclose(other[0], other[1], atol=SPREAD / 10)


def test_no_more_than_so_much_is_looked_at(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(spectrum, "MOST_TOKENS", 16 * 40)
    with caplog.at_level(logging.INFO):
        filled(network(), by_topics(300))
    assert "topics of 40 pairs." in caplog.text
    monkeypatch.setattr(spectrum, "MOST_DOCUMENTS", 30)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        filled(network(), by_topics(300))
    assert "topics of 30 pairs." in caplog.text


@pytest.mark.sampled(1, of="what Object2Vec learns in a whole training")
def test_few_epochs_tell_more_with_it(job: Any, run: Any) -> None:
    """Words of which most say nothing, as in texts: the two halves of a document are known for each other after an epoch."""

    def document(random: np.random.Generator) -> list[int]:
        own = random.choice(200, 4, replace=False)
        return [
            int(each)
            for each in np.where(random.random(24) < 0.5, random.choice(own, 24), random.integers(200, 240, 24))
        ]

    def pairs(count: int, seed: int, others: bool) -> bytes:
        random = np.random.default_rng(seed)
        lines = []
        for _ in range(count):
            whole, other = document(random), document(random)
            lines.append({"label": 1, "in0": whole[::2], "in1": whole[1::2]})
            if others:
                lines.append({"label": 0, "in0": whole[::2], "in1": other[1::2]})
        return "".join(json.dumps(each) + "\n" for each in lines).encode()

    given = {
        **GIVEN, "enc0_vocab_size": "240", "enc0_token_embedding_dim": "150", "enc_dim": "150", "mlp_layers": "0", "epochs": "2",
        "tied_token_embedding_weight": "true", "negative_sampling_rate": "3", "learning_rate": "0.01",
        "comparator_list": "hadamard, abs_diff",
    }  # fmt: skip
    job.configure(given, dict.fromkeys(("train", "test"), "application/jsonlines"))
    job.put("train", "pairs.jsonl", pairs(400, 0, others=False))
    job.put("test", "pairs.jsonl", pairs(200, 1, others=True))
    assert run(job, "object2vec") == 0, job.output
    assert (
        "enc0 and enc1: vectors of tokens begin with 150 topics of 320 pairs." in job.output
    )  # the others are held out
    found = re.search(r"test accuracy <score>=(\S+)", job.output)
    assert found is not None
    assert float(found[1]) > 0.8


@pytest.mark.sampled(1, of="what Object2Vec learns in a whole training")
def test_convolutions_learn_from_few_pairs_of_noisy_texts(job: Any, run: Any) -> None:
    """2,500 pairs about the same of ten topics or not, a third of whose words are of any: too few to learn the words from."""
    random, topics = np.random.default_rng(1), np.random.default_rng(0).dirichlet(np.full(300, 0.05), 10)

    def words(topic: int) -> list[int]:
        length = int(random.integers(4, 12))
        drawn = random.choice(300, length, p=topics[topic])
        return np.where(random.random(length) < 0.3, random.integers(0, 300, length), drawn).tolist()

    lines = []
    for label in random.integers(0, 2, 3500).tolist():
        first = int(random.integers(10))
        second = first if label else (first + 1 + int(random.integers(9))) % 10
        lines.append(json.dumps({"label": label, "in0": words(first), "in1": words(second)}))
    given = {
        "enc0_max_seq_len": "12", "enc0_vocab_size": "300", "enc0_network": "hcnn", "enc_dim": "64", "mlp_dim": "64",
        "enc0_token_embedding_dim": "32", "num_classes": "2",
    }  # fmt: skip
    job.configure(given, dict.fromkeys(("train", "test"), "application/jsonlines"))
    job.put("train", "a.jsonl", "\n".join(lines[:2500]).encode())
    job.put("test", "b.jsonl", "\n".join(lines[2500:]).encode())
    assert run(job, "object2vec") == 0, job.output
    (accuracy,) = re.findall(r"test accuracy <score>=([0-9.]+)", job.output)
    assert float(accuracy) > 0.7


def test_few_pairs_teach_an_order_of_neighbours(job: Any, run: Any) -> None:
    """Whether one of five tokens comes directly before one of five others, or after it."""
    random, lines = np.random.default_rng(0), []
    for label in random.integers(0, 2, 1500).tolist():
        first, second = random.integers(10, 60, (2, 8)).tolist()
        place, pair = int(random.integers(9)), [int(random.integers(5)), int(random.integers(5, 10))]
        first[place:place] = pair if label else pair[::-1]
        lines.append(json.dumps({"label": label, "in0": first, "in1": second}))
    given = {
        "enc0_max_seq_len": "10", "enc0_vocab_size": "60", "enc0_network": "bilstm", "enc_dim": "64", "mlp_dim": "64",
        "enc0_token_embedding_dim": "64", "num_classes": "2",
    }  # fmt: skip
    job.configure(given, dict.fromkeys(("train", "test"), "application/jsonlines"))
    job.put("train", "a.jsonl", "\n".join(lines[:1100]).encode())
    job.put("test", "b.jsonl", "\n".join(lines[1100:]).encode())
    assert run(job, "object2vec") == 0, job.output
    (accuracy,) = re.findall(r"test accuracy <score>=([0-9.]+)", job.output)
    assert float(accuracy) > 0.95
