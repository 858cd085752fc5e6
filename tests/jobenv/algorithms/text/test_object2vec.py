"""Object2Vec: pairs and their faults, the encoders, steps by rows, trainings, checkpoints."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sagewright.algorithms import sequences
from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training import optimizers
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.deep.training.optimizers import Settings
from sagewright.algorithms.object2vec import batches, rows
from sagewright.algorithms.object2vec.batches import MadeUp
from sagewright.algorithms.object2vec.declaration import DECLARATION, OPTIMIZERS
from sagewright.algorithms.object2vec.encoders import ENCODERS, Side, TokenVectors
from sagewright.algorithms.object2vec.network import Object2VecNetwork
from sagewright.algorithms.object2vec.pairs import Collection, Pairs
from sagewright.algorithms.object2vec.settings import Object2VecSettings
from sagewright.algorithms.sequences import Texts

CPU = Device(torch.device("cpu"))
LINES = "application/jsonlines"
SMALL = {
    "enc0_max_seq_len": "8", "enc0_vocab_size": "30", "enc0_token_embedding_dim": "8", "enc_dim": "8", "mlp_dim": "8",
    "epochs": "4", "enc0_network": "pooled_embedding", "learning_rate": "0.02", "mini_batch_size": "40",
}  # fmt: skip
Rows = list[dict[str, Any]]


def alike(count: int, seed: int = 0) -> Rows:
    """Pairs of sequences of the tokens 0 to 9, 10 to 19 or 20 to 29: label 1 where both are of the same."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        first, second = random.integers(0, 3, 2)
        if random.random() < 0.4:
            second = first
        in0, in1 = (
            (10 * topic + random.integers(0, 10, random.integers(1, 9))).tolist() for topic in (first, second)
        )  # fmt: skip
        found.append({"label": int(first == second), "in0": in0, "in1": in1})
    return found


def written(pairs: Rows) -> bytes:
    return "".join(json.dumps(pair) + "\n" for pair in pairs).encode()


def prepare(job: Any, hyperparameters: dict[str, str], **channels: Rows) -> Any:
    job.configure(hyperparameters, dict.fromkeys(channels, LINES))
    for name, pairs in channels.items():
        job.put(name, "pairs.jsonl", written(pairs))
    return job


def measured(log: str, name: str) -> list[float]:
    """The values of a metric by the declared expression."""
    import re

    expression = next(metric.regex for metric in DECLARATION.metrics if metric.name == name)
    return [float(each) for each in re.findall(expression, log)]


def settings(**given: str) -> Object2VecSettings:
    return Object2VecSettings.of(DECLARATION.validate_hyperparameters({**SMALL, **given}))


FAULTS = [
    ("{", "line 2: it is not JSON"),
    ("[1]", 'line 2: it is not an object with "label", "in0" and "in1"'),
    ('{"label": 1, "in0": [1]}', "line 2: it has no in1"),
    ('{"in0": [1], "in1": [1]}', "line 2: it has no label"),
    ('{"label": 1, "in0": 3, "in1": [1]}', "line 2: in0 must be a list of tokens, not 3"),
    ('{"label": 1, "in0": [], "in1": [1]}', "line 2: in0 is empty"),
    ('{"label": 1, "in0": [1], "in1": [1, 2.5]}', "line 2: in1 has 2.5: tokens are whole numbers"),
    ('{"label": 1, "in0": [true], "in1": [1]}', "line 2: in0 has True"),
    ('{"label": 1, "in0": [[1]], "in1": [1]}', "line 2: in0 has [1]"),
    ('{"label": 1, "in0": [30], "in1": [1]}', "line 2: in0 has token 30: tokens are from 0 to 29"),
    ('{"label": 1, "in0": [-1], "in1": [1]}', "line 2: in0 has token -1: tokens are from 0 to 29"),
    ('{"label": 1, "in0": [99999999999999999999], "in1": [1]}', "line 2: in0 has token 99999999999999999999"),
    ('{"label": 2, "in0": [1], "in1": [1]}', "line 2: label 2 must be a whole number from 0 to 1 (num_classes 2)"),
    ('{"label": 0.5, "in0": [1], "in1": [1]}', "line 2: label 0.5 must be a whole number"),
    ('{"label": "1", "in0": [1], "in1": [1]}', "line 2: label must be a number, not '1'"),
    ('{"label": NaN, "in0": [1], "in1": [1]}', "line 2: label must be a number, not nan"),
    ('{"label": true, "in0": [1], "in1": [1]}', "line 2: label must be a number, not True"),
    ("[" * 100_000, "line 2: it is not JSON"),
]


@pytest.mark.parametrize(("line", "said"), FAULTS, ids=range(len(FAULTS)))
def test_a_bad_pair_is_told_with_file_line_and_fault(job: Any, run: Any, line: str, said: str) -> None:
    prepare(job, SMALL, train=alike(1))
    job.put("train", "pairs.jsonl", written(alike(1)) + line.encode() + b"\n")
    assert run(job, "object2vec") == 2
    assert f"Channel train, file pairs.jsonl, {said}" in job.failure


def test_faults_of_other_channels_name_them(job: Any, run: Any) -> None:
    prepare(job, SMALL, train=alike(5), validation=[{"label": 9, "in0": [1], "in1": [1]}])
    assert run(job, "object2vec") == 2
    assert "Channel validation, file pairs.jsonl, line 1: label 9" in job.failure


def test_a_line_without_an_end_is_not_read_into_memory(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.object2vec.pairs.MOST_LINE_BYTES", 1000)
    prepare(job, SMALL, train=[{"label": 1, "in0": [1] * 400, "in1": [1]}])
    assert run(job, "object2vec") == 2
    assert "line 1: it is longer than 1000 bytes" in job.failure


def test_more_pairs_than_memory_are_refused(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.algorithms.firstparty.rows.memory.for_rows", lambda: 5000)
    prepare(job, SMALL, train=alike(100))
    assert run(job, "object2vec") == 2
    assert "no more pairs fit in the job's memory" in job.failure


def test_several_instances_are_refused(job: Any, run: Any) -> None:
    job.configure(SMALL, {"train": LINES}, hosts=("algo-1", "algo-2"))
    assert run(job, "object2vec") == 2
    assert "InstanceCount must be 1" in job.failure


def test_sequences_are_kept_once_and_cut() -> None:
    side = Collection("in0", 10, 3)
    assert [side.add(tokens) for tokens in ([1, 2], [3], [1, 2], [3, 4, 5, 6], [3, 4, 5])] == [0, 1, 0, 2, 2]
    texts = side.texts()
    assert (texts.tokens.tolist(), texts.lengths.tolist(), side.cut) == ([1, 2, 3, 3, 4, 5], [2, 1, 3], 1)
    tokens, lengths = texts.take(np.array([2, 0, 2]))
    assert (tokens.tolist(), lengths.tolist()) == ([3, 4, 5, 1, 2, 3, 4, 5], [3, 2, 3])


def test_long_sequences_are_worked_on_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what a request or a validation asks for never takes more memory than a training of them."""
    monkeypatch.setattr(sequences, "MOST_TOKENS", 20)
    lengths = np.array([3, 50, 1, 9, 2, 11, 2, 10])
    found = list(sequences.parts(lengths, 3))
    assert [lengths[part].tolist() for part in found] == [[1, 2, 2], [3, 9], [10], [11], [50]]
    assert sorted(np.concatenate(found).tolist()) == list(range(8))
    assert list(sequences.parts(np.zeros(0, np.int64), 3)) == []


def texts_of(lengths: list[int]) -> Texts:
    random = np.random.default_rng(0)
    return Texts(random.integers(0, 30, sum(lengths)).astype(np.int32), np.cumsum([0, *lengths]))


def pairs_of(lengths: list[tuple[int, int]]) -> Pairs:
    first, second = (texts_of([pair[number] for pair in lengths]) for number in (0, 1))
    count = len(lengths)
    return Pairs((first, second), np.column_stack([np.arange(count)] * 2), np.zeros(count, np.float32))


@pytest.mark.parametrize("width", [0, 1, 3])
def test_batches_hold_every_pair_once_and_like_lengths_together(width: int) -> None:
    random = np.random.default_rng(1)
    pairs = pairs_of([tuple(random.integers(1, 9, 2).tolist()) for _ in range(200)])
    order = batches.order(pairs, 16, width, np.random.default_rng(2))
    assert sorted(np.concatenate(order).tolist()) == list(range(200))
    assert max(map(len, order)) <= 16
    assert len(order) == 13 or width
    spread = [
        np.ptp(texts.lengths[pairs.members[each, side]]) for each in order for side, texts in enumerate(pairs.texts)
    ]
    assert max(spread) < width if width else max(spread) > 4


def test_pairs_that_are_made_up_are_none_that_were_given() -> None:
    random = np.random.default_rng(0)
    members = np.unique(random.integers(0, 12, (60, 2)), axis=0)
    labels = (random.random(len(members)) < 0.7).astype(np.float32)
    pairs = Pairs((texts_of([2] * 12), texts_of([2] * 12)), members, labels)
    added = MadeUp(pairs, 3).added(np.random.default_rng(1))
    made = added.members[len(pairs) :]
    assert (added.members[: len(pairs)] == members).all()
    assert (added.labels[len(pairs) :] == 0).all()
    assert not {tuple(each) for each in made.tolist()} & {tuple(each) for each in members.tolist()}
    assert len(made) == 3 * int(labels.sum())
    assert set(made[:, 0]) <= set(members[labels == 1, 0])


def test_nothing_is_made_up_where_every_pair_was_given(caplog: pytest.LogCaptureFixture) -> None:
    members = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    pairs = Pairs((texts_of([2] * 2), texts_of([2] * 2)), members, np.ones(4, np.float32))
    assert len(MadeUp(pairs, 5).added(np.random.default_rng(0))) == 4
    none = Pairs(pairs.texts, members, np.zeros(4, np.float32))
    assert len(MadeUp(none, 5).added(np.random.default_rng(0))) == 4
    assert "no pair has label 1" in caplog.text


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("encoding", [8, 7])
def test_a_sequence_has_the_same_vector_whatever_is_beside_it(name: str, layers: int, encoding: int) -> None:
    torch.manual_seed(0)
    side = settings(enc0_network=name, enc0_layers=str(layers), enc0_token_embedding_dim="5").sides[0]
    encoder, tokens = ENCODERS[name](side, encoding, 0.0), TokenVectors(30, 5, by_rows=False, frozen=False)
    texts = texts_of([3, 1, 8, 2, 5])
    whole = encoder(tokens, batches.side(texts, np.arange(5), CPU))
    assert whole.shape == (5, encoding)
    alone = torch.cat([encoder(tokens, batches.side(texts, np.array([number]), CPU)) for number in range(5)])
    assert torch.allclose(whole, alone, atol=1e-6)


def test_pooled_vectors_are_means() -> None:
    side = settings(enc0_network="pooled_embedding").sides[0]
    encoder, tokens = ENCODERS["pooled_embedding"](side, 8, 0.0), TokenVectors(30, 8, by_rows=False, frozen=False)
    found = encoder(tokens, Side(torch.tensor([3, 4, 4, 9]), torch.tensor([3, 1])))
    expected = torch.stack([(tokens.weight[3] + 2 * tokens.weight[4]) / 3, tokens.weight[9]])
    assert torch.allclose(found, expected)


def test_convolutions_are_maxima_of_each_layer() -> None:
    """Beside torch's own layers on one sequence alone."""
    torch.manual_seed(0)
    side = settings(enc0_network="hcnn", enc0_layers="2", enc0_token_embedding_dim="5").sides[0]
    encoder, tokens = ENCODERS["hcnn"](side, 6, 0.0), TokenVectors(30, 5, by_rows=False, frozen=False)
    values, parts = tokens.weight[torch.tensor([3, 1, 4, 1])].T[None], []
    for layer in encoder.layers:
        values = torch.relu(layer(values))
        parts.append(values.max(dim=2).values)
    found = encoder(tokens, Side(torch.tensor([7, 3, 1, 4, 1]), torch.tensor([1, 4])))
    assert torch.allclose(found[1], torch.cat(parts, dim=1)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("hadamard", [3.0, -8.0]),
        ("abs_diff", [2.0, 6.0]),
        ("concat", [1.0, 4.0, 3.0, -2.0]),
        ("abs_diff, hadamard", [2.0, 6.0, 3.0, -8.0]),
        ("concat,abs_diff,hadamard", [1.0, 4.0, 3.0, -2.0, 2.0, 6.0, 3.0, -8.0]),
    ],
)
def test_what_is_compared(names: str, expected: list[float]) -> None:
    network = Object2VecNetwork(settings(comparator_list=names, mlp_layers="0"))
    network.perceptron = nn.Identity()
    assert network.judge(torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, -2.0]])).tolist() == [expected]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("tied", ["false", "true"])
def test_steps_by_rows_are_those_of_torch_where_every_row_is_used(name: str, tied: str) -> None:
    """Torch's own optimisers on the whole table are the oracle; then a row that isn't used stays."""
    network_settings = settings(tied_token_embedding_weight=tied, mlp_layers="1")
    pairs = pairs_of([(4, 5)] * 40)
    found = []
    for by_rows in (False, True):
        torch.manual_seed(0)
        network = Object2VecNetwork(network_settings, by_rows=by_rows)
        said = Settings(0.01, weight_decay=0.1)
        optimizer = optimizers.build(name, network.named_parameters(), said)
        rows.attach(optimizer, name, list(network.tokens), said)
        for _ in range(3):
            batch = batches.batch(pairs, np.arange(40), CPU)
            assert all(len(side.tokens.unique()) == 30 for side in batch.sides)
            optimizer.zero_grad()
            network.loss(network(batch), batch.labels).backward()
            optimizer.step()
        found.append({key: tensor.clone() for key, tensor in network.state_dict().items()})
        kept = [table.weight.detach().clone() for table in network.tokens]
        batch = batches.batch(pairs, np.array([0]), CPU)
        optimizer.zero_grad()
        network.loss(network(batch), batch.labels).backward()
        optimizer.step()
        if by_rows:
            used = [set(side.tokens.tolist()) for side in batch.sides]
            used = [used[0] | used[1]] if tied == "true" else used
            for before, table, own in zip(kept, network.tokens, used, strict=True):
                moved = (before != table.weight).any(dim=1)
                assert set(torch.nonzero(moved)[:, 0].tolist()) == own
    assert all(torch.allclose(found[0][key], found[1][key], rtol=1e-4, atol=1e-6) for key in found[0])


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "given",
    [
        {"enc0_network": "hcnn", "enc_dim": "32"},
        {"enc0_network": "bilstm", "learning_rate": "0.03"},
        {"enc0_network": "pooled_embedding"},
        {"tied_token_embedding_weight": "true", "token_embedding_storage_type": "row_sparse", "comparator_list": "hadamard"},
        {"enc1_network": "hcnn", "enc1_max_seq_len": "8", "enc1_vocab_size": "30", "bucket_width": "3",
         "enc1_token_embedding_dim": "6"},
    ],
    ids=["hcnn", "bilstm", "pooled", "tied", "two"],
)  # fmt: skip
def test_it_learns_which_pairs_are_alike(job: Any, run: Any, given: dict[str, str]) -> None:
    channels = {"train": alike(600), "validation": alike(150, 1), "test": alike(150, 2)}
    given = {**SMALL, "mlp_activation": "relu", "epochs": "12", "early_stopping_tolerance": "0.001", **given}
    assert run(prepare(job, given, **channels), "object2vec") == 0, job.output
    assert measured(job.output, "test:accuracy")[0] > 0.93
    accuracy = measured(job.output, "validation:accuracy")
    again = (
        "Its measures again" in job.output or "that one is kept" in job.output
    )  # where the last epoch is not what is left
    assert len(accuracy) == len(measured(job.output, "train:cross_entropy")) + again
    assert max(accuracy) > 0.93
    assert sorted(path.name for path in job.model.iterdir()) == ["object2vec.json", "object2vec.safetensors"]


@pytest.mark.sampled(1, of="what Object2Vec learns in a whole training")
@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_encoders_of_sequences_learn_at_the_default_rate(job: Any, run: Any, network: str) -> None:
    """Whether two sequences are of the same of six topics."""
    random = np.random.default_rng(3)
    pairs = []
    for label in random.integers(2, size=1800).tolist():
        first = int(random.integers(6))
        second = first if label else (first + 1 + int(random.integers(5))) % 6
        sides = [(6 * random.integers(20, size=random.integers(5, 10)) + topic).tolist() for topic in (first, second)]
        pairs.append({"label": label, "in0": sides[0], "in1": sides[1]})
    given = {name: value for name, value in SMALL.items() if name != "learning_rate"}
    sizes = {"enc0_max_seq_len": "10", "enc0_vocab_size": "120", "enc0_token_embedding_dim": "32", "enc_dim": "64"}
    given |= {
        **sizes,
        "enc0_network": network,
        "mlp_dim": "32",
        "num_classes": "2",
        "epochs": "8",
        "mini_batch_size": "32",
    }
    assert run(prepare(job, given, train=pairs[:1500], validation=pairs[1500:]), "object2vec") == 0, job.output
    assert max(measured(job.output, "validation:accuracy")) > 0.9


def test_numbers_are_learnt(job: Any, run: Any) -> None:
    """A sum of two tokens' values."""
    random = np.random.default_rng(0)
    value = np.linspace(-2, 2, 30)
    tokens = random.integers(0, 30, (800, 2))
    pairs = [
        {"label": float(value[a] + value[b] + 3), "in0": [a], "in1": [b]} for a, b in tokens.tolist()
    ]  # fmt: skip
    given = {**SMALL, "output_layer": "mean_squared_error", "epochs": "10"}
    assert run(prepare(job, given, train=pairs[:700], test=pairs[700:]), "object2vec") == 0, job.output
    assert measured(job.output, "test:mean_squared_error")[0] < 0.02
    assert measured(job.output, "train:mean_squared_error")[0] > 0.02
    assert not measured(job.output, "test:accuracy")


@pytest.mark.sampled(1, of="what Object2Vec learns in a whole training")
def test_pairs_of_label_1_alone_teach_by_what_is_made_up(job: Any, run: Any) -> None:
    true = [pair for pair in alike(1500) if pair["label"]]
    given = {
        **SMALL, "negative_sampling_rate": "2", "mlp_activation": "relu", "epochs": "10", "tied_token_embedding_weight": "true"
    }  # fmt: skip
    assert run(prepare(job, given, train=true, test=alike(200, 3)), "object2vec") == 0, job.output
    assert measured(job.output, "test:accuracy")[0] > 0.8


def test_early_stopping_keeps_the_best_epoch(job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    noise = [{**pair, "label": int(random.integers(0, 2))} for pair in alike(100)]
    given = {**SMALL, "epochs": "60", "early_stopping_patience": "2", "enc_dim": "32", "enc0_token_embedding_dim": "32"}
    assert (
        run(
            prepare(job, given, train=noise, validation=noise[::-1][:50] + alike(50, 9), test=alike(50, 9)),
            "object2vec",
        )
        == 0
    )
    assert len(measured(job.output, "validation:cross_entropy")) < 60
    assert "Training stops early" in job.output


def test_the_best_epoch_is_what_is_left(job: Any, run: Any) -> None:
    """The channel test is the same as validation: what is measured at the end is the best that was on the way."""
    held = alike(60, 5)
    given = {**SMALL, "epochs": "8", "learning_rate": "0.2"}
    assert run(prepare(job, given, train=alike(60), validation=held, test=held), "object2vec") == 0, job.output
    least = min(measured(job.output, "validation:cross_entropy"))
    assert measured(job.output, "validation:cross_entropy")[-1] == least
    assert measured(job.output, "test:cross_entropy") == [pytest.approx(least, rel=1e-5)]


def vectors(dim: int, tokens: int = 30) -> bytes:
    random = np.random.default_rng(7)
    return (
        f"{tokens} {dim}\n".encode()
        + "".join(
            f"word {number} {' '.join(map(str, random.normal(size=dim).round(3)))}\n" for number in range(tokens)
        ).encode()
    )


AUXILIARY = {**SMALL, "enc0_pretrained_embedding_file": "v.txt", "enc0_vocab_file": "v.json"}


def with_vectors(job: Any, given: dict[str, str], table: bytes, vocabulary: bytes) -> Any:
    prepare(job, given, train=alike(80))
    job.configure(given, {"train": LINES, "auxiliary": "text/plain"})
    job.put("auxiliary", "v.txt", table)
    job.put("auxiliary", "v.json", vocabulary)
    return job


VOCABULARY = json.dumps({f"word {number}": number for number in range(29)}).encode()


@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
def test_vectors_from_elsewhere_are_taken_and_frozen(job: Any, run: Any, storage: str) -> None:
    given = {**AUXILIARY, "weight_decay": "0.1", "token_embedding_storage_type": storage}
    assert run(with_vectors(job, given, vectors(8), VOCABULARY), "object2vec") == 0, job.output
    found = weights.read(job.model / "object2vec.safetensors")
    expected = np.random.default_rng(7).normal(size=(30, 8)).round(3)
    for name in ("tokens.0.weight", "tokens.1.weight"):  # enc1 is as enc0
        assert np.allclose(found[name][:29], expected[:29], atol=1e-6)
        assert not found[name][29].any()
    assert "enc0: 29 of 30 tokens have a vector in v.txt." in job.output


def test_vectors_that_are_not_frozen_move(job: Any, run: Any) -> None:
    given = {**AUXILIARY, "enc0_freeze_pretrained_embedding": "False", "learning_rate": "0.0001"}
    assert run(with_vectors(job, given, vectors(8), VOCABULARY), "object2vec") == 0, job.output
    found = weights.read(job.model / "object2vec.safetensors")["tokens.0.weight"][:29].numpy()
    expected = np.random.default_rng(7).normal(size=(30, 8)).round(3)[:29]
    assert 0 < np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize(
    ("table", "vocabulary", "said"),
    [
        (vectors(8), b"[1]", "v.json must be a JSON object"),
        (vectors(8), b"{", "v.json is not JSON"),
        (vectors(8), b'{"a": 30}', "v.json: token 'a' has number 30; numbers are whole, from 0 to 29"),
        (vectors(8), b'{"a": true}', "v.json: token 'a' has number True"),
        (vectors(5), VOCABULARY, "v.txt, line 2: a token and 8 numbers are expected (token_embedding_dim)"),
        (vectors(8), b'{"a": 1}', "v.txt has a vector of no token of the vocabulary"),
        (b"word 1 1 2 3 4 5 6 7 x\n", VOCABULARY, "v.txt, line 1: could not convert"),
        (b"word 1 1 2 3 4 5 6 7 nan\n", VOCABULARY, "v.txt, line 1: a number is NaN or infinite"),
    ],
)
def test_files_of_vectors_that_are_wrong_are_told(
    job: Any, run: Any, table: bytes, vocabulary: bytes, said: str
) -> None:
    assert run(with_vectors(job, AUXILIARY, table, vocabulary), "object2vec") == 2, job.output
    assert said in job.failure


def test_files_that_are_missing_are_told(job: Any, run: Any) -> None:
    assert run(prepare(job, AUXILIARY, train=alike(5)), "object2vec") == 2
    assert "which the job does not have" in job.failure
    given = {**AUXILIARY, "enc0_vocab_file": "other.json"}
    assert run(with_vectors(job, given, vectors(8), VOCABULARY), "object2vec") == 2
    assert "channel auxiliary has no file other.json, only v.json, v.txt" in job.failure


def test_a_network_that_memory_has_no_room_for_is_refused(job: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEWRIGHT_MEMORY_GB", "0.5")
    given = {**SMALL, "enc0_vocab_size": "3000000", "enc0_token_embedding_dim": "1000"}
    assert run(prepare(job, given, train=alike(5)), "object2vec") == 2
    assert "the network takes" in job.failure


@pytest.mark.sampled(1, of="a deep training that was killed")
def test_a_training_that_was_killed_goes_on_to_the_same_model(make_job: Any, run: Any) -> None:
    """Killed after its second epoch, of six, it ends with the very bytes of one that nothing happened to."""
    given = {
        **SMALL, "epochs": "6", "dropout": "0.2", "negative_sampling_rate": "1", "token_embedding_storage_type": "row_sparse",
        "tied_token_embedding_weight": "true", "early_stopping_tolerance": "0.000001",
    }  # fmt: skip
    channels = {"train": alike(3000), "validation": alike(40, 1)}
    models = []
    for name in ("whole", "broken"):
        job = prepare(make_job(name), given, **channels)
        job.configure(given, dict.fromkeys(channels, LINES), checkpoints=True)
        if name == "broken":
            process = job.start("object2vec", OMP_NUM_THREADS="1")
            _wait_for(job.root / "checkpoints" / "checkpoint-0002.safetensors", process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not job.model.exists() or not list(job.model.iterdir())
        assert run(job, "object2vec") == 0, job.output
        assert ("Training continues from checkpoint" in job.output) == (name == "broken")
        models.append({path.name: path.read_bytes() for path in job.model.iterdir()})
    assert models[0] == models[1]


def _wait_for(path: Path, process: Any) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
