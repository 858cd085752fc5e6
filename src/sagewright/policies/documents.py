"""Policy documents, read once and kept by their text.

Source: IAM's user guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sagewright.policies import patterns
from sagewright.policies.conditions import Condition, UnknownOperator, read_operator
from sagewright.policies.patterns import Matcher, Values

VERSIONS = ("2012-10-17", "2008-10-17")
MOST_CHARACTERS = 131_072
_KEPT = 512
_ACTIONS_KEPT = 256
_STATEMENT = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
})  # fmt: skip


class MalformedPolicy(ValueError):
    """A document that is not a policy, in IAM's words."""


@dataclass(frozen=True)
class Principals:
    """`everyone`: a `*`; `by_kind`: patterns by AWS, Service, Federated, CanonicalUser."""

    everyone: bool
    by_kind: Mapping[str, tuple[str, ...]]

    def include(self, names: tuple[str, ...]) -> bool:
        """`names`: ARNs and accounts under which the caller may be named."""
        if self.everyone:
            return True
        listed = [one for each in self.by_kind.values() for one in each]
        return any(one == "*" or one in names for one in listed)


@dataclass(frozen=True)
class AccessStatement:
    """`actions` and `resources` are patterns; with `not_actions`, `not_resources`, `not_principals` they say which are excluded."""

    sid: str
    number: int
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    principals: Principals | None
    not_principals: bool
    conditions: tuple[Condition, ...]
    variables: bool

    @cached_property
    def is_plain(self) -> bool:
        """True for a statement that depends on action and resource alone."""
        filled = self.variables and any(map(patterns.has_variable, self.resources))
        return not self.conditions and self.principals is None and not filled

    def covers_action(self, action: str) -> bool:
        """`action`: `service:Operation` in lower case."""
        known = self._covered.get(action)
        if known is None:
            known = any(matches(action) for matches in self._action_matchers) != self.not_actions
            if len(self._covered) < _ACTIONS_KEPT:
                self._covered[action] = known
        return known

    @cached_property
    def _covered(self) -> dict[str, bool]:
        """Caches which actions are covered: a statement is asked about the same few again and again."""
        return {}

    @cached_property
    def _action_matchers(self) -> tuple[Matcher, ...]:
        return tuple(patterns.glob(one.lower()) for one in self.actions)

    def covers_resource(self, resource: str, values: Values) -> bool:
        if not self.resources:
            return True
        return any(self._resource(one, resource, values) for one in self.resources) != self.not_resources

    def _resource(self, pattern: str, resource: str, values: Values) -> bool:
        if self.variables and patterns.has_variable(pattern):
            found = patterns.substituted(pattern, values)
            return found is not None and patterns.arn_matches(found, resource)
        return pattern == "*" or patterns.arn_matches(pattern, resource)

    def names(self, caller: tuple[str, ...]) -> bool:
        """Returns True if the statement is about the caller; one in an identity's own policy always is."""
        return self.principals is None or self.principals.include(caller) != self.not_principals

    def holds(self, values: Values) -> bool:
        return all(one.holds(values, variables=self.variables) for one in self.conditions)

    def missing(self, values: Values) -> tuple[str, ...]:
        """Returns the context keys that the conditions ask for and the request lacks."""
        return tuple(one.key for one in self.conditions if one.key not in values)


@dataclass(frozen=True)
class AccessPolicy:
    """`name`: its source, as results name it; `denials` and `grants`: its statements."""

    name: str
    denials: tuple[AccessStatement, ...] = ()
    grants: tuple[AccessStatement, ...] = ()

    @property
    def statements(self) -> tuple[AccessStatement, ...]:
        return (*self.denials, *self.grants)

    def about(self, action: str, *, allows: bool) -> tuple[AccessStatement, ...]:
        """Returns the grants or denials that cover an action, `service:Operation` in lower case."""
        key = action, allows
        found = self._about.get(key)
        if found is None:
            found = tuple(one for one in (self.grants if allows else self.denials) if one.covers_action(action))
            if len(self._about) < _ACTIONS_KEPT:
                self._about[key] = found
        return found

    @cached_property
    def _about(self) -> dict[tuple[str, bool], tuple[AccessStatement, ...]]:
        """Caches the statements about the same few actions."""
        return {}


def read(text: str, name: str = "") -> AccessPolicy:
    """Reads a policy. Raises MalformedPolicy."""
    return AccessPolicy(name, *_statements(text))


@lru_cache(_KEPT)
def _statements(text: str) -> tuple[tuple[AccessStatement, ...], tuple[AccessStatement, ...]]:
    """Returns the statements that deny, and those that allow."""
    if len(text) > MOST_CHARACTERS:
        raise MalformedPolicy(f"Cannot exceed quota for PolicySize: {MOST_CHARACTERS}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedPolicy("This policy contains invalid Json") from None
    if not isinstance(document, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    if set(document) - {"Version", "Id", "Statement"}:
        raise MalformedPolicy("Syntax errors in policy.")
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    listed = document.get("Statement")
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list):
        raise MalformedPolicy("Syntax errors in policy.")
    read_ones = tuple(_statement(number, one, version == VERSIONS[0]) for number, one in enumerate(listed))
    sids = [one.sid for one in read_ones if one.sid]
    if len(sids) != len(set(sids)):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    return tuple(one for one in read_ones if not one.allows), tuple(one for one in read_ones if one.allows)


def _statement(number: int, document: Any, variables: bool) -> AccessStatement:
    if not isinstance(document, dict) or set(document) - _STATEMENT:
        raise MalformedPolicy("Syntax errors in policy.")
    effect = document.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicy("Syntax errors in policy.")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in document and other in document:
            raise MalformedPolicy("Syntax errors in policy.")
    if "Action" not in document and "NotAction" not in document:
        raise MalformedPolicy("Policy statement must contain actions.")
    actions = _checked_lengths(_texts(document.get("Action", document.get("NotAction"))))
    for action in actions:
        if action != "*" and ":" not in action:
            raise MalformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    named = document.get("Principal", document.get("NotPrincipal"))
    return AccessStatement(
        str(document.get("Sid") or ""),
        number,
        effect == "Allow",
        actions,
        "NotAction" in document,
        _checked_lengths(_texts(document.get("Resource", document.get("NotResource", [])))),
        "NotResource" in document,
        None if named is None else _principals(named),
        "NotPrincipal" in document,
        read_conditions(document.get("Condition", {})),
        variables,
    )


def _checked_lengths(found: tuple[str, ...]) -> tuple[str, ...]:
    for one in found:
        if len(one) > patterns.MOST_CHARACTERS:
            raise MalformedPolicy(f"Cannot exceed {patterns.MOST_CHARACTERS} characters: {one[:64]}…")
    return found


def _texts(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise MalformedPolicy("Syntax errors in policy.")
    return tuple(listed)


def _principals(value: Any) -> Principals:
    if value == "*":
        return Principals(True, {})
    if not isinstance(value, dict):
        raise MalformedPolicy("Invalid principal in policy")
    by_kind = {str(kind): _texts(names) for kind, names in value.items()}
    if set(by_kind) - {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise MalformedPolicy("Invalid principal in policy")
    return Principals("*" in by_kind.get("AWS", ()), by_kind)


def read_conditions(value: Any) -> tuple[Condition, ...]:
    """Reads the `Condition` of a statement. Raises MalformedPolicy."""
    if not isinstance(value, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    found = []
    for operator, keys in value.items():
        try:
            name, over, if_exists = read_operator(operator)
        except UnknownOperator:
            raise MalformedPolicy(f"Invalid Condition type : {operator}.") from None
        if not isinstance(keys, dict):
            raise MalformedPolicy("Syntax errors in policy.")
        found += [Condition(name, key.lower(), _scalars(wanted), over, if_exists) for key, wanted in keys.items()]
    return tuple(found)


def _scalars(value: Any) -> tuple[str, ...]:
    """Returns the values of a condition: texts, numbers and truth values as texts."""
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float | bool) for one in listed):
        raise MalformedPolicy("Syntax errors in policy.")
    return _checked_lengths(tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed))


def check_identity_policy(text: str) -> None:
    """Checks a policy of a user, group or role. Raises MalformedPolicy."""
    for one in read(text).statements:
        if one.principals is not None:
            raise MalformedPolicy("Policy document should not specify a principal.")
        if not one.resources:
            raise MalformedPolicy("Policy statement must contain resources.")
        for resource in one.resources:
            if resource != "*" and not resource.startswith(("arn:", "${")):
                raise MalformedPolicy(f'Resource {resource} must be in ARN format or "*".')


def check_trust_policy(text: str) -> None:
    """Checks a role's trust policy. Raises MalformedPolicy."""
    for one in read(text).statements:
        if one.resources:
            raise MalformedPolicy("Has prohibited field Resource")
        if one.principals is None:
            raise MalformedPolicy("Missing required field Principal")
