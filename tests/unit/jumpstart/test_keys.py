"""Keys of the catalogue's bucket: each one is read back, and each object of the catalogue has bytes."""

from __future__ import annotations

import json
import re

import pytest

from sagewright.jumpstart import keys, published
from sagewright.jumpstart.awsmodels import aws_models
from sagewright.jumpstart.entries import PREFIX, entries
from sagewright.jumpstart.keys import KeyKind, ModelKey
from sagewright.jumpstart.offers import offers

REGION = "eu-west-1"


def test_every_key_has_bytes() -> None:
    found = list(published.all_keys())
    assert len(found) == len(set(found)) > 1079
    for key in found:
        assert published.body(key, REGION), key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.spec_key("a-b-c", "1.0.0"), ModelKey(KeyKind.SPEC, "a-b-c", "1.0.0")),
        (keys.spec_key("a-b-c", "v1.8.0", proprietary=True), ModelKey(KeyKind.SPEC, "a-b-c", "v1.8.0")),
        (keys.eula_key("a-b-c", "1.0.0"), ModelKey(KeyKind.EULA, "a-b-c", "1.0.0")),
        (
            keys.script_key("a-b-c", "1.0.0", KeyKind.TRAINING_SCRIPT),
            ModelKey(KeyKind.TRAINING_SCRIPT, "a-b-c", "1.0.0"),
        ),
        (keys.script_key("a-b-c", "1.0.0", KeyKind.SERVING_SCRIPT), ModelKey(KeyKind.SERVING_SCRIPT, "a-b-c", "1.0.0")),
        (keys.model_prefix("a-b-c", "1.0.0") + "code/x.py", ModelKey(KeyKind.MODEL, "a-b-c", "1.0.0", "code/x.py")),
    ],
)
def test_keys_are_read_back(key: str, expected: ModelKey) -> None:
    assert keys.parse_key(key) == expected


@pytest.mark.parametrize(
    "key", ["", "models", "models/a", "models_manifest.json", "community_models/a/b/specs_v1.json", "x" * 5000]
)
def test_other_keys_are_none_of_a_model(key: str) -> None:
    assert keys.parse_key(key) is None


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("jumpstart-cache-prod-us-east-1", True),
        ("jumpstart-private-cache-prod-ap-southeast-2", True),
        ("jumpstart-cache-prod-anything", False),
        ("my-jumpstart-cache-prod-us-east-1", False),
    ],
)
def test_buckets_are_recognised(name: str, *, ours: bool) -> None:
    assert keys.is_content_bucket(name) is ours


def test_an_id_of_aws_is_for_the_same_weights_alone() -> None:
    for entry in (offers()[id_] for id_ in entries()):
        theirs = aws_models().get(entry.id)
        assert entry.id.startswith(PREFIX) != (theirs is not None), entry.id
        if theirs is not None:
            assert (entry.version, entry.min_sdk_version) == (theirs.version, theirs.min_sdk_version), entry.id


def test_the_manifest_names_specs_that_exist() -> None:
    for key in (keys.MANIFEST, keys.PROPRIETARY_MANIFEST):
        for header in json.loads(published.body(key, REGION) or b""):
            spec = json.loads(published.body(header["spec_key"], REGION) or b"")
            assert (spec["model_id"], spec["version"]) == (header["model_id"], header["version"])


def test_scripts_of_a_model_are_the_same_bytes_each_time() -> None:
    key = keys.script_key("sagewright-tc-minilm-l6", "1.0.0", KeyKind.TRAINING_SCRIPT)
    assert published.body(key, REGION) == published.body(key, REGION)


def test_gated_models_are_in_the_private_bucket() -> None:
    gated = next(entry for entry in offers().values() if entry.gated)
    spec = json.loads(published.body(keys.spec_key(gated.id, gated.version), REGION) or b"")
    assert spec["gated_bucket"]
    assert re.search(gated.id, spec["hosting_eula_key"])
    assert published.body(spec["hosting_eula_key"], REGION)


@pytest.mark.parametrize("task", ["sentencesimilarity", "textembedding"])
def test_clients_send_lists_of_texts_as_json(task: str) -> None:
    """SDK v2 sends a list only with a default content type whose serializer takes one: application/x-text does not."""
    model = f"huggingface-{task}-all-MiniLM-L6-v2"
    spec = json.loads(published.body(keys.spec_key(model, entries()[model].version), REGION) or b"")
    assert spec["predictor_specs"]["default_content_type"] == "application/json"
