"""Beam search beside a search of everything, and answers of Seq2Seq's models."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sagewright.algorithms.deep import weights
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.seq2seq import beams
from sagewright.algorithms.seq2seq.declaration import DECLARATION
from sagewright.algorithms.seq2seq.model import DESCRIPTION, WEIGHTS
from sagewright.algorithms.seq2seq.network import Seq2SeqNetwork
from sagewright.algorithms.seq2seq.serving import serve
from sagewright.algorithms.seq2seq.settings import Seq2SeqSettings
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, UNKNOWN
from sagewright.serving.messages import Request

CPU = Device(torch.device("cpu"))
JSON, LINES, RECORDS = "application/json", "application/jsonlines", "application/x-recordio-protobuf"
SMALL = {
    "rnn_num_hidden": "16", "num_embed_source": "8", "num_embed_target": "8", "cnn_num_hidden": "16", "max_seq_len_target": "3",
    "weight_init_type": "uniform",
}  # fmt: skip
CNN = {"encoder_type": "cnn", "decoder_type": "cnn", "num_layers_decoder": "2"}
TRANSFORMER = {"_architecture": "transformer", "num_layers_decoder": "2"}
WORDS = 6
SENTENCES = [[4], [5, 4, 4, 5, 5], [1, 4], [5, 5], [4, 5, 5, 4, 1, 1, 5]]


def network(seed: int, words: int = WORDS, **given: str) -> Seq2SeqNetwork:
    """One that knows nothing, but is sure of it."""
    values = DECLARATION.validate_hyperparameters({**SMALL, **given})
    torch.manual_seed(seed)
    found = Seq2SeqNetwork(Seq2SeqSettings.of(values, words, words)).eval()
    with torch.no_grad():
        for each in found.parameters():
            each.normal_(0, 0.7)
        found.words.bias[END] += words / 10
    return found


def likelihood(found: Seq2SeqNetwork, sentence: list[int], words: list[int]) -> float:
    """The mean log likelihood of words, the last of which is the mark of the end where they end."""
    with torch.no_grad():
        memory, state = found.read(torch.tensor([sentence]), torch.tensor([len(sentence)]))
        vectors, _, _ = found.advance(torch.tensor([[BEGIN, *words[:-1]]]), memory, state)
        likely = torch.log_softmax(found.words(vectors[0]), dim=1)
        return float(likely[torch.arange(len(words)), torch.tensor(words)].mean())


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "given",
    [{}, {"num_layers_decoder": "2", "rnn_cell_type": "gru"}, CNN, TRANSFORMER],
    ids=["rnn", "two", "cnn", "transformer"],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wide_beam_finds_the_best_of_everything(given: dict[str, str], seed: int) -> None:
    """Sentences of up to three words, and what has not ended after four."""
    found = network(seed, **given)
    words = [UNKNOWN, 4, 5]
    everything = [[*list(each), END] for length in range(4) for each in itertools.product(words, repeat=length)]
    everything += [list(each) for each in itertools.product(words, repeat=4)]
    for sentence, said in zip(SENTENCES, beams.translate(found, SENTENCES, 128, CPU), strict=True):
        scores = [likelihood(found, sentence, each) for each in everything]
        best = everything[int(np.argmax(scores))]
        assert said.tokens == [word for word in best if word != END]
        assert said.score == pytest.approx(max(scores), rel=1e-4)
        assert said.weights.shape == (len(best), len(sentence))
        assert np.allclose(said.weights.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("given", [{}, CNN, TRANSFORMER], ids=["rnn", "cnn", "transformer"])
def test_one_hypothesis_is_the_likeliest_word_each_time(given: dict[str, str]) -> None:
    found = network(3, 40, max_seq_len_target="9", **given)
    for sentence, said in zip(SENTENCES, beams.translate(found, SENTENCES, 1, CPU), strict=True):
        words = [BEGIN]
        with torch.no_grad():
            while len(words) < 11 and words[-1] != END:
                memory, state = found.read(torch.tensor([sentence]), torch.tensor([len(sentence)]))
                vectors, _, _ = found.advance(torch.tensor([words]), memory, state)
                scores = found.words(vectors[0, -1])
                scores[[0, BEGIN]] = -torch.inf
                words.append(int(scores.argmax()))
        assert said.tokens == [word for word in words[1:] if word != END]


@pytest.mark.parametrize("size", [2, 5])
def test_sentences_together_are_translated_as_alone(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose search is over leave the others."""
    found = network(8, 30, max_seq_len_target="12")
    monkeypatch.setattr(beams, "TOGETHER", 4)
    together = beams.translate(found, SENTENCES, size, CPU)
    assert len({len(each.tokens) for each in together}) > 1
    for sentence, said in zip(SENTENCES, together, strict=True):
        (alone,) = beams.translate(found, [sentence], size, CPU)
        assert alone.tokens == said.tokens
        assert alone.score == pytest.approx(said.score, rel=1e-4)
        assert np.allclose(alone.weights, said.weights, atol=1e-5)


def test_a_beam_wider_than_the_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert beams.translate(network(0), SENTENCES[:1], 40, CPU)[0].score < 0


VOCABULARY = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, **{f"w{number}": number for number in range(4, 30)}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that knows nothing."""
    found = network(8, 30, max_seq_len_target="12")
    weights.write(tmp_path / WEIGHTS, found.state_dict())
    weights.write_json(tmp_path / DESCRIPTION, found.settings.document())
    for name in ("vocab.src.json", "vocab.trg.json"):
        (tmp_path / name).write_text(json.dumps(VOCABULARY))
    return tmp_path


TEXTS = [" ".join(f"w{word}" if word > 3 else "strange" for word in sentence) for sentence in SENTENCES]


def expected() -> list[str]:
    found = beams.translate(network(8, 30, max_seq_len_target="12"), SENTENCES, 5, CPU)
    names = {number: word for word, number in VOCABULARY.items()}
    return [" ".join(names[token] for token in each.tokens) for each in found]


def records(sentences: list[list[int]]) -> bytes:
    return recordio.write_frames(
        record.encode({"source": Tensor(np.array(each, "<i4"))}, {}) for each in sentences
    )  # fmt: skip


def test_texts_and_numbers_are_translated_in_the_requests_form(folder: Path) -> None:
    invoke = serve(folder)
    answer = invoke(json.dumps({"instances": [{"data": text} for text in TEXTS]}).encode(), JSON, "")
    assert answer.content_type == JSON
    assert json.loads(answer.body)["predictions"] == [{"target": text} for text in expected()]
    answer = invoke("".join(json.dumps({"source": text}) + "\n" for text in TEXTS).encode(), LINES, LINES)
    assert answer.content_type == LINES
    assert [json.loads(line) for line in answer.body.splitlines()] == [{"target": text} for text in expected()]
    answer = invoke(records([[2, *each, 3] for each in SENTENCES]), RECORDS, RECORDS)
    assert answer.content_type == RECORDS
    said = [record.decode(each).features["target"] for each in recordio.read_frames(answer.body, "the answer")]
    assert {each.values.dtype for each in said} == {np.dtype(np.int32)}
    words = [" ".join(f"w{token}" if token > 3 else "<unk>" for token in each.values) for each in said]
    assert words == expected()


def test_the_matrix_of_attention_has_a_row_a_word(folder: Path) -> None:
    instances = [
        {"data": TEXTS[1], "configuration": {"attention_matrix": "true"}},
        {"data": TEXTS[1], "configuration": {"attention_matrix": "false"}},
        {"data": TEXTS[1]},
    ]
    first, *others = json.loads(serve(folder)(json.dumps({"instances": instances}).encode(), JSON, "").body)[
        "predictions"
    ]
    assert [len(row) for row in first["matrix"]] == [len(SENTENCES[1])] * len(first["target"].split())
    assert np.allclose(np.sum(first["matrix"], axis=1), 1, atol=1e-5)
    assert others == [{"target": first["target"]}] * 2


def test_what_has_no_word_is_nothing(folder: Path) -> None:
    invoke = serve(folder)
    body = json.dumps({"instances": [{"data": " "}, {"data": TEXTS[0]}]}).encode()
    assert json.loads(invoke(body, JSON, "").body)["predictions"] == [{"target": ""}, {"target": expected()[0]}]
    (only,) = recordio.read_frames(invoke(records([[]]), RECORDS, "").body, "the answer")
    assert len(record.decode(only).features["target"].values) == 0


@pytest.mark.parametrize(
    ("body", "media", "accept", "status", "text"),
    [
        (b"w4", "text/plain", "", 415, "Content-type text/plain is not supported"),
        (b"{}", JSON, LINES, 406, "answers are application/json, as the request is"),
        (b"{", JSON, "", 400, "the request is not application/json"),
        (b"[1]", JSON, "", 400, 'the request must be {"instances": [...]}'),
        (b'{"instances": []}', JSON, "", 400, "the request contains no instance"),
        (b'{"instances": [{"data": "w4"}, {"data": 3}]}', JSON, "", 400, "instance 1 has no text"),
        (b'{"instances": ["w4"]}', JSON, "", 400, "instance 0 has no text"),
        (b"\n", LINES, "", 400, "the request contains no instance"),
        (b'{"target": "w4"}', LINES, "", 400, "instance 0 has no text"),
        (json.dumps({"source": "w4 " * 5001}).encode(), LINES, "", 400, "instance 0 has 5001 words; the limit is 5000"),
        (b"", RECORDS, "", 400, "the request contains no record"),
        (b"abc", RECORDS, "", 400, "the last RecordIO frame is truncated"),
        (records([[4], [30]]), RECORDS, "", 400, "record 1: source has token 30"),
    ],
)
def test_bad_requests_are_told(folder: Path, body: bytes, media: str, accept: str, status: int, text: str) -> None:
    answer = serve(folder)(body, media, accept)
    assert (answer.status, text in answer.body.decode()) == (status, True), answer.body


def test_requests_that_come_together_are_answered_as_alone(folder: Path) -> None:
    service = serve(folder)
    asked = [
        Request(json.dumps({"instances": [{"data": text} for text in TEXTS[:3]]}).encode(), JSON, ""),
        Request(b"{", JSON, ""),
        Request(json.dumps({"source": TEXTS[4]}).encode(), LINES, ""),
        Request(records(SENTENCES[2:]), RECORDS, ""),
    ]
    for together, one in zip(service.invoke_all(asked), asked, strict=True):
        assert together == service.invoke(one.body, one.content_type, one.accept)


def test_models_that_are_none_are_refused(folder: Path) -> None:
    content = json.loads((folder / DESCRIPTION).read_text())
    for change, said in (
        ({"rnn_num_hidden": 18}, "belongs to another network"),
        ({"encoder_type": "cnn", "cnn_kernel_width_encoder": 3}, "belongs to another network"),
        ({"source_words": 31}, "The vocabularies have 30 and 30 words"),
        ({"encoder_type": "lstm"}, "none of Seq2Seq's: encoder_type"),
        ({"rnn_num_hidden": "16"}, "none of Seq2Seq's: rnn_num_hidden"),
        ({"num_layers_decoder": 10**6}, "none of Seq2Seq's: its layers"),
        ({"num_embed_source": 0}, "none of Seq2Seq's: its sizes"),
        ({"embed_dropout_source": 2}, "none of Seq2Seq's: embed_dropout_source"),
        ({"more": 1}, "none of Seq2Seq's"),
    ):
        (folder / DESCRIPTION).write_text(json.dumps({**content, **change}))
        with pytest.raises(UserError, match=said):
            serve(folder)
    (folder / DESCRIPTION).write_text(json.dumps(content))
    (folder / "vocab.trg.json").unlink()
    with pytest.raises(UserError, match=r"a file vocab\.trg\.json is expected"):
        serve(folder)
    (folder / WEIGHTS).write_bytes((0x112).to_bytes(8, "little") + b"\0" * 64)
    with pytest.raises(UserError, match="a model that was trained by the algorithm on AWS can't be read"):
        serve(folder)
