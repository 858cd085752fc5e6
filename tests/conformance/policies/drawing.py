"""Policies, requests and context keys drawn by a seed, from words that often meet."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

VERSION = "2012-10-17"
_VARIABLE = re.compile(r"\$\{([^},]+)")
ACTIONS = (
    "s3:GetObject", "s3:PutObject", "s3:ListBucket", "sagemaker:CreateModel", "sagemaker:CreateTrainingJob",
    "sagemaker:DescribeModel", "iam:PassRole", "logs:GetLogEvents",
)  # fmt: skip
ACTION_PATTERNS = (
    *ACTIONS, "*", "s3:*", "s3:Get*", "S3:getobject", "sagemaker:Create*", "sagemaker:*Model", "sagemaker:?reate*", "*:*",
    "iam:Pass????", "s3:*Object", "logs:*LogEvents*", "sagemaker:Create.odel",
)  # fmt: skip
RESOURCES = (
    "arn:aws:s3:::churn", "arn:aws:s3:::churn/input/a.csv", "arn:aws:s3:::churn/home/ann/x", "arn:aws:s3:::other/a+b",
    "arn:aws:sagemaker:us-east-1:123456789012:model/churn-1", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/ann-7",
    "arn:aws:iam::123456789012:role/churn", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/x:log-stream:y",
)  # fmt: skip
RESOURCE_PATTERNS = (
    *RESOURCES, "*", "arn:aws:s3:::churn/*", "arn:aws:s3:::*", "arn:aws:s3:::churn/home/${aws:username}/*", "arn:aws:s3:::ch?rn*",
    "arn:aws:sagemaker:*:*:model/*", "arn:aws:sagemaker:us-east-1:*:*",
    "arn:aws:sagemaker:*:123456789012:training-job/${aws:username}-*", "arn:aws:sagemaker*:model/*",
    "arn:aws:iam::*:role/*", "arn:*:s3:::churn", "arn:aws:s3:::CHURN/*", "arn:aws:logs:*:*:log-group:/aws/*", "arn:aws:*/churn-1",
    "arn:aws:s3:::${aws:PrincipalTag/team}/*", "arn:aws:s3:::other/a+*",
)  # fmt: skip
KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "aws:username": ("String", ("ann", "bob", "Ann", "an.")),
    "aws:PrincipalTag/team": ("String", ("churn", "fraud", "Churn")),
    "s3:prefix": ("String", ("input/", "home/ann/", "", "home/ann/x")),
    "sagemaker:InstanceTypes": ("String", ("ml.m5.large", "ml.m5.xlarge", "ml.p3.2xlarge")),
    "aws:RequestTag/owner": ("String", ("ann", "bob")),
    "s3:max-keys": ("Numeric", ("10", "100", "10.0", "7")),
    "sagemaker:MaxRuntimeInSeconds": ("Numeric", ("60", "3600", "86400")),
    "aws:CurrentTime": ("Date", ("2026-01-01T00:00:00Z", "2026-06-30T12:00:00Z", "2027-01-01T00:00:00Z")),
    "aws:SecureTransport": ("Bool", ("true", "false")),
    "sagemaker:NetworkIsolation": ("Bool", ("true", "false")),
    "aws:SourceIp": ("IpAddress", ("10.0.0.7", "10.1.2.3", "203.0.113.9", "2001:db8::1")),
    "aws:SourceArn": ("Arn", RESOURCES[:6]),
}
"""Context keys with their type, and the values that a request may have."""
WANTED = {
    "aws:username": ("ann", "a*", "*n", "bob", "?nn", "${aws:PrincipalTag/team}"),
    "aws:PrincipalTag/team": ("churn", "ch*", "${aws:username}", "fraud"),
    "s3:prefix": ("home/${aws:username}/*", "input/", "home/*", "", "*"),
    "sagemaker:InstanceTypes": ("ml.m5.*", "ml.m5.large", "ml.*.2xlarge", "ml.m5.xlarge"),
    "aws:RequestTag/owner": ("${aws:username}", "ann", "*"),
    "aws:SourceIp": ("10.0.0.0/8", "10.0.0.7/32", "203.0.113.0/24", "2001:db8::/32"),
    "aws:SourceArn": (
        "arn:aws:s3:::churn",
        "arn:aws:s3:::*",
        "arn:aws:sagemaker:*:*:model/*",
        "arn:aws:sagemaker:us-east-1:*:*",
    ),
}
"""Values in policies, where they differ from those of requests."""
OPERATORS = {
    "String": ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike"),
    "Numeric": ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"),
    "Date": ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"),
    "Arn": ("Equals", "Like", "NotEquals", "NotLike"),
}
SEVERAL = frozenset({"sagemaker:InstanceTypes"})
"""Keys with several values, which policies ask about by ForAllValues and ForAnyValue."""


@dataclass(frozen=True)
class PolicyCase:
    """A policy and a request; `context`: values by key."""

    policy: dict[str, Any]
    action: str
    resource: str
    context: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def atoms(self) -> Iterator[PolicyCase]:
        """Yields the same request for each pattern and each condition alone."""
        for one in self.policy["Statement"]:
            for pattern in one.get("Action", one.get("NotAction")):
                yield self._alone({"Action": [pattern], "Resource": ["*"]})
            for pattern in one.get("Resource", one.get("NotResource")):
                yield self._alone({"Action": ["*"], "Resource": [pattern]})
            for operator, keys in one.get("Condition", {}).items():
                for key, values in keys.items():
                    yield self._alone({"Action": ["*"], "Resource": ["*"], "Condition": {operator: {key: values}}})

    def _alone(self, statement: dict[str, Any]) -> PolicyCase:
        policy = {"Version": VERSION, "Statement": [{"Effect": "Allow", **statement}]}
        asked = {name.lower() for name in _VARIABLE.findall(json.dumps(statement))}
        asked |= {key.lower() for keys in statement.get("Condition", {}).values() for key in keys}
        context = {key: values for key, values in self.context.items() if key.lower() in asked}
        return PolicyCase(policy, self.action, self.resource, context)


def draw(seed: int) -> PolicyCase:
    random_ = random.Random(seed)
    statements = [_statement(random_, number) for number in range(random_.choice((1, 1, 1, 2, 3)))]
    context = {key: _given(random_, key) for key in KEYS if random_.random() < 0.6}
    return PolicyCase(
        {"Version": VERSION, "Statement": statements}, random_.choice(ACTIONS), random_.choice(RESOURCES), context
    )


def _given(random_: random.Random, key: str) -> list[str]:
    values = KEYS[key][1]
    return random_.sample(values, random_.randint(1, 2)) if key in SEVERAL else [random_.choice(values)]


def _statement(random_: random.Random, number: int) -> dict[str, Any]:
    action = "NotAction" if random_.random() < 0.15 else "Action"
    resource = "NotResource" if random_.random() < 0.15 else "Resource"
    made: dict[str, Any] = {
        "Sid": f"s{number}",
        "Effect": "Deny" if random_.random() < 0.3 else "Allow",
        action: _patterns(random_, ACTION_PATTERNS, 0.3 if action == "Action" else 0.0),
        resource: _patterns(random_, RESOURCE_PATTERNS, 0.3 if resource == "Resource" else 0.0),
    }
    conditions: dict[str, dict[str, list[str]]] = {}
    for _ in range(random_.choice((0, 0, 1, 1, 2))):
        key = random_.choice(list(KEYS))
        wanted = WANTED.get(key, KEYS[key][1])
        operator = _operator(random_, key)
        conditions.setdefault(operator, {})[key] = (
            [random_.choice(("true", "false"))]
            if operator == "Null" or KEYS[key][0] == "Bool"
            else random_.sample(wanted, random_.choice((1, 1, 2)))
        )
    return made | ({"Condition": conditions} if conditions else {})


def _patterns(random_: random.Random, patterns: tuple[str, ...], everything: float) -> list[str]:
    """Draws patterns, or with the probability `everything` the one that covers all."""
    return ["*"] if random_.random() < everything else random_.sample(patterns, random_.choice((1, 1, 2, 4)))


def _operator(random_: random.Random, key: str) -> str:
    kind = KEYS[key][0]
    if random_.random() < 0.08:
        return "Null"
    if kind == "Bool":
        name = "Bool"
    elif kind == "IpAddress":
        name = random_.choice(("IpAddress", "NotIpAddress"))
    else:
        name = kind + random_.choice(OPERATORS[kind])
    if key in SEVERAL:
        name = random_.choice(("ForAllValues:", "ForAnyValue:")) + name
    return f"{name}IfExists" if random_.random() < 0.15 else name
