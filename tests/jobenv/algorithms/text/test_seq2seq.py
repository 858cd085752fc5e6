"""Seq2Seq: pairs and vocabularies and their faults, attention, encoders and decoders, trainings, checkpoints."""

from __future__ import annotations

import json
import math
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.seq2seq import attention, network, schedule
from sagewright.algorithms.seq2seq.attention import ATTENTIONS, Memory
from sagewright.algorithms.seq2seq.bleu import bleu
from sagewright.algorithms.seq2seq.declaration import DECLARATION
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.pace import Pace
from sagewright.algorithms.seq2seq.sentences import Sentences, bare
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.training import Tally
from sagewright.algorithms.sequences import Texts

CPU = Device(torch.device("cpu"))
RECORDS = "application/x-recordio-protobuf"
CHANNELS = {"train": RECORDS, "validation": RECORDS, "vocab": "application/json"}
WORDS = 12
SMALL = {
    "rnn_num_hidden": "32", "num_embed_source": "16", "num_embed_target": "16", "cnn_num_hidden": "32", "batch_size": "32",
    "learning_rate": "0.01", "checkpoint_frequency_num_batches": "25", "max_num_epochs": "6", "max_seq_len_source": "8",
    "max_seq_len_target": "8", "checkpoint_threshold": "4",
}  # fmt: skip
Pairs = list[tuple[list[int], list[int]]]


def reversed_words(count: int, seed: int = 0, longest: int = 5) -> Pairs:
    """Words 4 to 11, and the same ones backwards."""
    random = np.random.default_rng(seed)
    found = [random.integers(4, WORDS, random.integers(1, longest + 1)).tolist() for _ in range(count)]
    return [(words, words[::-1]) for words in found]


def records(pairs: Pairs) -> bytes:
    def tensor(tokens: list[int]) -> Tensor:
        return Tensor(np.array(tokens, "<i4"))

    return recordio.write_frames(
        record.encode({"source": tensor(source), "target": tensor(target)}, {}) for source, target in pairs
    )


def vocabulary(size: int = WORDS, **changes: Any) -> bytes:
    special = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3}
    return json.dumps({**special, **{f"w{number}": number for number in range(4, size)}, **changes}).encode()


def prepare(job: Any, hyperparameters: dict[str, str], train: Pairs, validation: Pairs | None = None) -> Any:
    job.configure(hyperparameters, CHANNELS)
    job.put("train", "train.rec", records(train))
    job.put("validation", "val.rec", records(train if validation is None else validation))
    job.put("vocab", "vocab.src.json", vocabulary())
    job.put("vocab", "vocab.trg.json", vocabulary())
    return job


def measured(log: str, name: str) -> list[float]:
    """The values of a metric by the declared expression, as the platform reads them."""
    expression = next(metric.regex for metric in DECLARATION.metrics if metric.name == name)
    return [float(each) for each in re.findall(expression, log.replace("\t", "#011"))]


def settings(**given: str) -> Seq2SeqSettings:
    return Seq2SeqSettings.of(DECLARATION.validate_hyperparameters({**SMALL, **given}), WORDS, WORDS)


KINDS = [
    {},
    {"rnn_cell_type": "gru", "rnn_attention_type": "dot", "num_layers_encoder": "2", "num_layers_decoder": "2"},
    {"rnn_attention_type": "bilinear", "num_layers_decoder": "3", "rnn_residual_connections": "true",
     "rnn_attention_in_upper_layers": "false", "rnn_decoder_state_init": "avg"},
    {"rnn_attention_type": "fixed", "rnn_decoder_state_init": "zero", "num_layers_decoder": "2", "num_layers_encoder": "3",
     "rnn_residual_connections": "true"},
    {"encoder_type": "cnn", "decoder_type": "cnn", "num_layers_encoder": "2", "num_layers_decoder": "2"},
    {"encoder_type": "cnn", "rnn_attention_num_hidden": "7", "cnn_num_hidden": "20", "cnn_kernel_width_encoder": "4"},
    {"decoder_type": "cnn", "cnn_num_hidden": "20", "cnn_kernel_width_decoder": "1", "cnn_activation_type": "softrelu"},
    {"_architecture": "transformer", "num_layers_encoder": "2", "num_layers_decoder": "2", "rnn_num_hidden": "128"},
]  # fmt: skip
EACH = pytest.mark.parametrize(
    "given", KINDS, ids=["mlp", "dot", "bilinear", "fixed", "cnn", "cnn-rnn", "rnn-cnn", "transformer"]
)


def texts(sentences: list[list[int]]) -> Texts:
    tokens = np.array([token for each in sentences for token in each], np.int32)
    return Texts(tokens, np.cumsum([0, *map(len, sentences)]))


def known(pairs: Pairs) -> Sentences:
    return Sentences(texts([source for source, _ in pairs]), texts([target for _, target in pairs]))


@EACH
def test_a_sentence_is_read_and_written_the_same_whatever_is_beside_it(given: dict[str, str]) -> None:
    torch.manual_seed(0)
    found = Seq2SeqNetwork(settings(**given)).eval()
    pairs = known(reversed_words(6, 3))
    whole = network.batch(pairs, np.arange(6), CPU)
    scores = found(whole).split(whole.is_word.sum(dim=1).tolist())
    for number in range(6):
        alone = found(network.batch(pairs, np.array([number]), CPU))
        assert torch.allclose(scores[number], alone, atol=1e-5)


@EACH
def test_word_by_word_is_all_at_once(given: dict[str, str]) -> None:
    """Which also says that no step sees a word that comes later."""
    torch.manual_seed(0)
    found = Seq2SeqNetwork(settings(**given)).eval()
    batch = network.batch(known(reversed_words(3, 5)), np.arange(3), CPU)
    memory, state = found.read(batch.source, batch.lengths)
    whole, weights, _ = found.advance(batch.before, memory, state)
    for step in range(batch.before.shape[1]):
        vectors, looked, state = found.advance(batch.before[:, step : step + 1], memory, state)
        assert torch.allclose(vectors[:, 0], whole[:, step], atol=1e-5)
        assert torch.allclose(looked[:, 0], weights[:, step], atol=1e-5)
    assert torch.allclose(weights.sum(dim=2), torch.ones(weights.shape[:2]), atol=1e-5)
    assert not weights.transpose(1, 2)[~memory.there].any()


@pytest.mark.parametrize("name", ATTENTIONS)
def test_weights_of_attention(name: str) -> None:
    """Beside loops that say what each kind is."""
    torch.manual_seed(0)
    layer = ATTENTIONS[name](4, 6 if name != "fixed" else 4, 5)
    there = torch.tensor([[True, True, True], [True, True, False]])
    memory = layer.prepare(Memory(torch.randn(2, 3, 4), there, torch.randn(2, 4)))
    queries = torch.randn(2, 2, 6 if name != "fixed" else 4)
    seen, weights = layer(queries, memory)
    for row, length in enumerate((3, 2)):
        for step in range(2):
            values, query = memory.values[row, :length], queries[row, step]
            if name == "fixed":
                assert torch.equal(seen[row, step], memory.last[row])
                assert weights[row, step].tolist() == [float(place == length - 1) for place in range(3)]
                continue
            if name == "mlp":
                scores = [layer.score(torch.tanh(layer.query(query) + layer.key(value)))[0] for value in values]
            else:
                scores = [query @ layer.key(value) for value in values]
            expected = torch.softmax(torch.stack(scores), 0)
            assert torch.allclose(weights[row, step, :length], expected, atol=1e-6)
            assert torch.allclose(seen[row, step], expected @ values, atol=1e-6)


def test_dot_attention_has_no_weights_where_sizes_are_equal() -> None:
    assert list(ATTENTIONS["dot"](4, 4, 0).parameters()) == []


def test_what_attention_works_out_again_has_the_same_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for most in (1 << 24, 60):
        monkeypatch.setattr(attention, "AT_ONCE", most)
        torch.manual_seed(0)
        layer = ATTENTIONS["mlp"](4, 6, 5)
        memory = Memory(torch.randn(2, 3, 4, requires_grad=True), torch.ones(2, 3, dtype=torch.bool), torch.randn(2, 4))
        queries = torch.randn(2, 7, 6, requires_grad=True)
        layer(queries, layer.prepare(memory))[0].square().sum().backward()
        found.append([queries.grad, memory.values.grad, *(each.grad for each in layer.parameters())])
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*found, strict=True) if one is not None)


def test_the_encoder_is_torchs_layers() -> None:
    torch.manual_seed(0)
    found = Seq2SeqNetwork(settings(num_layers_encoder="2", rnn_residual_connections="true")).eval()
    tokens = torch.tensor([[5, 6, 7]])
    memory, _ = found.read(tokens, torch.tensor([3]))
    first, (ended, _) = found.encoder.first(found.source(tokens))
    expected = found.encoder.others[0](first)[0] + first
    assert torch.allclose(memory.values, expected, atol=1e-6)
    assert torch.allclose(memory.last, expected[:, -1], atol=1e-6)
    assert ended.shape == (2, 1, 16)


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"weight_init_type": "uniform", "weight_init_scale": "0.1"}, lambda weight: 0.1),
        ({}, lambda weight: (2.34 / weight[0].numel()) ** 0.5),
        ({"xavier_factor_type": "out"}, lambda weight: (2.34 / (weight.numel() / weight.shape[1])) ** 0.5),
        (
            {"xavier_factor_type": "avg", "weight_init_scale": "3"},
            lambda weight: (6 / (weight[0].numel() + weight.numel() / weight.shape[1])) ** 0.5,
        ),
    ],
)
def test_weights_before_training(given: dict[str, str], bounds: Any) -> None:
    torch.manual_seed(0)
    found = Seq2SeqNetwork(settings(**given, encoder_type="cnn"))
    network.begin_weights(found, DECLARATION.validate_hyperparameters({**SMALL, **given}))
    for weight in found.parameters():
        most = float(weight.detach().abs().max())
        if weight.dim() < 2:
            assert most == 0
        else:
            assert 0.8 * bounds(weight) < most <= bounds(weight) * 1.0001


def test_marks_and_filling_are_taken_off() -> None:
    assert bare(np.array([2, 5, 6, 3, 0, 0])).tolist() == [5, 6]
    assert bare(np.array([5, 0, 6])).tolist() == [5, 0, 6]
    assert bare(np.array([2, 3])).tolist() == bare(np.array([], np.int32)).tolist() == []


FAULTS: list[tuple[bytes, str]] = [
    (records([([5], [6])])[:-3], "the last RecordIO frame is truncated"),
    (b"no such thing here", "no RecordIO magic number"),
    (recordio.write_frames([b"\xff\xff"]), "record 0: a RecordIO frame holds no aialgs.data.Record"),
    (recordio.write_frames([record.encode({"source": Tensor(np.array([4], "<i4"))}, {})]),
     "record 0: it has no feature target, only source"),
    (recordio.write_frames([record.encode({name: Tensor(np.array([4], "<f4")) for name in ("source", "target")}, {})]),
     "record 0: source must be of int32, not float32"),
    (records([([5], [6]), ([5], [12])]), "record 1: target has token 12; the vocabulary's are from 0 to 11"),
    (records([([-1], [6])]), "record 0: source has token -1"),
    (records([([4] * 9, [6]), ([], [6]), ([4], [2, 3])]), "No data in channel train: it needs at least one pair"),
    (b"", "No data in channel train"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), FAULTS, ids=range(len(FAULTS)))
def test_bad_pairs_are_told_with_file_record_and_fault(job: Any, run: Any, content: bytes, said: str) -> None:
    prepare(job, SMALL, reversed_words(4))
    job.put("train", "train.rec", content)
    assert run(job, "seq2seq") == 2, job.output
    assert said in job.failure


def test_pairs_that_are_too_long_are_left_out(job: Any, run: Any) -> None:
    pairs = [*reversed_words(40), ([4] * 9, [4]), ([4], [4] * 9)]
    assert run(prepare(job, {**SMALL, "max_num_epochs": "1"}, pairs), "seq2seq") == 0, job.output
    assert "Channel train: 2 pairs are left out" in job.output


VOCABULARIES: list[tuple[bytes, str]] = [
    (b"{", "vocab.trg.json is not JSON"),
    (b"[1]", "vocab.trg.json must be a JSON object"),
    (vocabulary(a="1"), "vocab.trg.json must be a JSON object of words and their whole numbers"),
    (vocabulary(a=True), "vocab.trg.json must be a JSON object of words and their whole numbers"),
    (vocabulary(a=4), "vocab.trg.json: each word must have a unique number"),
    (vocabulary(a=-4), "vocab.trg.json: each word must have a unique number, 0 or more"),
    (json.dumps({"a": 0}).encode(), "vocab.trg.json: <pad> must have number 0, not None"),
    (vocabulary(**{"</s>": 20}), "vocab.trg.json: </s> must have number 3, not 20"),
    (vocabulary(a=10**9), "vocab.trg.json: number 1000000000 is beyond 9999999"),
]


@pytest.mark.parametrize(("content", "said"), VOCABULARIES, ids=range(len(VOCABULARIES)))
def test_bad_vocabularies_are_told(job: Any, run: Any, content: bytes, said: str) -> None:
    prepare(job, SMALL, reversed_words(4))
    job.put("vocab", "vocab.trg.json", content)
    assert run(job, "seq2seq") == 2, job.output
    assert said in job.failure


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_is_required(job: Any, run: Any, channel: str) -> None:
    prepare(job, SMALL, reversed_words(4))
    job.configure(SMALL, {name: media for name, media in CHANNELS.items() if name != channel})
    assert run(job, "seq2seq") == 2
    assert f"Missing required channel: {channel}" in job.failure


def test_a_vocabulary_that_is_missing_is_told(job: Any, run: Any) -> None:
    prepare(job, SMALL, reversed_words(4))
    (job.channel("vocab") / "vocab.trg.json").rename(job.channel("vocab") / "other.json")
    assert run(job, "seq2seq") == 2
    assert "Channel vocab has no file vocab.trg.json, only other.json, vocab.src.json" in job.failure


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rnn_num_hidden": "33"}, "rnn_num_hidden"),
        ({"min_num_epochs": "7"}, "min_num_epochs is 7, and max_num_epochs is 6"),
        ({"max_num_batches": "0"}, "max_num_batches is 0"),
    ],
)
def test_what_does_not_go_together_is_named(job: Any, run: Any, given: dict[str, str], said: str) -> None:
    assert run(prepare(job, {**SMALL, **given}, reversed_words(4)), "seq2seq") == 2
    assert said in job.failure


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "given",
    [
        KINDS[0],
        {**KINDS[1], "max_num_epochs": "10"},
        {**KINDS[4], "learning_rate": "0.003", "max_num_epochs": "10"},
        {**KINDS[7], "learning_rate": "0.001", "rnn_num_hidden": "64", "max_num_epochs": "10"},
    ],
    ids=["mlp", "dot", "cnn", "transformer"],
)
def test_it_learns_to_turn_sentences_around(job: Any, run: Any, given: dict[str, str]) -> None:
    given = {**SMALL, "bleu_sample_size": "50", **given}
    pairs = reversed_words(1600)
    assert run(prepare(job, given, pairs, reversed_words(100, 1)), "seq2seq") == 0, job.output
    assert max(measured(job.output, "validation:accuracy")) > 0.9
    assert min(measured(job.output, "validation:perplexity")) < 1.5
    assert max(measured(job.output, "validation:bleu")) > 0.75
    assert sorted(path.name for path in job.model.iterdir()) == [
        "config.json",
        "params.best",
        "vocab.src.json",
        "vocab.trg.json",
    ]


def test_looks_and_their_end(job: Any, run: Any) -> None:
    """70 mini-batches, a look after each 25 and at the end; the training metric is what is asked for."""
    given = {**SMALL, "max_num_batches": "70", "training_metric": "accuracy", "bucketing_enabled": "false"}
    del given["max_num_epochs"]
    assert run(prepare(job, given, reversed_words(320)), "seq2seq") == 0, job.output
    assert len(measured(job.output, "validation:perplexity")) == len(measured(job.output, "train:accuracy")) == 3
    assert measured(job.output, "train:perplexity") == measured(job.output, "validation:bleu") == []


@pytest.mark.parametrize(("metric", "best"), [("perplexity", min), ("accuracy", max), ("bleu", max)])
def test_it_ends_when_validation_gets_no_better(job: Any, run: Any, metric: str, best: Any) -> None:
    given = {
        **SMALL, "optimized_metric": metric, "checkpoint_frequency_num_batches": "4", "checkpoint_threshold": "2",
        "max_num_epochs": "300", "learning_rate": "0.05",
    }  # fmt: skip
    random = np.random.default_rng(0)
    noise = [(source, random.integers(4, WORDS, 3).tolist()) for source, _ in reversed_words(60)]
    assert run(prepare(job, given, noise, noise[:10]), "seq2seq") == 0, job.output
    *said, last = measured(job.output, f"validation:{metric}")  # at the end the kept model's again
    assert "Training stops early" in job.output
    assert said.index(best(said)) == len(said) - 3 or metric != "perplexity"
    assert last == best(said) or metric != "perplexity"


def paced(count: int, **given: str) -> Pace:
    """The pace of a training on `count` pairs."""
    values = DECLARATION.validate_hyperparameters(given)
    sizes = Seq2SeqSettings.of(values, WORDS, WORDS)
    return Pace.of(values, DECLARATION.chosen(given), sizes, known(reversed_words(count)))


def test_the_least_number_of_epochs_is_done() -> None:
    pace = paced(320, **{**SMALL, "max_num_epochs": "6", "min_num_epochs": "3", "max_num_batches": "1000"})
    assert pace == Pace(rate=0.01, batch=32, epoch=10, between=25, all=60, least=2)
    assert pace.looks == 3
    assert paced(320).looks > 1e6


def test_few_pairs_have_many_mini_batches_and_are_measured_often() -> None:
    few = paced(400)
    assert (few.batch, few.epoch, few.between) == (16, 25, 100)
    assert (few.rate, paced(400, learning_rate="0.01").rate) == (0.0003, 0.01)
    assert paced(1000).batch == 40
    many = paced(64 * 130)
    assert (many.batch, many.epoch, many.between) == (64, 130, 130)
    assert paced(400, batch_size="128").batch == 128
    assert paced(400, checkpoint_frequency_num_batches="7").between == 7
    assert paced(400, lr_scheduler_type="fixed_rate_inv_t").between == 1000  # its half-life is counted in these


def test_narrow_layers_learn_at_a_higher_rate() -> None:
    assert paced(100, rnn_num_hidden="512").rate == pytest.approx(0.0006)
    assert paced(100, rnn_num_hidden="32").rate == pytest.approx(0.003)
    assert paced(100, rnn_num_hidden="2048").rate == pytest.approx(0.0003)
    assert paced(100, rnn_num_hidden="32", optimizer_type="sgd").rate == pytest.approx(0.0003)
    assert paced(100, rnn_num_hidden="32", learning_rate="0.001").rate == pytest.approx(0.001)


def test_few_pairs_are_learnt_with_the_defaults_of_training(job: Any, run: Any) -> None:
    """At AWS's rate, and evaluated at its distance, narrow layers would have learnt next to nothing in so many epochs."""
    given = {"rnn_num_hidden": "64", "num_embed_source": "32", "num_embed_target": "32", "max_num_epochs": "25"}
    assert run(prepare(job, given, reversed_words(400), reversed_words(80, 1)), "seq2seq") == 0, job.output
    assert measured(job.output, "validation:accuracy")[-1] > 0.9
    assert "learning_rate 0.003, batch_size 16, checkpoint_frequency_num_batches 100" in job.output


def test_rates_go_on_as_they_should() -> None:
    def factors(**given: str) -> Any:
        return schedule.build(DECLARATION.validate_hyperparameters({"checkpoint_frequency_num_batches": "10", **given}))

    assert factors(lr_scheduler_type="fixed_rate_inv_t", fixed_rate_lr_half_life="3")(30) == pytest.approx(0.5)
    assert factors(lr_scheduler_type="fixed_rate_inv_sqrt_t", fixed_rate_lr_half_life="3")(30) == pytest.approx(0.5)
    assert factors(lr_scheduler_type="fixed_rate_inv_t", fixed_rate_lr_half_life="3")(0) == 1
    plateau = factors(plateau_reduce_lr_factor="0.3", plateau_reduce_lr_threshold="2")
    seen = []
    for measure in (5, 4, 4, 4, 3, 3, 3):
        plateau.tell(measure)
        seen.append(plateau(0))
    assert seen == pytest.approx([1, 1, 1, 0.3, 0.3, 0.3, 0.09])


def test_slopes_are_cut(job: Any, run: Any, make_job: Any) -> None:
    """By sgd no number moves further than the cut slope times the rate."""
    given = {**SMALL, "optimizer_type": "sgd", "clip_gradient": "0.001", "learning_rate": "1", "max_num_batches": "1"}
    from sagewright.algorithms.deep import weights

    found = []
    for name, more in (("cut", {}), ("none", {"clip_gradient": "-1"}), ("still", {"learning_rate": "1e-30"})):
        one = prepare(make_job(name), {**given, **more}, reversed_words(64))
        assert run(one, "seq2seq") == 0, one.output
        found.append(weights.read(one.model / "params.best"))
    inner = [
        key for key in found[0] if not key.startswith("words.")
    ]  # that layer is moved towards the words' frequencies
    moved = [max(float((each[key] - found[2][key]).abs().max()) for key in inner) for each in found[:2]]
    assert moved[0] == pytest.approx(0.001, rel=1e-3)
    assert moved[1] > 0.002


def test_measures_of_words() -> None:
    tally = Tally()
    scores = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]))
    words = torch.tensor([0, 1])
    tally.add(scores, words, nn.functional.cross_entropy(scores, words))
    assert tally.means() == {"perplexity": pytest.approx(4.0), "accuracy": 0.5}


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ([[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5]], 1.0),
        ([[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], math.exp(1 - 5 / 4)),
        ([[1, 2, 3, 4, 9, 5]], [[1, 2, 3, 4, 5]], (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25),
        ([[1, 1, 1, 1, 1]], [[1, 2, 3, 4, 5]], 0.0),
        ([[]], [[1]], 0.0),
        ([[1, 2, 3, 4], [7, 8, 9]], [[1, 2, 3, 4], [7, 8, 5]], (6 / 7 * 4 / 5 * 2 / 3 * 1) ** 0.25),
    ],
)
def test_bleu(said: Any, true: Any, expected: float) -> None:
    assert bleu(said, true) == pytest.approx(expected)


@pytest.mark.sampled(1, of="a deep training that was killed")
def test_a_training_that_was_killed_goes_on_to_the_same_model(make_job: Any, run: Any) -> None:
    """Killed after its second look, of twelve, it ends with the very bytes of one that nothing happened to."""
    given = {
        **SMALL, "checkpoint_frequency_num_batches": "15", "max_num_batches": "180", "embed_dropout_source": "0.1",
        "plateau_reduce_lr_threshold": "1", "checkpoint_threshold": "50", "learning_rate": "0.03",
    }  # fmt: skip
    del given["max_num_epochs"]
    models = []
    for name in ("whole", "broken"):
        job = prepare(make_job(name), given, reversed_words(300), reversed_words(30, 1))
        job.configure(given, CHANNELS, checkpoints=True)
        if name == "broken":
            process = job.start("seq2seq", OMP_NUM_THREADS="1")
            _wait_for(job.root / "checkpoints" / "checkpoint-0002.safetensors", process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not job.model.exists() or not list(job.model.iterdir())
        assert run(job, "seq2seq") == 0, job.output
        assert ("Training continues from checkpoint" in job.output) == (name == "broken")
        models.append({path.name: path.read_bytes() for path in job.model.iterdir()})
    assert models[0] == models[1]


def _wait_for(path: Path, process: Any) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
