"""Models of image classification: what they answer, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pictures import bomb, encoded
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.image_classification import model, network


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from sagewright.algorithms.image_classification import artefact
    from sagewright.algorithms.image_classification.artefact import ImageDescription

    place = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    description = ImageDescription(20, (3, 8, 10), 4, False)
    artefact.write(place, description, network.build(20, 3, 4), 3)
    return model.serve(place)


def test_requests_are_answered_in_the_form_that_is_asked_for(serving: Any) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    for kind, media in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("PNG", "application/x-image"), ("PNG", "")):
        answer = serving(encoded(photo, kind), media, "application/json")
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert sum(json.loads(answer.body)) == pytest.approx(1, abs=1e-5)
    plain = json.loads(serving(encoded(photo), "image/png", "*/*").body)
    lines = serving(encoded(photo), "image/png", "application/jsonlines")
    assert lines.content_type == "application/jsonlines"
    assert lines.body == json.dumps({"prediction": plain}).encode() + b"\n"
    grey = serving(encoded(photo[:, :, 0]), "image/png", "")
    assert len(json.loads(grey.body)) == 4


def test_requests_that_come_together_are_answered_as_each_alone(serving: Any) -> None:
    from sagewright.serving.messages import Request

    random = np.random.default_rng(1)
    requests = [
        Request(encoded(random.integers(0, 256, (9 + number, 20, 3), np.uint8)), "image/png", "application/json")
        for number in range(40)
    ]
    requests.insert(3, Request(b"nothing", "image/png", ""))
    answers = serving.invoke_all(requests)
    assert [each.status for each in answers] == [200] * 3 + [400] + [200] * 37
    for request, answer in zip(requests[:3], answers, strict=False):
        alone = json.loads(serving(request.body, "image/png", "").body)
        assert json.loads(answer.body) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("content", "media", "accept", "status"),
    [
        (b"nothing", "image/png", "", 400),
        (bomb(), "image/png", "", 400),
        (encoded(np.ones((9, 9, 3), np.uint8))[:45], "image/png", "", 400),
        (encoded(np.zeros((9, 9, 3), np.uint8)), "text/csv", "", 415),
        (encoded(np.zeros((9, 9, 3), np.uint8)), "image/png", "text/csv", 406),
    ],
    ids=str,
)
def test_bad_requests_are_answered_with_what_is_wrong(
    serving: Any, content: bytes, media: str, accept: str, status: int
) -> None:
    answer = serving(content, media, accept)
    assert answer.status == status
    assert answer.body


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b'{"nodes": [], "arg_nodes": []}', "an MXNet network"),
        (b"{}", "not describe an image classifier"),
        (b"[]", "not describe an image classifier"),
        (b"nothing", "is not JSON"),
        (json.dumps({"format": "sagewright-image-classification-1", "params": "../../etc/passwd", "layers": 20, "classes": 2,
                     "shape": [1, 8, 8]}).encode(), "not the name of a weight"),
        (json.dumps({"format": "sagewright-image-classification-1", "params": "image-classification-0001.params", "layers": 20,
                     "classes": 10**12, "shape": [1, 8, 8]}).encode(), "no network has"),
        (json.dumps({"format": "sagewright-image-classification-1", "params": "image-classification-0001.params", "layers": 20,
                     "classes": 2, "shape": [1, 8, 8]}).encode(), "a file image-classification-0001.params is expected"),
    ],
)  # fmt: skip
def test_other_models_are_told_as_what_they_are(tmp_path: Path, document: bytes, said: str) -> None:
    with pytest.raises(UserError, match=r"image-classification-symbol\.json is expected"):
        model.serve(tmp_path)
    (tmp_path / "image-classification-symbol.json").write_bytes(document)
    with pytest.raises(UserError, match=said):
        model.serve(tmp_path)
