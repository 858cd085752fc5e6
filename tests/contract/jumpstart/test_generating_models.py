"""Sage-LM is trained from texts, and streams."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hosting import Hosting
from tests.jumpstart import JumpStartModels, samples

from sagewright.jumpstart.entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

MODEL = "sagewright-textgeneration-sage-lm"
EXAMPLE = Path(__file__).parents[3] / "examples" / "sage_lm.py"
SENTENCES = ["the dog runs", "a cat sleeps", "the sun shines", "rain falls"]
SMALL = {"vocabulary_size": 300, "max_input_length": 32, "batch_size": 8, "epochs": 1}


@pytest.fixture(scope="module")
def models(server: RunningServer) -> Iterator[JumpStartModels]:
    with Hosting(server) as hosting:
        yield JumpStartModels(server, hosting)


def text(count: int) -> bytes:
    draw = random.Random(0)
    return ". ".join(draw.choice(SENTENCES) for _ in range(count)).encode()


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_a_language_model_is_trained_and_streams(models: JumpStartModels) -> None:
    job = models.train("sage-lm", MODEL, {"texts.txt": text(300)}, **SMALL)
    assert job["TrainingJobStatus"] == "Completed", models.server.lines("sage-lm")[-20:]
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert metrics["validation:loss"] < 6
    models.host("sage-lm", MODEL, job["ModelArtifacts"]["S3ModelArtifacts"])
    payloads = samples(entries()[MODEL])
    assert models.ask_sample("sage-lm", payloads["chat"])["choices"][0]["message"]["role"] == "assistant"
    (found,) = models.ask("sage-lm", {"inputs": "the dog", "parameters": {"max_new_tokens": 6, "details": True}})
    assert found["details"]["generated_tokens"] <= 6
    streamed = models.hosting.runtime.invoke_endpoint_with_response_stream(
        EndpointName="sage-lm",
        ContentType="application/json",
        Body=json.dumps({"inputs": "the dog", "parameters": {"max_new_tokens": 6}, "stream": True}),
    )
    assert streamed["ContentType"].startswith("text/event-stream")
    body = b"".join(event["PayloadPart"]["Bytes"] for event in streamed["Body"])
    documents = [json.loads(line[5:]) for line in body.decode().split("\n\n") if line]
    assert documents[-1]["generated_text"] == found["generated_text"]


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_the_example_trains_and_deploys_sage_lm(server: RunningServer) -> None:
    done = server.sdk_v2(EXAMPLE, "1", "20000")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line.startswith(("weights", "answer")))
    assert lines["weights"].endswith("/output/model.tar.gz")
    assert lines["answer"].strip()


@pytest.mark.soak
def test_a_trained_model_goes_on_with_adapters(models: JumpStartModels) -> None:
    first = models.train("sage-lm-first", MODEL, {"texts.txt": text(600)}, **SMALL)
    assert first["TrainingJobStatus"] == "Completed", models.server.lines("sage-lm-first")[-20:]
    second = models.train(
        "sage-lm-second",
        MODEL,
        {"texts.txt": text(600)},
        model_uri=first["ModelArtifacts"]["S3ModelArtifacts"],
        **SMALL,
        peft_type="lora",
    )
    assert second["TrainingJobStatus"] == "Completed", models.server.lines("sage-lm-second")[-20:]
    lost = [
        next(each["Value"] for each in job["FinalMetricDataList"] if each["MetricName"] == "validation:loss")
        for job in (first, second)
    ]
    assert lost[1] < lost[0]


@pytest.mark.soak
def test_adapters_need_a_trained_model(models: JumpStartModels) -> None:
    job = models.train("sage-lm-none", MODEL, {"texts.txt": text(300)}, **SMALL, peft_type="lora")
    assert "lora adapts a trained model, and the channel model has no weights yet" in job["FailureReason"]
