"""Tokens are good for whom they were made, and where."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.wire.sealing import Asker, Sealer

ASKER = Asker("sagemaker", "ListTrainingJobs", "000000000000", "arn:one")
SEALER = Sealer("secret")


def sealed(asker: Asker = ASKER, request: dict[str, Any] | None = None) -> str:
    result = {"NextToken": "WzFd"}
    SEALER.seal(asker, request or {}, result, None)
    return result["NextToken"]


def opened(token: str, asker: Asker = ASKER, sealer: Sealer = SEALER, **request: Any) -> str:
    requested = {"NextToken": token, **request}
    sealer.open(asker, requested)
    return requested["NextToken"]


def test_a_token_comes_back_as_it_was() -> None:
    assert sealed() != "WzFd"
    assert opened(sealed()) == "WzFd"
    assert opened(sealed(), MaxResults=5) == "WzFd"
    assert sealed() == sealed()  # Logs' clients compare them


@pytest.mark.parametrize(
    "asker",
    [
        replace(ASKER, operation="ListTags"),
        replace(ASKER, service="logs"),
        replace(ASKER, account="111111111111"),
        replace(ASKER, principal="arn:another"),
    ],
)
def test_a_token_of_somebody_else_or_another_list(asker: Asker) -> None:
    with pytest.raises(AwsError) as caught:
        opened(sealed(asker))
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_a_token_of_another_order_or_place() -> None:
    token = sealed(request={"SortBy": "Name"})
    assert opened(token, SortBy="Name") == "WzFd"
    for request in ({}, {"SortBy": "CreationTime"}, {"SortBy": "Name", "ResourceArn": "x"}):
        with pytest.raises(AwsError):
            opened(token, **request)


def test_a_token_of_another_server() -> None:
    with pytest.raises(AwsError):
        opened(sealed(), sealer=Sealer("another"))


def test_what_is_no_token() -> None:
    good = sealed()
    odd = [
        good[:-1],
        good[:-4],
        good + "AAAA",
        good.swapcase(),
        "WzFd",
        "x",
        "é",
        "\x00",
        "=",
        "A" * 5000,
        "-_-_",
        "\ud800",
    ]
    for token in odd:
        with pytest.raises(AwsError):
            opened(token)


@pytest.mark.parametrize(
    ("service", "operation", "member", "code"),
    [
        ("logs", "GetLogEvents", "nextToken", "InvalidParameterException"),
        ("ecr", "ListImages", "nextToken", "InvalidParameterException"),
        ("cloudwatch", "ListMetrics", "NextToken", "InvalidParameterValue"),
        ("iam", "ListRoles", "Marker", "ValidationError"),
        ("s3", "ListObjectsV2", "ContinuationToken", "InvalidArgument"),
    ],
)
def test_each_service_says_so_in_its_words(service: str, operation: str, member: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        SEALER.open(Asker(service, operation, "0", "x"), {member: "bad"})
    assert (caught.value.code, caught.value.status) == (code, 400)


def test_s3_repeats_the_token_it_was_given() -> None:
    asker, request = Asker("s3", "ListObjectsV2", "0", "x"), {"Bucket": "b"}
    first = {"NextContinuationToken": "WyJhIl0=", "ContinuationToken": None}
    SEALER.seal(asker, request, first, None)
    again = {"ContinuationToken": first["NextContinuationToken"], **request}
    sent = SEALER.open(asker, again)
    second = {"ContinuationToken": again["ContinuationToken"], "NextContinuationToken": None}
    SEALER.seal(asker, again, second, sent)
    assert second["ContinuationToken"] == first["NextContinuationToken"]


def test_tokens_of_resource_groups_match_its_pattern() -> None:
    asker = replace(ASKER, service="resource-groups", operation="ListGroupResources")
    for number in range(100):
        result = {"NextToken": f"WzF{number}"}
        SEALER.seal(asker, {}, result, None)
        assert re.fullmatch("[a-zA-Z0-9+/]*={0,2}", result["NextToken"])
        assert opened(result["NextToken"], asker) == f"WzF{number}"
