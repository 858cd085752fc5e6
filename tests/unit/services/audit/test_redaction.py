"""Parameters of records: bounded, and without secrets."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from sagewright.model.aws.service_models import operation_model
from sagewright.services.audit.redaction import HIDDEN, MOST_ENTRIES, MOST_TEXT, Redactor


def redacted(service: str, operation: str, request: dict[str, Any]) -> Any:
    model = operation_model(service, operation)
    assert model
    return Redactor().redacted(request, model.input_shape)


def test_names_begin_in_lower_case_and_keys_of_maps_stay() -> None:
    found = redacted("sagemaker", "CreateTrainingJob", {"TrainingJobName": "n", "HyperParameters": {"Eta": "0.1"}})
    assert found == {"trainingJobName": "n", "hyperParameters": {"Eta": "0.1"}}


def test_secrets_are_hidden() -> None:
    variables = {"Environment": {"Variables": {"TOKEN": "secret"}}, "FunctionName": "f", "Code": {"ZipFile": b"secret"}}
    cases = [
        ("lambda", "CreateFunction", variables),
        ("sagemaker", "CreateTrainingJob", {"Environment": {"TOKEN": "secret"}}),
        ("sagemaker", "CreateTrainingJob", {"HyperParameters": {"db_password": "secret"}}),
        ("events", "CreateConnection", {"AuthParameters": {"BasicAuthParameters": {"Password": "secret"}}}),
        ("kms", "Encrypt", {"KeyId": "k", "Plaintext": b"secret"}),
        ("kms", "ImportKeyMaterial", {"KeyId": "k", "EncryptedKeyMaterial": b"secret"}),
        ("s3", "PutBucketEncryption", {"Bucket": "b", "SSECustomerKey": "secret"}),
        ("none", "None", {"SecretAccessKey": "secret", "Inner": [{"ClientSecret": "a", "Password": "secret"}]}),
    ]
    for service, operation, request in cases:
        model = operation_model(service, operation) if service != "none" else None
        text = orjson.dumps(Redactor().redacted(request, model.input_shape if model else None)).decode()
        assert "secret" not in text.lower().replace('"clientsecret"', "").replace('"secretaccesskey"', "").replace(
            HIDDEN.lower(), ""
        ), (service, operation, text)


def test_long_texts_lists_and_deep_documents_are_cut() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = {"A": [deep]}
    request = {"Text": "x" * 100_000, "List": list(range(10_000)), "Deep": deep, "Bytes": b"x" * 9}
    found = Redactor().redacted(request, None)
    assert len(found["text"]) < MOST_TEXT + 40
    assert len(found["list"]) == MOST_ENTRIES + 1
    assert found["bytes"] == "(9 bytes)"
    assert len(orjson.dumps(found)) < 3000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2000) | st.binary(max_size=50),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=20), inner, max_size=40),
    max_leaves=40,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=20), values, max_size=20))
def test_every_request_becomes_bounded_json(request: dict[str, Any]) -> None:
    text = orjson.dumps(Redactor().redacted(request, None), option=orjson.OPT_NON_STR_KEYS, default=str)
    assert len(text) < 4 * 250 * (MOST_TEXT + 100)
