"""MiniLM of the catalogue, trained and hosted by a real server from the weights in its package."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import Hosting
from tests.jumpstart import JSON, JumpStartModels, samples

from sagewright.jumpstart.entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

SPORT = [
    "The match ended in a draw.",
    "The striker scored twice.",
    "The coach praised his team.",
    "The referee stopped the game.",
]
FOOD = ["Bake the bread for an hour.", "Add salt and flour.", "Serve the soup with onions.", "Chop the garlic finely."]


@pytest.fixture(scope="module")
def models(server: RunningServer) -> Iterator[JumpStartModels]:
    with Hosting(server) as hosting:
        yield JumpStartModels(server, hosting)


def table(*rows: tuple[Any, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_minilm_is_fine_tuned_and_deployed(models: JumpStartModels) -> None:
    rows = [
        row
        for number in range(6)
        for texts in zip(SPORT, FOOD, strict=True)
        for row in enumerate(f"{number}: {text}" for text in texts)
    ]
    data = {
        "data.csv": table(*rows),
        "class_label_to_prediction_index.json": json.dumps({"sport": 0, "food": 1}).encode(),
    }
    job = models.train(
        "jumpstart-tc",
        "sagewright-tc-minilm-l6",
        data,
        epochs=4,
        train_only_top_layer="True",
        top_layer_learning_rate=0.02,
    )
    assert job["TrainingJobStatus"] == "Completed", (job, models.server.lines("jumpstart-tc"))
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert metrics["validation:accuracy"] == 1
    assert set(metrics) == {"train:loss", "validation:loss", "validation:accuracy"}
    models.host("jumpstart-tc", "sagewright-tc-minilm-l6", job["ModelArtifacts"]["S3ModelArtifacts"])
    text = "The goalkeeper saved a penalty."
    found = models.ask("jumpstart-tc", text, "application/x-text", "application/json;verbose")
    assert (found["labels"], found["predicted_label"]) == (["sport", "food"], "sport")
    assert math.isclose(sum(found["probabilities"]), 1, rel_tol=1e-5)
    assert models.ask("jumpstart-tc", text, "application/x-text") == {"probabilities": found["probabilities"]}
    several = models.ask("jumpstart-tc", [text, "Stir the sauce."], "application/list-text", "application/json;verbose")
    assert [each["predicted_label"] for each in several] == ["sport", "food"]


@pytest.mark.parametrize(
    ("data", "hyperparameters", "reason"),
    [
        (
            {"data.csv": table(("sport", "a text"))},
            {},
            "data.csv, row 1: the label is an integer from 0 on, not 'sport'",
        ),
        ({"other.txt": b"0,a text"}, {}, "data.csv is missing; it has other.txt"),
        ({"data.csv": table((0, "a"), (1, "b", "c"))}, {}, "data.csv, row 2: 2 columns, not 3"),
        ({"data.csv": table((0, "a"))}, {"epochs": 0}, "hyperparameter epochs: at least 1 and at most 1000, not 0"),
    ],
)
@pytest.mark.sampled(1)
def test_bad_training_data_is_named(
    models: JumpStartModels, data: dict[str, bytes], hyperparameters: dict[str, Any], reason: str
) -> None:
    name = f"jumpstart-bad-{abs(hash(reason)) % 10**6}"
    job = models.train(name, "sagewright-tc-minilm-l6", data, **hyperparameters)
    assert (job["TrainingJobStatus"], reason in job["FailureReason"]) == ("Failed", True), job["FailureReason"]


def test_minilm_embeds_and_finds_what_is_near(models: JumpStartModels) -> None:
    model = "huggingface-sentencesimilarity-all-MiniLM-L6-v2"
    models.host("jumpstart-near", model)
    payloads = samples(entries()[model])
    one = models.ask_sample("jumpstart-near", payloads["text"])["embedding"]
    assert len(one) == 384
    assert math.isclose(sum(value * value for value in one), 1, rel_tol=1e-4)
    assert len(models.ask_sample("jumpstart-near", payloads["texts"])["embedding"]) == 2
    ((best,),) = models.ask_sample("jumpstart-near", payloads["nearest"])
    assert best["corpus_id"] == 0
    for body, content_type, status, words in (
        ("[1, 2]", JSON, 400, "a list of texts is expected"),
        ("{", JSON, 400, "not JSON"),
        (b"\xff\xfe", "application/x-text", 400, "not UTF-8"),
        ("a", "image/png", 415, "application/x-text"),
    ):
        with pytest.raises(ClientError) as caught:
            models.ask("jumpstart-near", body, content_type)
        assert caught.value.response["OriginalStatusCode"] == status
        assert words in caught.value.response["OriginalMessage"]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("huggingface-textembedding-all-MiniLM-L6-v2", {"embedding"}),
        ("sagewright-tcembedding-minilm-l6", {"embedding"}),
        ("sagewright-zstc-minilm-l6", {"sequence", "labels", "scores"}),
    ],
)
def test_hosted_models_of_texts_answer_their_payloads(models: JumpStartModels, model: str, answer: set[str]) -> None:
    name = model.replace("_", "-")[:60]
    models.host(name, model)
    for payload in entries()[model].payloads:
        assert set(models.ask_sample(name, payload)) == answer


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
@pytest.mark.soak
def test_pairs_are_fine_tuned_with_adapters(models: JumpStartModels) -> None:
    same = [(1, text, text.replace("The", "A")) for text in SPORT + FOOD]
    other = [(0, first, second) for first, second in zip(SPORT, FOOD, strict=True)]
    job = models.train(
        "jumpstart-spc",
        "sagewright-spc-minilm-l6",
        {"data.csv": table(*(same + other) * 4)},
        peft_type="lora",
        epochs=2,
    )
    assert job["TrainingJobStatus"] == "Completed", models.server.lines("jumpstart-spc")
    models.host("jumpstart-spc", "sagewright-spc-minilm-l6", job["ModelArtifacts"]["S3ModelArtifacts"])
    found = models.ask(
        "jumpstart-spc", ["The team won.", "A team won."], "application/list-text", "application/json;verbose"
    )
    assert (found["labels"], found["predicted_label"]) == ([0, 1], 1)
