"""The family of texts with a small random BERT: its layout, fine-tuning in three ways, and what hyperparameters do."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402

from sagewright_jumpstart.errors import InputError  # noqa: E402
from sagewright_jumpstart.lora import adapt, merge  # noqa: E402
from sagewright_jumpstart.manifest import Manifest  # noqa: E402
from sagewright_jumpstart.texts import serving, training  # noqa: E402
from sagewright_jumpstart.texts.bert import Bert, load_bert  # noqa: E402
from sagewright_jumpstart.texts.encoder import TextEncoder, batches  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "goal", "match", "team", "salt", "bread", "soup", "the", "a", "good"]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.0,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}
DECLARED = {
    "epochs": ("int", 15),
    "batch_size": ("int", 8),
    "learning_rate": ("float", 0.01),
    "top_layer_learning_rate": ("float", 0.05),
    "train_only_top_layer": ("bool", "False"),
    "peft_type": ("text", "None"),
    "lora_r": ("int", 4),
    "lora_alpha": ("int", 8),
    "lora_dropout": ("float", 0.0),
    "dropout_rate": ("float", 0.0),
    "warmup_ratio": ("float", 0.1),
    "weight_decay": ("float", 0.0),
    "max_input_length": ("int", 16),
    "validation_split_ratio": ("float", 0.25),
    "early_stopping": ("bool", "False"),
    "early_stopping_patience": ("int", 1),
    "early_stopping_threshold": ("float", 0.0),
    "reinitialize_top_layer": ("text", "Auto"),
    "seed": ("int", 0),
}
Tune = Callable[..., Path]


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    folder = tmp_path / "pretrained"
    (folder / "code").mkdir(parents=True)
    Bert(CONFIG).save(folder)
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    declared = tuple({"name": name, "type": kind, "default": value} for name, (kind, value) in DECLARED.items())
    Manifest("tests-tc-tiny", "1.0.0", "tc", {"longest": 16}, hyperparameters=declared).write(folder)
    return folder


@pytest.fixture
def tune(tmp_path: Path, pretrained: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    def run(rows: list[tuple[Any, ...]], model: Path = pretrained, **hyperparameters: Any) -> Path:
        channel, made = tmp_path / "training", tmp_path / f"model-{random.random()}"
        channel.mkdir(exist_ok=True)
        with (channel / "data.csv").open("w") as file:
            csv.writer(file).writerows(rows)
        monkeypatch.setenv("SM_CHANNEL_TRAINING", str(channel))
        monkeypatch.setenv("SM_CHANNEL_MODEL", str(model))
        monkeypatch.setenv("SM_MODEL_DIR", str(made))
        monkeypatch.setenv("SM_HPS", json.dumps({name: str(value) for name, value in hyperparameters.items()}))
        training.main()
        return made

    return run


def sentences(count: int = 24) -> list[tuple[int, str]]:
    draw = random.Random(0)
    sport, food = ["goal", "match", "team"], ["salt", "bread", "soup"]
    return [(row % 2, f"the {draw.choice(food if row % 2 else sport)} a good") for row in range(count)]


def ask(
    folder: Path, text: Any, content_type: str = "application/x-text", accept: str = "application/json;verbose"
) -> Any:
    model = serving.model_fn(str(folder))
    body, media = serving.output_fn(serving.predict_fn(serving.input_fn(text, content_type), model), accept)
    assert media == "application/json"
    return json.loads(body)


@pytest.mark.parametrize(
    "way",
    [{}, {"train_only_top_layer": "True", "epochs": 60}, {"peft_type": "lora", "epochs": 20}],
    ids=["full", "top", "lora"],
)
def test_each_way_of_fine_tuning_learns(tune: Tune, pretrained: Path, way: Mapping[str, Any]) -> None:
    made = tune(sentences(), **way)
    assert ask(made, "the team a good")["predicted_label"] == 0
    assert ask(made, "the soup a good")["predicted_label"] == 1
    before, after = load_file(pretrained / "model.safetensors"), load_file(made / "model.safetensors")
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert set(before) == set(after)
    if "train_only_top_layer" in way:
        assert changed == set()
    elif "peft_type" in way:
        assert {name.split("self.")[1] for name in changed} == {"query.weight", "value.weight"}
    else:
        assert len(changed) > 20


def test_adapters_change_nothing_at_first_and_merge_into_the_same_function(pretrained: Path) -> None:
    network = load_bert(pretrained)
    tokens, lengths = torch.tensor([[2, 4, 3], [2, 5, 3]]), torch.tensor([3, 3])
    before = network(tokens, lengths)
    assert adapt(network, {"query"}, 2, 4, 0.0) == 2
    assert torch.equal(network(tokens, lengths), before)
    for name, parameter in network.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(parameter)
    adapted = network(tokens, lengths)
    merge(network)
    assert torch.allclose(network(tokens, lengths), adapted, atol=1e-5)
    assert not torch.allclose(adapted, before, atol=1e-3)


def test_a_batch_changes_nothing_for_its_rows(pretrained: Path) -> None:
    encoder = TextEncoder.load(pretrained, 16)
    texts = ["goal", "the match a good team goal match", "", "soup soup"]
    together = encoder.vectors(texts)
    for row, text in enumerate(texts):
        assert torch.allclose(encoder.vectors([text])[0], together[row], atol=1e-6)
    assert torch.allclose(together.norm(dim=1), torch.ones(4))
    assert sorted(index for rows in batches([5, 9, 1, 300]) for index in rows) == [0, 1, 2, 3]


def test_early_stopping_and_the_best_epochs_weights(tune: Tune, capsys: pytest.CaptureFixture[str]) -> None:
    noise = [(random.Random(row).randrange(2), "the good") for row in range(40)]
    tune(noise, early_stopping="True", early_stopping_patience=2, early_stopping_threshold=0.5, epochs=30)
    said = capsys.readouterr().out
    assert "early stopping: no better validation loss in 2 epochs" in said
    assert said.count("epoch=") == 3  # the first is better than none


def test_a_fine_tuned_model_goes_on(tune: Tune, capsys: pytest.CaptureFixture[str]) -> None:
    first = tune(sentences())
    (first / "code").mkdir(exist_ok=True)
    capsys.readouterr()
    tune(sentences(), model=first, epochs=1, learning_rate=1e-6, top_layer_learning_rate=1e-6)
    assert "validation_accuracy=1.0000" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="keeps the model's 2 classes; the data has 3"):
        tune([*sentences(), (2, "a"), (2, "good")], model=first, reinitialize_top_layer="False")


@pytest.mark.parametrize(
    ("rows", "hyperparameters", "words"),
    [
        ([(-1, "a")], {}, "row 1: the label is at least 0 and below 10000, not -1"),
        ([(99999, "a")], {}, "below 10000, not 99999"),
        ([("label", "text"), (0, "a")], {}, "an integer from 0 on, not 'label'; its files have no header"),
        ([(0, "a"), ("x", "a")], {}, "row 2: the label is an integer from 0 on, not 'x'$"),
        ([], {}, "data.csv has no rows"),
        ([(0, "a"), (1, "good")], {"learning_rate": "much"}, "hyperparameter learning_rate: a number, not 'much'"),
        ([(0, "a"), (1, "good")], {"speed": 1}, "hyperparameter speed: this model has epochs"),
    ],
)
def test_unusable_input_ends_with_one_line(tune: Tune, rows: list[Any], hyperparameters: Any, words: str) -> None:
    with pytest.raises(SystemExit, match=words) as caught:
        tune(rows, **hyperparameters)
    assert str(caught.value).startswith("Traceback (most recent call last):\nInputError: ")


def test_a_classifier_says_that_it_has_to_be_trained(pretrained: Path) -> None:
    with pytest.raises(InputError, match="answers once it has been fine-tuned"):
        serving.model_fn(str(pretrained))


def test_another_architecture_is_named(pretrained: Path) -> None:
    (pretrained / "config.json").write_text(json.dumps(CONFIG | {"model_type": "gpt2"}))
    with pytest.raises(InputError, match="a BERT encoder with absolute positions is supported, not gpt2"):
        load_bert(pretrained)
