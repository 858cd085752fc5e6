"""Every model of the catalogue that answers without training answers its default payloads, by a real server."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.hosting import Hosting
from tests.jumpstart import JSON, JumpStartModels, body_of

from sagewright.jumpstart.entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

HOSTED = [entry.id for entry in entries().values() if entry.hosted]


@pytest.fixture(scope="module")
def models(server: RunningServer) -> Iterator[JumpStartModels]:
    with Hosting(server) as hosting:
        yield JumpStartModels(server, hosting)


def check_ic(found: Any) -> None:
    assert len(found["probabilities"]) == len(found["labels"]) == 1000
    assert found["predicted_label"] in {"analog clock", "wall clock"}


def check_objects(found: Any) -> None:
    assert len(found["labels"]) == 80
    assert len(found["normalized_boxes"]) == len(found["classes"]) == len(found["scores"]) < 20
    assert found["labels"][found["classes"][0]] == "cat"
    assert found["scores"] == sorted(found["scores"], reverse=True)
    left, top, right, bottom = found["normalized_boxes"][0]
    assert (left < 0.1, top < 0.1, 0.8 < right < 1, bottom > 0.9) == (True, True, True, True)


def check_embedding(found: Any) -> None:
    vectors = found["embedding"] if isinstance(found["embedding"][0], list) else [found["embedding"]]
    assert {len(vector) for vector in vectors} <= {384, 1280}


def check_similarity(found: Any) -> None:
    if isinstance(found, dict):
        check_embedding(found)
    else:
        assert found[0][0]["corpus_id"] == 0


def check_speech(found: Any) -> None:
    assert found == {"text": ["We need more time and money."], "language": ["en"]}


def check_entities(found: Any) -> None:
    assert {"entity": "PERSON", "word": "Ada Lovelace", "start": 0, "end": 12} in found["predictions"]


def check_language(found: Any) -> None:
    assert (len(found["labels"]), found["predicted_label"]) == (176, "de")
    assert math.isclose(sum(found["probabilities"]), 1, abs_tol=0.01)


def check_zero_shot(found: Any) -> None:
    assert found["labels"][0] == "sports"


def check_forecast(found: Any) -> None:
    (series,) = found["predictions"]
    assert set(series) == {"mean", "0.1", "0.5", "0.9", "item_id"}
    expected = [20, 31, 44, 52, 47, 33]
    assert all(abs(value - wanted) < 8 for value, wanted in zip(series["mean"], expected, strict=True))


CHECKS = {
    "asr": check_speech,
    "forecasting": check_forecast,
    "ic": check_ic,
    "icembedding": check_embedding,
    "ner": check_entities,
    "od": check_objects,
    "sentencesimilarity": check_similarity,
    "tc": check_language,
    "tcembedding": check_embedding,
    "textembedding": check_embedding,
    "zstc": check_zero_shot,
}
HOSTILE = {
    "asr": [(b"RIFF" + bytes(40), "audio/wav", "not a WAV file")],
    "forecasting": [(b'{"inputs": [{"target": [1, 2]}]}', JSON, "at least 8 numbers")],
    "ic": [(b"GIF89a" + bytes(8), "application/x-image", "not a picture"), (b"a", "text/csv", "application/x-image")],
    "icembedding": [(b"", "application/x-image", "a picture is expected")],
    "ner": [(b"\xff", "application/x-text", "not UTF-8")],
    "od": [(b"BM" + bytes(60), "application/x-image", "not a picture"), (b"a", "text/csv", "application/x-image")],
    "sentencesimilarity": [(b'{"queries": ["a"]}', JSON, "corpus: a list of texts")],
    "tc": [(b"[1]", JSON, "a list of texts")],
    "tcembedding": [(b"{}", JSON, "an object with text_inputs")],
    "textembedding": [(b"[]", JSON, "1 to 2048 texts")],
    "zstc": [(b'{"sequences": "a"}', JSON, "candidate_labels")],
}


def test_every_task_has_its_check() -> None:
    tasks = {entries()[model].task for model in HOSTED}
    assert tasks == set(CHECKS) == set(HOSTILE)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("model", HOSTED)
def test_a_hosted_model_answers_its_payloads(models: JumpStartModels, model: str) -> None:
    entry, name = entries()[model], f"hosted-{model}".lower()[:60].rstrip("-")
    models.host(name, model)
    for payload in entry.payloads:
        CHECKS[entry.task](models.ask_sample(name, payload))
    for body, content_type, words in HOSTILE[entry.task]:
        with pytest.raises(ClientError) as caught:
            models.ask(name, body, content_type)
        assert caught.value.response["OriginalStatusCode"] in {400, 415}
        assert words in caught.value.response["OriginalMessage"]


def test_payloads_are_small_and_declared() -> None:
    for entry in entries().values():
        assert entry.payloads, entry.id
        for payload in entry.payloads:
            assert payload.content_type in entry.content_types, entry.id
            assert payload.accept in entry.accept_types, entry.id
            assert len(body_of(payload)) < 32_768
            json.dumps(payload.body)
