"""Bucket policies: parsing, validation, and evaluation to allow or deny.

Source: the IAM user guide, "Policy elements" and "Policy evaluation logic"; the S3 user guide, "The meaning of public".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.policies import patterns
from sagewright.policies.conditions import Condition
from sagewright.policies.documents import MalformedPolicy
from sagewright.services.aws.s3 import policy_conditions
from sagewright.services.aws.s3.policy_conditions import EXISTING_TAG

MAX_POLICY_BYTES = 20 * 1024
VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/(?:.*/)?(?P<role>[^/]+)")
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(?P<account>\d{12})(?::root)?")


class PolicyVerdict(Enum):
    """The result of evaluating a policy for a request."""

    ALLOW = "a statement allows it"
    DELEGATE = "a statement leaves it to the account's own policies"
    DENY = "a statement denies it"
    SILENT = "no statement is about it"


@dataclass(frozen=True)
class PolicyRequest:
    """A principal (an ARN, "" if anonymous), an action and a resource; `values`: the condition keys' values."""

    principal: str
    action: str
    resource: str
    values: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Statement:
    """One statement, with every element as a list. `negated`: the elements that were given as Not..."""

    allows: bool
    principals: Sequence[str]
    actions: Sequence[str]
    resources: Sequence[str]
    negated: frozenset[str]
    conditions: Sequence[Condition]

    def fits(self, requested: PolicyRequest) -> bool:
        return (
            self._holds("Action", any(_like(a.lower(), requested.action.lower()) for a in self.actions))
            and self._holds("Resource", any(_like(r, requested.resource) for r in self.resources))
            and self._holds("Principal", any(_is(p, requested.principal) for p in self.principals))
            and policy_conditions.hold(self.conditions, requested.values)
        )

    def _holds(self, element: str, found: bool) -> bool:
        return found != (element in self.negated)

    def names_beyond_account(self, principal: str) -> bool:
        """Returns True if the statement names the caller or everyone, and not only the caller's account."""
        named = (one for one in self.principals if _ACCOUNT.fullmatch(one) is None)
        return "Principal" in self.negated or any(_is(one, principal) for one in named)

    @property
    def public(self) -> bool:
        """Returns True if the statement grants something to everyone."""
        everybody = "*" in self.principals or "Principal" in self.negated
        return self.allows and everybody and not policy_conditions.fix_principal(self.conditions)


@dataclass(frozen=True)
class Policy:
    statements: tuple[Statement, ...]

    def judge(self, requested: PolicyRequest) -> PolicyVerdict:
        fitting = [statement for statement in self.statements if statement.fits(requested)]
        if any(not statement.allows for statement in fitting):
            return PolicyVerdict.DENY
        if any(statement.names_beyond_account(requested.principal) for statement in fitting):
            return PolicyVerdict.ALLOW
        return PolicyVerdict.DELEGATE if fitting else PolicyVerdict.SILENT

    @property
    def public(self) -> bool:
        return any(statement.public for statement in self.statements)

    @property
    def asks_tags(self) -> bool:
        """Returns True if a condition depends on the object's current tags."""
        return any(one.key.startswith(EXISTING_TAG) for statement in self.statements for one in statement.conditions)


def parse(text: str, bucket: str) -> Policy:
    """Raises MalformedPolicy, PolicyTooLarge."""
    if len(text.encode()) > MAX_POLICY_BYTES:
        raise AwsError("PolicyTooLarge", f"A policy may have {MAX_POLICY_BYTES} bytes, got {len(text.encode())}")
    try:
        document = read_json(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise malformed("Policies must be valid JSON and the first byte must be '{'")
    if document.get("Version", "2008-10-17") not in VERSIONS:
        raise malformed("The policy must contain a valid version string")
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(each, dict) for each in statements):
        raise malformed("Missing required field Statement")
    return Policy(tuple(_statement(each, bucket) for each in statements))


@lru_cache(maxsize=1024)
def parsed(text: str, bucket: str) -> Policy:
    """Parses a policy that was accepted before."""
    return parse(text, bucket)


def role_of(arn: str) -> str:
    """Returns the role of a session, which conditions match; any other ARN unchanged."""
    session = _SESSION.fullmatch(arn)
    return f"arn:aws:iam::{session['account']}:role/{session['role']}" if session else arn


def malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, 400)


def _statement(document: Mapping[str, Any], bucket: str) -> Statement:
    unknown = sorted(set(document) - _ELEMENTS)
    if unknown:
        raise malformed(f"Unknown field {unknown[0]}")
    if document.get("Effect") not in {"Allow", "Deny"}:
        raise malformed(f"Invalid effect: {document.get('Effect')}")
    if document["Effect"] == "Allow" and "NotPrincipal" in document:
        raise malformed("Allow with NotPrincipal is not allowed.")
    negated: set[str] = set()
    found = {name: _element(document, name, negated) for name in ("Action", "Resource", "Principal")}
    principals = _principals(found["Principal"])
    actions, resources = _texts(found["Action"], "action"), _texts(found["Resource"], "resource")
    for action in actions:
        if action != "*" and not action.lower().startswith("s3:"):
            raise malformed(f"Policy has invalid action: {action}")
    for resource in resources:
        if not _inside(resource, bucket):
            raise malformed(f"Policy has invalid resource: {resource}")
    try:
        conditions = policy_conditions.read(document.get("Condition", {}))
    except MalformedPolicy as error:
        raise malformed(str(error)) from None
    return Statement(document["Effect"] == "Allow", principals, actions, resources, frozenset(negated), conditions)


def _element(document: Mapping[str, Any], name: str, negated: set[str]) -> Any:
    if (name in document) == (f"Not{name}" in document):
        raise malformed(f"Missing required field {name}" if name not in document else f"{name} and Not{name} at once")
    if name in document:
        return document[name]
    negated.add(name)
    return document[f"Not{name}"]


def _texts(value: Any, what: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
        raise malformed(f"Policy has invalid {what}")
    return values


def _principals(value: Any) -> list[str]:
    if value == "*":
        return ["*"]
    if not isinstance(value, dict) or not value:
        raise malformed("Invalid principal in policy")
    found: list[str] = []
    for kind, names in value.items():
        if kind not in {"AWS", "Service", "Federated", "CanonicalUser"}:
            raise malformed(f"Invalid principal in policy: {kind}")
        found += _texts(names, "principal")
    return found


def _inside(resource: str, bucket: str) -> bool:
    head, _, name = resource.partition(":::")
    return head in {"arn:aws:s3", "arn:*:s3"} and _like(name.partition("/")[0], bucket)


def _is(principal: str, arn: str) -> bool:
    """Returns True if an element of a statement's principals matches the caller."""
    if principal in {"*", arn}:
        return True
    session = _SESSION.fullmatch(arn)
    account = _ACCOUNT.fullmatch(principal)
    if session is None or account is not None:
        return account is not None and f"::{account['account']}:" in arn
    role = _ROLE.fullmatch(principal)
    return role is not None and (role["account"], role["role"]) == (session["account"], session["role"])


def _like(pattern: str, text: str) -> bool:
    """Matches `*` and `?` as in policies, where brackets are literal."""
    return patterns.glob(pattern)(text)
