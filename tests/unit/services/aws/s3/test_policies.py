"""Bucket policies: what is refused, who is meant, what is decided."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3 import policies
from sagewright.services.aws.s3.policies import PolicyRequest, PolicyVerdict

ROLE = "arn:aws:iam::000000000000:role/path/Worker"
SESSION = "arn:aws:sts::000000000000:assumed-role/Worker/job-1"
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def text(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def judge(*statements: dict[str, Any], who: str = "", action: str = "s3:GetObject", what: str = "b/k") -> PolicyVerdict:
    policy = policies.parse(text(*statements), "b")
    return policy.judge(PolicyRequest(who, action, f"arn:aws:s3:::{what}", {"s3:prefix": ["x/"]}))


def without(name: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in ALLOW.items() if key != name} | more


@pytest.mark.parametrize(
    "document",
    [
        "nonsense",
        "[]",
        "{}",
        text(Version="2020-01-01"),
        text(ALLOW | {"Effect": "allow"}),
        text(without("Principal")),
        text(without("Action")),
        text(without("Resource")),
        text(ALLOW | {"NotAction": "s3:*"}),
        text(ALLOW | {"Extra": 1}),
        text(ALLOW | {"Action": "ec2:RunInstances"}),
        text(ALLOW | {"Action": []}),
        text(ALLOW | {"Resource": "arn:aws:s3:::other/*"}),
        text(ALLOW | {"Resource": "b/*"}),
        text(ALLOW | {"Principal": "somebody"}),
        text(ALLOW | {"Principal": {"Person": "x"}}),
        text(ALLOW | {"Condition": {"StringIsh": {"s3:prefix": "x"}}}),
        text(ALLOW | {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}),
        text(ALLOW | {"Condition": []}),
    ],
)
def test_what_is_refused(document: str) -> None:
    with pytest.raises(AwsError) as caught:
        policies.parse(document, "b")
    assert (caught.value.code, caught.value.status) == ("MalformedPolicy", 400)


def test_a_policy_that_is_too_large() -> None:
    with pytest.raises(AwsError) as caught:
        policies.parse(text(ALLOW | {"Sid": "x" * 20_480}), "b")
    assert caught.value.code == "PolicyTooLarge"


def test_one_statement_needs_no_list() -> None:
    assert policies.parse(json.dumps({"Statement": ALLOW}), "b").public


@pytest.mark.parametrize(
    ("changes", "requested", "expected"),
    [
        ({}, {}, PolicyVerdict.ALLOW),
        ({}, {"action": "s3:PutObject"}, PolicyVerdict.SILENT),
        ({}, {"what": "b"}, PolicyVerdict.SILENT),
        ({"Action": "S3:get*"}, {}, PolicyVerdict.ALLOW),
        ({"Action": "*"}, {}, PolicyVerdict.ALLOW),
        ({"Resource": ["arn:aws:s3:::b/x?", "arn:aws:s3:::b"]}, {"what": "b/xy"}, PolicyVerdict.ALLOW),
        ({"Resource": "arn:aws:s3:::b/[k]"}, {}, PolicyVerdict.SILENT),
        ({"Effect": "Deny"}, {"who": SESSION}, PolicyVerdict.DENY),
        ({"Condition": {"StringLike": {"S3:Prefix": "x*"}}}, {}, PolicyVerdict.ALLOW),
        ({"Condition": {"StringLike": {"s3:prefix": "y*"}}}, {}, PolicyVerdict.SILENT),
    ],
)
def test_actions_resources_and_conditions(
    changes: dict[str, Any], requested: dict[str, str], expected: PolicyVerdict
) -> None:
    assert judge(ALLOW | changes, **requested) is expected


@pytest.mark.parametrize(
    ("principal", "who", "fits"),
    [
        ("*", "", True),
        ({"AWS": "*"}, SESSION, True),
        ({"AWS": "000000000000"}, SESSION, True),
        ({"AWS": "arn:aws:iam::000000000000:root"}, SESSION, True),
        ({"AWS": "111111111111"}, SESSION, False),
        ({"AWS": ROLE}, SESSION, True),
        ({"AWS": [ROLE + "2", SESSION]}, SESSION, True),
        ({"AWS": ROLE.replace("Worker", "Other")}, SESSION, False),
        ({"AWS": "000000000000"}, "", False),
        ({"Service": "logging.s3.amazonaws.com"}, SESSION, False),
    ],
)
def test_principals(principal: Any, who: str, fits: bool) -> None:
    meant = (PolicyVerdict.ALLOW, PolicyVerdict.DELEGATE)
    assert (judge(ALLOW | {"Principal": principal}, who=who) in meant) == fits


@pytest.mark.parametrize("account", ["000000000000", "arn:aws:iam::000000000000:root"])
def test_a_statement_for_the_account_leaves_it_to_the_callers_policies(account: str) -> None:
    assert judge(ALLOW | {"Principal": {"AWS": account}}, who=SESSION) is PolicyVerdict.DELEGATE
    assert judge(ALLOW | {"Principal": {"AWS": [account, ROLE]}}, who=SESSION) is PolicyVerdict.ALLOW


def test_what_is_negated() -> None:
    assert judge(without("Action", NotAction="s3:Put*")) is PolicyVerdict.ALLOW
    assert judge(without("Action", NotAction="s3:Get*")) is PolicyVerdict.SILENT
    assert judge(without("Resource", NotResource="arn:aws:s3:::b/secret/*")) is PolicyVerdict.ALLOW
    deny = without("Principal", NotPrincipal={"AWS": ROLE}, Effect="Deny")
    assert judge(deny, who=SESSION) is PolicyVerdict.SILENT
    assert judge(deny, who=SESSION.replace("Worker", "Other")) is PolicyVerdict.DENY


def test_a_deny_goes_before_any_allow() -> None:
    assert judge(ALLOW, ALLOW | {"Effect": "Deny"}) is PolicyVerdict.DENY


@pytest.mark.parametrize(
    ("changes", "public"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"AWS": "000000000000"}}, False),
        ({"Condition": {"StringLike": {"s3:prefix": "x*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:PrincipalAccount": "000000000000"}}}, False),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}}, True),
    ],
)
def test_what_is_public(changes: dict[str, Any], public: bool) -> None:
    assert policies.parse(text(ALLOW | changes), "b").public == public
