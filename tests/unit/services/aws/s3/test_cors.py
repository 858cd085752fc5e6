"""Cross-origin rules."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3.buckets.cors import Crossing, checked

RULE = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["x-amz-*", "Range"]}


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        ("https://a.example.com", "GET", (), True),
        ("https://a.example.com", "GET", ("X-Amz-Date", "range"), True),
        ("https://a.example.com", "GET", ("Range", "Cookie"), False),
        ("https://a.example.com", "PUT", (), False),
        ("http://a.example.com", "GET", (), False),
        ("https://.example.co", "GET", (), False),
        ("https://example.com", "GET", (), False),
    ],
)
def test_what_a_rule_allows(origin: str, method: str, headers: tuple[str, ...], allowed: bool) -> None:
    assert Crossing(origin, method, headers).allowed_by(RULE) == allowed


def test_a_star_does_not_count_letters_twice() -> None:
    assert not Crossing("aba", "GET").allowed_by(RULE | {"AllowedOrigins": ["ab*ba"]})


def test_the_first_rule_that_allows_it_answers() -> None:
    first = RULE | {"AllowedMethods": ["PUT"], "MaxAgeSeconds": 1}
    second = RULE | {"AllowedOrigins": ["*"], "MaxAgeSeconds": 2, "ExposeHeaders": ["ETag", "x-y"]}
    described = dict(Crossing("https://a.example.com", "GET", ("range",)).answer([first, second]) or [])
    assert described == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "range",
        "Access-Control-Expose-Headers": "ETag, x-y",
        "Access-Control-Max-Age": "2",
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    assert (
        dict(Crossing("https://a.example.com", "PUT").answer([first]) or [])["Access-Control-Allow-Credentials"]
        == "true"
    )
    assert Crossing("https://a.example.com", "DELETE").answer([first, second]) is None


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([], "MalformedXML"),
        ([RULE] * 101, "MalformedXML"),
        ([RULE | {"AllowedMethods": []}], "MalformedXML"),
        ([RULE | {"AllowedMethods": ["OPTIONS"]}], "InvalidRequest"),
        ([RULE | {"AllowedOrigins": ["*.*"]}], "InvalidRequest"),
        ([RULE | {"AllowedHeaders": ["*-*"]}], "InvalidRequest"),
    ],
)
def test_rules_that_are_refused(rules: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        checked({"CORSRules": rules})
    assert caught.value.code == code
