from __future__ import annotations

import json
from typing import Any

import pytest

from sagewright.policies import documents
from sagewright.policies.documents import AccessPolicy, MalformedPolicy, check_identity_policy, check_trust_policy
from sagewright.policies.evaluation import AccessRequest, Effect, Policies, decide, trusts

ME = "arn:aws:sts::000000000000:assumed-role/Analyst/anna"
ROLE = "arn:aws:iam::000000000000:role/Analyst"
JOB = "arn:aws:sagemaker:us-east-1:000000000000:training-job/churn-1"


def policy(*statements: dict[str, Any], name: str = "p", version: str = "2012-10-17") -> AccessPolicy:
    return documents.read(json.dumps({"Version": version, "Statement": list(statements)}), name)


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def effect(
    policies: Policies, action: str = "sagemaker:DescribeTrainingJob", resource: str = JOB, **values: Any
) -> Effect:
    keys = {name.lower(): tuple(value) if isinstance(value, list) else (value,) for name, value in values.items()}
    return decide(AccessRequest((ME, ROLE), action, resource, keys), policies).effect


def own(*statements: dict[str, Any]) -> Policies:
    return Policies((policy(*statements),))


def test_the_order_of_a_decision() -> None:
    everything, this = policy(allow("*")), policy(allow("sagemaker:*"))
    by_account = policy(allow("*", Principal={"AWS": "*"}))
    by_name = policy(allow("*", Principal={"AWS": ME}))
    no = policy(deny("sagemaker:Describe*"))
    allowed, explicit, implicit = Effect.ALLOWED, Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY
    assert effect(Policies()) is implicit
    assert effect(Policies((this,))) is allowed
    for one in (
        {"identity": (this, no)},
        {"identity": (this,), "boundary": (no,)},
        {"identity": (this,), "session": (no,)},
    ):
        assert effect(Policies(**one)) is explicit
    assert effect(Policies((this,), resource=(no, by_name))) is explicit
    assert effect(Policies((this,), boundary=())) is implicit
    assert effect(Policies((this,), boundary=(everything,), session=())) is implicit
    assert effect(Policies((this,), boundary=(everything,), session=(this,))) is allowed
    assert effect(Policies(resource=(by_account,))) is allowed
    assert effect(Policies(resource=(by_account,), boundary=())) is implicit
    assert effect(Policies(resource=(by_name,), boundary=(), session=())) is allowed


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        (allow("SAGEMAKER:describe*"), "sagemaker:DescribeTrainingJob", JOB, True),
        (allow("sagemaker:Describe?rainingJob"), "sagemaker:DescribeTrainingJob", JOB, True),
        (
            allow("sagemaker:*", "arn:aws:sagemaker:*:*:training-job/churn-*"),
            "sagemaker:DescribeTrainingJob",
            JOB,
            True,
        ),
        (allow("sagemaker:*", "arn:aws:sagemaker:*:training-job/*"), "sagemaker:DescribeTrainingJob", JOB, False),
        (
            allow("sagemaker:*", "arn:aws:sagemaker:*:*:training-job/CHURN-1"),
            "sagemaker:DescribeTrainingJob",
            JOB,
            False,
        ),
        (allow("s3:*", "arn:aws:s3:::churn/*"), "s3:GetObject", "arn:aws:s3:::churn/a/b:c", True),
        (allow("s3:*", "arn:aws:s3:::churn"), "s3:GetObject", "arn:aws:s3:::churn/a", False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "iam:CreateUser", "*", False),
        (
            {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"},
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            False,
        ),
        (
            {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"},
            "s3:GetObject",
            "arn:aws:s3:::c/k",
            True,
        ),
        (allow("s3:*", "arn:aws:s3:::home/${aws:username}/*"), "s3:GetObject", "arn:aws:s3:::home/anna/k", True),
        (allow("s3:*", "arn:aws:s3:::home/${aws:username}/*"), "s3:GetObject", "arn:aws:s3:::home/ben/k", False),
        (allow("s3:*", "arn:aws:s3:::home/${aws:nothing}/*"), "s3:GetObject", "arn:aws:s3:::home//k", False),
        (allow("s3:*", "arn:aws:s3:::${aws:nothing, 'home'}/*"), "s3:GetObject", "arn:aws:s3:::home/k", True),
        (allow("s3:*", "arn:aws:s3:::b/${*}"), "s3:GetObject", "arn:aws:s3:::b/*", True),
        (allow("s3:*", "arn:aws:s3:::b/${*}"), "s3:GetObject", "arn:aws:s3:::b/x", False),
    ],
)
def test_actions_and_resources(statement: dict[str, Any], action: str, resource: str, allowed: bool) -> None:
    found = effect(own(statement), action, resource, **{"aws:username": "anna"})
    assert (found is Effect.ALLOWED) is allowed


def test_a_wildcard_in_a_variable_is_none() -> None:
    statement = allow("s3:*", "arn:aws:s3:::home/${aws:username}")
    found = effect(own(statement), "s3:GetObject", "arn:aws:s3:::home/everyone", **{"aws:username": "*"})
    assert found is Effect.IMPLICIT_DENY


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        ({"StringEquals": {"aws:RequestTag/team": ["a", "b"]}}, {"aws:RequestTag/team": "b"}, True),
        ({"StringEquals": {"aws:RequestTag/team": "a"}}, {}, False),
        ({"StringNotEquals": {"aws:RequestTag/team": "a"}}, {}, True),
        ({"StringNotEquals": {"aws:RequestTag/team": ["a", "b"]}}, {"aws:RequestTag/team": "b"}, False),
        ({"StringEqualsIfExists": {"aws:RequestTag/team": "a"}}, {}, True),
        ({"StringEqualsIgnoreCase": {"k": "A"}}, {"k": "a"}, True),
        ({"StringLike": {"sagemaker:InstanceTypes": "ml.t3.*"}}, {"sagemaker:InstanceTypes": "ml.t3.large"}, True),
        (
            {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": "ml.t3.*"}},
            {"sagemaker:InstanceTypes": ["ml.t3.large", "ml.p4d.24xlarge"]},
            False,
        ),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["b", "a"]}, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["a"]}, False),
        ({"NumericLessThanEquals": {"n": "10"}}, {"n": "10.0"}, True),
        ({"NumericLessThan": {"n": 10}}, {"n": "x"}, False),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
            {"aws:CurrentTime": "2026-11-29T00:00:00Z"},
            True,
        ),
        ({"DateLessThan": {"aws:EpochTime": "1000"}}, {"aws:EpochTime": "2000"}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "false"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws:SecureTransport": "false"}, True),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": False}}, {"k": "x"}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, {"aws:SourceIp": "10.1.2.3"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.2.3"}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, {"aws:PrincipalArn": ROLE}, True),
        ({"ArnNotEquals": {"aws:PrincipalArn": ROLE}}, {"aws:PrincipalArn": ROLE}, False),
        ({"BinaryEquals": {"k": "QmluYXJ5"}}, {"k": "QmluYXJ5"}, True),
        ({"StringEquals": {"s3:prefix": "${aws:username}/"}}, {"s3:prefix": "anna/", "aws:username": "anna"}, True),
        ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1", "b": "false"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], values: dict[str, Any], holds: bool) -> None:
    found = effect(own(allow("*", Condition=condition)), **values)
    assert (found is Effect.ALLOWED) is holds


def test_what_a_request_lacks_is_named() -> None:
    statement = allow("*", Condition={"StringEquals": {"aws:RequestTag/team": "a"}})
    decision = decide(AccessRequest((ME,), "s3:GetObject", "*"), own(statement))
    assert decision.missing == ("aws:requesttag/team",)


def test_variables_are_text_in_the_older_language() -> None:
    old = policy(allow("s3:*", "arn:aws:s3:::${aws:username}"), version="2008-10-17")
    request = AccessRequest((ME,), "s3:ListBucket", "arn:aws:s3:::anna", {"aws:username": ("anna",)})
    assert not decide(request, Policies((old,))).allows


def test_a_trust_policy_names_services_accounts_and_roles() -> None:
    def trust(principal: Any) -> AccessPolicy:
        return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})

    def asks(*names: str) -> AccessRequest:
        return AccessRequest(names, "sts:AssumeRole", "*")

    assert trusts(asks("sagemaker.amazonaws.com"), trust({"Service": "sagemaker.amazonaws.com"}))
    assert not trusts(asks("lambda.amazonaws.com"), trust({"Service": ["sagemaker.amazonaws.com"]}))
    assert trusts(asks(ME, ROLE), trust({"AWS": ROLE}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "invalid Json"),
        ('{"Statement": {"Effect": "allow", "Action": "s3:*", "Resource": "*"}}', "Syntax errors"),
        ('{"Version": "2020-01-01", "Statement": []}', "valid version"),
        ('{"Statement": [{"Effect": "Allow", "Resource": "*"}]}', "must contain actions"),
        ('{"Statement": [{"Effect": "Allow", "Action": "GetObject", "Resource": "*"}]}', "prefaced by a vendor"),
        ('{"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}', "must contain resources"),
        ('{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}]}', "must be in ARN format"),
        (
            '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Same": {"a": "b"}}}]}',
            "Invalid Condition type : Same",
        ),
        (
            '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}]}',
            "not specify a principal",
        ),
    ],
)
def test_a_malformed_policy_says_why(text: str, words: str) -> None:
    with pytest.raises(MalformedPolicy, match=words):
        check_identity_policy(text)


def test_a_trust_policy_has_no_resource() -> None:
    with pytest.raises(MalformedPolicy, match="prohibited field Resource"):
        check_trust_policy(
            '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Principal": "*"}]}'
        )


def test_many_wildcards_cost_no_more_than_their_length() -> None:
    statement = allow("s3:*", "arn:aws:s3:::" + "a*" * 500 + "b")
    assert effect(own(statement), "s3:GetObject", "arn:aws:s3:::" + "a" * 20_000) is Effect.IMPLICIT_DENY


def test_hostile_patterns_and_variables_take_linear_time() -> None:
    """Backtracking over either would take hours."""
    for resource in ("arn:aws:s3:::${" + " " * 2000, "arn:aws:s3:::" + "${" * 900, "arn:aws:s3:::" + "*a" * 900 + "b"):
        assert (
            effect(own(allow("s3:*", resource)), "s3:GetObject", "arn:aws:s3:::" + "a" * 1024) is Effect.IMPLICIT_DENY
        )


def test_a_pattern_longer_than_any_arn_is_refused() -> None:
    for statement in (allow("s3:*", "arn:" + "?" * 2048), allow("s3:" + "*" * 2048, "*")):
        with pytest.raises(documents.MalformedPolicy, match="Cannot exceed 2048 characters"):
            own(statement)


@pytest.mark.parametrize(
    "statement",
    [
        deny("sagemaker:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}),
        deny("sagemaker:Describe*", "arn:aws:sagemaker:*:*:training-job/${aws:PrincipalTag/team}"),
    ],
)
def test_a_decision_is_remembered_only_if_it_depends_on_the_resource_alone(statement: dict[str, Any]) -> None:
    policies = own(allow("sagemaker:*"), statement)
    job = "arn:aws:sagemaker:us-east-1:000000000000:training-job/red"
    for _ in range(2):
        assert effect(policies, resource=job, **{"aws:PrincipalTag/team": "red"}) is Effect.EXPLICIT_DENY
        assert effect(policies, resource=job, **{"aws:PrincipalTag/team": "blue"}) is Effect.ALLOWED
    assert not policies.decisions


def test_what_is_remembered_stays_small_and_true() -> None:
    policies = own(allow("sagemaker:Describe*", f"{JOB}*"), deny("*", f"{JOB}-secret"))
    for _ in range(2):
        for number in range(600):
            assert effect(policies, resource=f"{JOB}{number}") is Effect.ALLOWED
        assert effect(policies, resource=f"{JOB}-secret") is Effect.EXPLICIT_DENY
        assert effect(policies, action="sagemaker:StopTrainingJob") is Effect.IMPLICIT_DENY
    assert 0 < len(policies.decisions) <= 512
