"""Policies of forms: what they let a form say."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sagewright.http.body import BytesBody
from sagewright.model.errors import AwsError
from sagewright.wire.s3.form_policy import SizedBody, Sizes, check_policy

LATER = "2099-01-01T00:00:00Z"
FIELDS = {"bucket": "b", "key": "up/k", "policy": "…", "x-amz-signature": "…"}


def policy(*conditions: Any, expiration: Any = LATER) -> str:
    return base64.b64encode(json.dumps({"expiration": expiration, "conditions": list(conditions)}).encode()).decode()


def refusal(encoded: str, fields: dict[str, str]) -> str:
    with pytest.raises(AwsError) as caught:
        check_policy(encoded, fields)
    return caught.value.code


def test_what_holds() -> None:
    wanted = [{"bucket": "b"}, ["starts-with", "$Key", "up/"], ["content-length-range", 1, "9"]]
    assert check_policy(policy(*wanted), FIELDS) == Sizes(1, 9)
    assert check_policy(policy({"bucket": "b"}, ["eq", "$key", "up/k"]), FIELDS | {"x-ignore-this": "1"}) is None
    types = [{"bucket": "b"}, {"key": "up/k"}, ["starts-with", "$Content-Type", "image/"]]
    assert check_policy(policy(*types), FIELDS | {"content-type": "image/png,image/gif"}) is None


@pytest.mark.parametrize(
    ("conditions", "more"),
    [
        ([["eq", "$key", "up/"]], {}),
        ([["starts-with", "$key", "down/"]], {}),
        ([{"bucket": "other"}, ["starts-with", "$key", ""]], {}),
        ([["starts-with", "$key", ""]], {}),
        ([{"bucket": "b"}, ["starts-with", "$key", ""]], {"x-amz-meta-a": "1"}),
        ([{"bucket": "b"}, ["starts-with", "$key", ""], {"acl": "private"}], {}),
        ([{"bucket": "b"}, {"key": "up/k"}, ["starts-with", "$Content-Type", "a/"]], {"content-type": "a/b,b/a"}),
    ],
)
def test_what_does_not_hold(conditions: list[Any], more: dict[str, str]) -> None:
    assert refusal(policy(*conditions), FIELDS | more) == "AccessDenied"


def test_a_policy_ends() -> None:
    anything = ["starts-with", "$key", ""]
    assert refusal(policy(anything, expiration="2020-01-01T00:00:00Z"), FIELDS) == "AccessDenied"
    assert refusal(policy(anything, expiration="2020-01-01T00:00:00"), FIELDS) == "AccessDenied"
    for condition in (["content-length-range", "a", 1], ["eq", "key", "up/k"]):
        assert refusal(policy(anything, condition), FIELDS) == "AccessDenied"


@pytest.mark.parametrize(
    "encoded",
    [
        "%%%",
        base64.b64encode(b"nonsense").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z"}').decode(),
        policy(expiration="soon"),
        policy(expiration=7),
        policy(["like", "$key", "x"]),
        policy("key"),
        policy({"bucket": "b", "key": "k"}),
    ],
)
def test_what_is_no_policy(encoded: str) -> None:
    assert refusal(encoded, FIELDS) == "InvalidPolicyDocument"


@pytest.mark.parametrize(("data", "code"), [(b"x", "EntityTooSmall"), (b"xxxxx", "EntityTooLarge"), (b"xxx", "")])
def test_sizes(data: bytes, code: str) -> None:
    for size in (-1, 1, 100):
        body = SizedBody(BytesBody(data), Sizes(2, 4))
        got = ""
        try:
            while body.read(size):
                pass
        except AwsError as error:
            got = error.code
        assert got == code, size
