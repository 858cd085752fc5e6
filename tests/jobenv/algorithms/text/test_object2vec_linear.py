"""Object2Vec's linear model: its kernels, how a network expresses it, and when a job keeps it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.object2vec import batches, factors, held_out, kernels, linear, starts, training
from sagewright.algorithms.object2vec.declaration import DECLARATION
from sagewright.algorithms.object2vec.kernels import Kernel
from sagewright.algorithms.object2vec.linear import Linear
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.object2vec.settings import Object2VecSettings
from sagewright.algorithms.sequences import Texts

CPU = Device(torch.device("cpu"))
GIVEN = {"enc0_max_seq_len": "9", "enc0_vocab_size": "12", "enc0_network": "pooled_embedding", "enc_dim": "64",
         "enc0_token_embedding_dim": "16", "mlp_dim": "16"}  # fmt: skip
Rows = list[dict[str, Any]]


def network(**given: str) -> Object2VecNetwork:
    torch.manual_seed(0)
    return Object2VecNetwork(Object2VecSettings.of(DECLARATION.validate_hyperparameters({**GIVEN, **given})))


def texts(sides: list[list[int]]) -> Texts:
    tokens = np.array([token for side in sides for token in side], np.int32)
    return Texts(tokens, np.cumsum([0, *map(len, sides)]).astype(np.int64))


def drawn(count: int, seed: int = 0) -> Pairs:
    random = np.random.default_rng(seed)
    sides = [[random.integers(0, 12, random.integers(1, 9)).tolist() for _ in range(count)] for _ in range(2)]
    labels = np.array([sum(token < 4 for token in side) > 1 for side in sides[0]], np.float32)
    return Pairs((texts(sides[0]), texts(sides[1])), np.column_stack([np.arange(count)] * 2), labels)


def test_errors_of_rows_that_are_left_out_are_those_of_fits_without_them() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 3)), random.normal(size=(20, 1))
    error, penalty = kernels.left_out(Kernel.of({"x": x}), y - y.mean())
    length, found = np.square(x - x.mean(0)).sum(1).mean(), []
    for number in range(20):
        kept = np.arange(20) != number
        middle, mean = x[kept].mean(0), y[kept].mean()
        own = x[kept] - middle
        weights = np.linalg.solve(own.T @ own + penalty * length * np.eye(3), own.T @ (y[kept] - mean))
        found.append((y[number] - mean - (x[number] - middle) @ weights)[0] ** 2)
    assert error == pytest.approx(np.mean(found), rel=0.02)  # means of 20 rows there, of 19 here


def test_a_block_without_differences_is_left_out() -> None:
    kernel = Kernel.of({"one": np.ones((5, 2)), "two": np.arange(10.0).reshape(5, 2)})
    assert list(kernel.blocks) == ["two"]
    assert kernel.spectrum[0].shape == (1,)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("layers", ["0", "1", "3"])
@pytest.mark.parametrize("kind", ["pooled_embedding", "hcnn", "bilstm"])
def test_the_network_says_what_the_model_says(activation: str, layers: str, kind: str) -> None:
    """For rows that were learnt from: the kernel's answers are the perceptron's."""
    known, made = drawn(40), network(mlp_activation=activation, mlp_layers=layers, enc0_network=kind)
    model = Linear.beside(made, [0, 1], CPU, 3)
    assert model is not None
    for parts in linear.PARTS:
        model.choice = linear.Choice(starts.APART, parts, 1.0)
        found = model.fit(known).eval()
        kernel = Kernel.of(linear.only(model.blocks(model.begun(starts.APART, known), known), parts))
        values, vectors = kernel.spectrum
        dual, biases = kernels.logistic(kernel, np.eye(2, dtype=np.float32)[known.labels.astype(int)], 1.0)
        expected = (vectors * values) @ (vectors.T @ dual) + biases
        with torch.inference_mode():
            said = found(batches.batch(known, np.arange(40), CPU)).numpy()
        assert np.allclose(said, expected, atol=2e-3)


def test_a_perceptron_that_is_too_narrow_has_no_linear_model() -> None:
    assert Linear.beside(network(mlp_activation="relu", mlp_dim="3"), [0, 1], CPU, 0) is None
    assert Linear.beside(network(mlp_activation="linear", mlp_dim="3"), [0, 1], CPU, 0) is not None


def plain(made: Object2VecNetwork, sides: list[list[int]]) -> torch.Tensor:
    """The plain numbers of sequences, with a table that has a number for each token."""
    known = Pairs((texts(sides), texts(sides)), np.column_stack([np.arange(len(sides))] * 2), np.zeros(len(sides)))
    found = starts.begin(made, known, [0, 1], starts.TOKENS, np.random.default_rng(0))
    with torch.inference_mode():
        said = made.encode(0, batches.side(known.texts[0], np.arange(len(sides)), CPU))
    return said[:, torch.from_numpy(found)]


def rated(count: int, *, classes: bool) -> tuple[Pairs, Pairs]:
    """Pairs of single tokens whose products of two factors decide; others of the same tokens."""
    random = np.random.default_rng(4)
    members, (users, things) = random.integers(0, 12, (2 * count, 2)), random.normal(size=(2, 12, 2))
    score = (users[members[:, 0]] * things[members[:, 1]]).sum(1) + things[members[:, 1], 0]
    labels = (score > 0 if classes else score).astype(np.float32)
    single = texts([[token] for token in range(12)])
    first, second = (
        Pairs((single, single), members[part], labels[part]) for part in (slice(count), slice(count, None))
    )
    return first, second


@pytest.mark.parametrize("classes", [False, True])
def test_single_tokens_have_factors(classes: bool) -> None:
    known, later = rated(110, classes=classes)
    model = Linear.beside(
        network(output_layer="softmax" if classes else "mean_squared_error", mlp_activation="tanh"), [0, 1], CPU, 3
    )
    assert model is not None
    found = model.fit(known)
    assert model.choice is not None
    assert model.choice.form is not None
    assert model.choice.form.rank >= 1
    measures = training.judge(found, later, CPU)
    if classes:
        assert measures["cross_entropy"] < 0.45
    else:
        assert measures["mean_squared_error"] < 0.3 * later.labels.var()


def test_factors_learn_from_all_pairs() -> None:
    random = np.random.default_rng(5)
    members = random.integers(0, 150, (13_000, 2))
    users, things = random.normal(0, 0.7, (2, 150, 3))
    labels = ((users[members[:, 0]] * things[members[:, 1]]).sum(axis=1) + random.normal(0, 0.5, 13_000)).astype(
        np.float32
    )
    single = texts([[2 * token + 1] for token in range(150)])  # half of the tokens do not occur
    known, later = (
        Pairs((single, single), members[part], labels[part]) for part in (slice(12_000), slice(12_000, None))
    )
    model = Linear.beside(
        network(output_layer="mean_squared_error", mlp_activation="tanh", enc0_vocab_size="300"), [0, 1], CPU, 3
    )
    assert model is not None
    assert model.is_of_tokens(known)
    found = training.judge(model.fit(known), later, CPU)["mean_squared_error"]
    assert found < 0.25 + 0.1 * later.labels.var()  # of 2,048 pairs: 0.25 + 0.8 times it


def test_tied_tables_have_no_factors() -> None:
    """A token would be the same on both sides."""
    known, _ = rated(60, classes=False)
    model = Linear.beside(network(output_layer="mean_squared_error", tied_token_embedding_weight="true"), [0], CPU, 3)
    assert model is not None
    model.fit(known)
    assert model.choice is not None
    assert model.choice.form is None


def test_the_network_says_what_the_factors_say() -> None:
    random = np.random.default_rng(0)
    known, _ = rated(80, classes=False)
    model = Linear.beside(network(output_layer="mean_squared_error"), [0, 1], CPU, 3)
    assert model is not None
    form = factors.Form(2, 1.0)
    model.choice = linear.Choice(starts.GIVEN, (), 1.0, form)
    said = model.fit(known)(batches.batch(known, np.arange(80), CPU)).detach().numpy()[:, 0]
    scaled = (known.labels - known.labels.mean()) / known.labels.std()
    found = factors.fit(known.members, scaled, form, np.random.default_rng([3, 23])).say(known.members)
    assert np.allclose(said, found * known.labels.std() + known.labels.mean(), atol=1e-3)
    assert np.mean((said - known.labels) ** 2) < np.var(random.permutation(known.labels))


def test_an_lstm_counts_tokens_and_convolutions_see_them() -> None:
    sides = [[0, 1, 1, 2], [1], [2, 2, 2], [0, 0, 1, 1]]
    counts = np.array([np.bincount(side, minlength=3) for side in sides])
    counted = plain(network(enc0_network="bilstm"), sides) / starts.COUNTED
    seen = plain(network(enc0_network="hcnn"), sides)
    order = np.argsort(-counts.sum(0), kind="stable")  # the commonest token first
    assert np.allclose(counted[:, :3], counts[:, order], atol=0.05)
    assert np.allclose(seen[:, :3], counts[:, order] > 0)


def test_a_network_has_to_be_better_by_more_than_chance() -> None:
    random = np.random.default_rng(0)
    simpler = random.random(100)
    assert held_out.is_better(simpler - 0.1, simpler)
    assert not held_out.is_better(simpler + random.normal(-0.001, 1, 100) * (np.arange(100) > 50), simpler + 1e-3)
    assert not held_out.is_better(simpler, simpler)


def test_few_pairs_of_a_rare_class_do_not_choose_a_network() -> None:
    classes, simpler = np.repeat([0.0, 1.0], [33, 3]), np.repeat([0.1, 1.5], [33, 3])
    sure = np.repeat([0.001, 1.0], [33, 3])
    assert held_out.is_better(sure, simpler)
    assert not held_out.is_better(sure, simpler, classes)
    assert held_out.is_better(np.repeat(sure, 4), np.repeat(simpler, 4), np.repeat(classes, 4))


def test_each_class_has_its_share_of_the_held_out_pairs() -> None:
    known = drawn(180)
    for seed in range(10):
        known.labels[:] = np.random.default_rng(seed).permutation(np.repeat([0, 1], [168, 12]))
        divided = held_out.divide(known, seed)
        assert divided is not None
        learnt, held = divided
        assert (len(learnt), len(held)) == (144, 36)
        assert held.labels.sum() in (2, 3)
        both = np.concatenate([learnt.members, held.members])
        np.testing.assert_array_equal(np.unique(both[:, 0]), np.arange(180))


def test_losses_that_differ_by_chance_do_not_end_the_search_for_a_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the largest penalties, all predict almost the same."""
    losses = dict(zip(kernels.PENALTIES, [0.6931, 0.6933, 0.6934, 0.69, 0.5, 0.4, 0.45, 0.5, *[9.0] * 5], strict=True))
    asked: list[float] = []

    def descend(begun: np.ndarray, rows: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
        asked.append(min(losses, key=lambda each: abs(each - penalty * len(rows))))
        return begun

    monkeypatch.setattr(kernels, "descend", descend)
    monkeypatch.setattr(kernels, "_loss", lambda *_: losses[asked[-1]])
    random = np.random.default_rng(0)
    kernel = Kernel.of({"x": random.normal(size=(50, 3))})
    assert kernels.likely_penalty(kernel, np.eye(2)[random.integers(0, 2, 50)], random) == kernels.PENALTIES[5]
    assert set(asked) == set(kernels.PENALTIES[:8])


def test_the_model_is_the_same_again() -> None:
    known = drawn(60)
    one, other = (Linear.beside(network(), [0, 1], CPU, 3) for _ in range(2))
    assert one is not None
    assert other is not None
    first, second = one.fit(known).state_dict(), other.fit(known).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert training.judge(one.fit(known), known, CPU)["cross_entropy"] < 0.4


def few(count: int, seed: int, *, ordered: bool = False) -> Rows:
    """Whether a long side has more low tokens than high ones, beside a short side of chance; or which of two tokens comes first."""
    random, rows = np.random.default_rng(seed), []
    for _ in range(count):
        first, second = random.integers(2, 40, 9).tolist(), random.integers(0, 40, 2).tolist()
        label = int(np.mean(np.array(first) < 21) > 0.5)
        if ordered:
            label = int(random.integers(2))
            places = np.sort(random.permutation(9)[:2])
            first[places[0]], first[places[1]] = label, 1 - label
        rows.append({"label": label, "in0": first, "in1": second})
    return rows


def trained(job: Any, run: Any, given: dict[str, str], **channels: Rows) -> dict[str, float]:
    sizes = {"enc0_max_seq_len": "9", "enc0_vocab_size": "40", "enc_dim": "128", "enc0_token_embedding_dim": "64"}
    job.configure({**sizes, **given}, dict.fromkeys(channels, "application/jsonlines"))
    for name, rows in channels.items():
        job.put(name, "pairs.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert run(job, "object2vec") == 0, job.output
    found = {metric.name: re.findall(metric.regex, job.output) for metric in DECLARATION.metrics}
    return {name: float(values[-1]) for name, values in found.items() if values}


@pytest.mark.parametrize(("kind", "most"), [("pooled_embedding", 0.5), ("hcnn", 0.51), ("bilstm", 0.5)])
def test_few_pairs_of_which_one_side_decides_are_learnt(job: Any, run: Any, kind: str, most: float) -> None:
    found = trained(job, run, {"enc0_network": kind, "epochs": "29"}, train=few(160, 0), test=few(300, 1))
    assert "a linear model of what is compared: that one is kept. epochs had no part in it." in job.output
    assert found["test:cross_entropy"] < most  # a constant has 0.69
    assert found["train:baseline_ratio"] < 1


def test_the_kept_model_is_the_one_that_is_measured_last(job: Any, run: Any) -> None:
    found = trained(
        job, run, {"enc0_network": "pooled_embedding"}, train=few(160, 0), validation=few(150, 1), test=few(150, 1)
    )
    assert "that one is kept" in job.output
    assert found["validation:cross_entropy"] == pytest.approx(found["test:cross_entropy"], rel=1e-4)


def test_a_network_that_knows_more_is_kept(job: Any, run: Any) -> None:
    given = {"enc0_network": "bilstm", "epochs": "12"}
    found = trained(job, run, given, train=few(900, 0, ordered=True), test=few(300, 1, ordered=True))
    assert "that one is kept" not in job.output
    assert found["test:cross_entropy"] < 0.3


def test_no_layer_is_new(job: Any, run: Any) -> None:
    """A model of either kind has the tensors of the network."""
    trained(job, run, {"enc0_network": "pooled_embedding"}, train=few(60, 0))
    from sagewright.algorithms.deep import weights

    found = weights.read(Path(job.model) / "object2vec.safetensors")
    document = weights.read_json(Path(job.model) / "object2vec.json")
    expected = Object2VecNetwork(Object2VecSettings.read(document)).state_dict()
    assert {name: each.shape for name, each in found.items()} == {name: each.shape for name, each in expected.items()}
    assert isinstance(Object2VecNetwork(Object2VecSettings.read(document)).perceptron[-1], nn.Linear)
