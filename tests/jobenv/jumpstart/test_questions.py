"""Models that answer questions are fine-tuned: windows, what is refused, and a small one that learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers")

from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402

from sagewright_jumpstart.checkpoints import serving, training  # noqa: E402
from sagewright_jumpstart.checkpoints.questions import AnsweredQuestion, divide, read_questions, windows_of  # noqa: E402
from sagewright_jumpstart.errors import InputError  # noqa: E402

HYPERPARAMETERS = {
    "epochs": ("int", 60),
    "batch_size": ("int", 8),
    "learning_rate": ("float", 0.003),
    "warmup_ratio": ("float", 0.1),
    "weight_decay": ("float", 0.01),
    "max_input_length": ("int", 384),
    "validation_split_ratio": ("float", 0),
    "early_stopping": ("text", "False"),
    "early_stopping_patience": ("int", 3),
    "early_stopping_threshold": ("float", 0.0),
    "seed": ("int", 0),
}
MANIFEST = {
    "id": "huggingface-eqa-bert-base-cased",
    "version": "3.0.6",
    "task": "eqa",
    "settings": {},
    "weights": None,
    "hyperparameters": [
        {"name": name, "type": kind, "default": value} for name, (kind, value) in HYPERPARAMETERS.items()
    ],
}
"""The manifest that the catalogue writes next to the weights, with defaults for few rows."""
WORDS = [
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "the",
    "cat",
    "dog",
    "bird",
    "sat",
    "ran",
    "on",
    "a",
    "mat",
    "road",
    "who",
    "where",
]
ROWS = [
    ("who", "the cat sat on a mat", "cat"),
    ("where", "the cat sat on a mat", "mat"),
    ("who", "the dog ran on a road", "dog"),
    ("where", "the dog ran on a road", "road"),
    ("who", "a bird sat on the mat", "bird"),
    ("where", "a bird sat on the mat", "mat"),
]


def tokenizer() -> Any:
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )


def row(question: str, context: str, answer: str) -> AnsweredQuestion:
    start = context.index(answer)
    return AnsweredQuestion("row", question, context, start, start + len(answer))


def test_windows_have_the_answers_tokens() -> None:
    found = windows_of([row("who", "the cat sat on a mat", "cat sat")], tokenizer(), 16)
    ids = found.inputs["input_ids"][0]
    answer = ids[int(found.starts[0]) : int(found.ends[0]) + 1]
    assert [WORDS[index] for index in answer.tolist()] == ["cat", "sat"]


def test_a_long_context_has_windows_that_overlap() -> None:
    context = " ".join(["the dog ran on a road"] * 20 + ["the cat sat"])
    found = windows_of([row("who", context, "cat")], tokenizer(), 32)
    marked = [
        (int(start), int(end), window) for window, (start, end) in enumerate(zip(found.starts, found.ends, strict=True))
    ]
    answered = [each for each in marked if each[0]]
    assert len(found) > 4
    assert len(answered) in {1, 2}
    for start, end, window in answered:
        assert (start, found.inputs["input_ids"][window][start]) == (end, WORDS.index("cat"))
    assert {each[:2] for each in marked if not each[0]} == {(0, 0)}


def test_a_context_is_on_one_side_of_the_split() -> None:
    rows = [row(*each) for each in ROWS]
    kept, held = divide(rows, 0.4, 0)
    assert (len(kept), len(held)) == (4, 2)
    assert not {each.context for each in kept} & {each.context for each in held}
    assert divide(rows[:2], 0.9, 0) == (rows[:2], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("who,the cat,4,99", "row 1: the answer is inside the context's 7 characters, not from 4 to 99"),
        ("who,the cat,4,4", "not from 4 to 4"),
        ("who,the cat,-1,3", "not from -1 to 3"),
        ("who,the cat,a,3", "bounds are integers"),
        ("who,,0,1", "a question and a context"),
        (" ,the cat,0,1", "a question and a context"),
        ("who,the cat,0", "4 columns, not 3"),
        ("", "has no rows"),
    ],
)
def test_unusable_rows_are_named(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "data.csv").write_text(line)
    with pytest.raises(InputError, match=words):
        read_questions(tmp_path)


def test_a_question_leaves_room_for_its_context() -> None:
    with pytest.raises(InputError, match="row: the question has 20 tokens; at most 8"):
        windows_of([row(" ".join(["who"] * 20), "the cat", "cat")], tokenizer(), 16)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job that fine-tunes a small checkpoint with random weights."""
    torch.manual_seed(0)
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "sagewright-model.json").write_text(json.dumps(MANIFEST))
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.2,  # with less, it learns late
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    transformers.BertForQuestionAnswering(config).save_pretrained(tmp_path / "model", safe_serialization=True)
    tokenizer().save_pretrained(tmp_path / "model")
    (tmp_path / "training").mkdir()
    rows = [row(*each) for each in ROWS * 4]
    lines = [f"{each.question},{each.context},{each.start},{each.end}\n" for each in rows]
    (tmp_path / "training" / "data.csv").write_text("".join(lines))
    for name, value in {
        "SM_CHANNEL_TRAINING": str(tmp_path / "training"),
        "SM_CHANNEL_MODEL": str(tmp_path / "model"),
        "SM_MODEL_DIR": str(tmp_path / "made"),
        "SM_HPS": "{}",
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of transformers, with NumPy 2
def test_a_small_model_learns_and_answers(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training.main()
    losses = [
        float(line.split("train_loss=")[1].split()[0])
        for line in capsys.readouterr().out.splitlines()
        if "train_loss=" in line
    ]
    assert losses[-1] < 0.1 < losses[0]
    model = serving.model_fn(str(job / "made"))
    for question, context, answer in ROWS:
        body = serving.input_fn(json.dumps([question, context]), "application/list-text")
        assert serving.predict_fn(body, model) == {"answer": answer}


def test_a_checkpoint_without_weights_is_named(job: Path) -> None:
    (job / "model" / "model.safetensors").write_bytes(b"x")
    with pytest.raises(SystemExit, match="does not load for questions"):
        training.main()
