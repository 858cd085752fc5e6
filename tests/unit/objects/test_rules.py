"""Lifecycle rules: which document S3 takes, and when a rule is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.model.clock import to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import rules
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload


def at(*parts: int) -> int:
    return to_ms(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type]


def test_days_go_on_to_the_next_midnight() -> None:
    assert rules.after_days(at(2014, 1, 15, 10, 30), 3) == at(2014, 1, 19)
    assert rules.after_days(at(2014, 1, 15, 23, 59, 59), 1) == at(2014, 1, 17)


def test_a_disabled_rule_is_none() -> None:
    document = {"Rules": [{"Status": "Disabled", "Filter": {}, "Expiration": {"Days": 1}}]}
    assert rules.read(document) == []
    assert rules.read(None) == []


def test_filters_are_read_in_all_their_forms() -> None:
    def read(**rule: Any) -> rules.Filter:
        return rules.read({"Rules": [{"Status": "Enabled", **rule}]})[0].filter

    assert read(Prefix="old/") == rules.Filter("old/")
    assert read(Filter={"Prefix": "a"}) == rules.Filter("a")
    assert read(Filter={"Tag": {"Key": "k", "Value": "v"}}) == rules.Filter(tags={"k": "v"})
    both = {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}
    assert read(Filter={"And": both}) == rules.Filter("a", {"k": "v"}, 1, 9)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"Expiration": {"Days": 0}}, "positive"),
        ({"Expiration": {"Date": "2030-01-01T10:00:00+00:00"}}, "midnight"),
        ({"Transitions": [{"Date": "2030-01-01T10:00:00+00:00", "StorageClass": "GLACIER"}]}, "midnight"),
        ({}, "action"),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}}, "NoncurrentDays"),
        (
            {
                "Filter": {"Tag": {"Key": "k", "Value": "v"}},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            },
            "tags",
        ),
    ],
)
def test_what_s3_refuses_is_refused(rule: dict[str, Any], words: str) -> None:
    document = {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule}]}
    with pytest.raises(AwsError, match=words) as caught:
        rules.check(document)
    assert caught.value.code == "InvalidArgument"


@pytest.mark.parametrize(
    "rule",
    [
        {"Status": "On"},
        {"Expiration": {"Days": 1, "Date": "2030-01-01T00:00:00+00:00"}},
        {"Filter": None},
        {"Filter": {"Prefix": "a", "ObjectSizeLessThan": 1}},
        {"NoncurrentVersionExpiration": {}},
    ],
)
def test_what_breaks_the_schema(rule: dict[str, Any]) -> None:
    whole = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    rules.check({"Rules": [whole]})
    with pytest.raises(AwsError) as caught:
        rules.check({"Rules": [whole | rule]})
    assert caught.value.code == "MalformedXML"


def test_a_tag_twice_in_a_filter() -> None:
    twice = {"And": {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]}}
    with pytest.raises(AwsError, match="Duplicate Tag Keys"):
        rules.check({"Rules": [{"Status": "Enabled", "Filter": twice, "Expiration": {"Days": 1}}]})


def test_ids_are_unique() -> None:
    rule = {"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
    with pytest.raises(AwsError, match="unique"):
        rules.check({"Rules": [rule, rule]})
    rules.check({"Rules": [rule]})


def _version(key: str, modified_ms: int, size: int = 1) -> Version:
    return Version("b", key, -1, "null", True, False, "blob", size, "etag", modified_ms)


def test_the_earliest_rule_that_is_for_an_object_is_announced() -> None:
    wanted = rules.read(
        {
            "Rules": [
                {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 9}},
                {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 2}},
                {"ID": "off", "Status": "Disabled", "Filter": {}, "Expiration": {"Days": 1}},
                {
                    "ID": "parts",
                    "Status": "Enabled",
                    "Filter": {},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
            ]
        }
    )
    moment = at(2014, 1, 15, 10, 30)
    assert rules.expiration(wanted, _version("a/1", moment)) == rules.Announced(at(2014, 1, 18), "a")
    assert rules.expiration(wanted, _version("b", moment)) == rules.Announced(at(2014, 1, 25), "all")
    assert rules.expiration(wanted[2:], _version("b", moment)) is None
    upload = Upload("id", "b", "key", moment, {}, {}, {}, None, None)
    assert rules.abortion(wanted, upload) == rules.Announced(at(2014, 1, 17), "parts")
    assert rules.abortion(wanted[:2], upload) is None
