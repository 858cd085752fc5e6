"""The decision of a request by the policies that apply to it.

An explicit Deny anywhere decides. Otherwise a policy of the resource, or one of the identity, has to allow it, and so have the
permissions boundary and the session's policies where there are any. A resource's policy that names the caller's own ARN is not
limited by them; one that names the account leaves the decision to the identity's policies. Source: IAM's user guide, "Policy
evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from sagewright.policies.documents import AccessPolicy, AccessStatement
from sagewright.policies.patterns import Values

K = TypeVar("K")
V = TypeVar("V")
_MOST_KEPT = 512
"""Decisions and actions that are kept with a principal's policies."""


class Effect(StrEnum):
    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True)
class AccessRequest:
    """`caller`: names under which a resource's policy may name the caller, its own ARN first; `action`: `service:Operation`;
    `values`: context keys in lower case."""

    caller: tuple[str, ...]
    action: str
    resource: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Policies:
    """`boundary` and `session` are None where there is none, which limits nothing; an empty one allows nothing. `governed`: True if
    the identity's policies count only where the resource's policy allows the action to the caller or its account."""

    identity: tuple[AccessPolicy, ...] = ()
    boundary: tuple[AccessPolicy, ...] | None = None
    session: tuple[AccessPolicy, ...] | None = None
    resource: tuple[AccessPolicy, ...] = ()
    governed: bool = False

    @property
    def every(self) -> tuple[AccessPolicy, ...]:
        return (*self.identity, *(self.boundary or ()), *(self.session or ()), *self.resource)

    @cached_property
    def settled(self) -> dict[str, bool]:
        """Caches by action whether the decision depends on the resource alone."""
        return {}

    @cached_property
    def decisions(self) -> dict[tuple[str, str], AccessDecision]:
        """Caches such decisions, by action and resource."""
        return {}


@dataclass(frozen=True)
class Matched:
    policy: str
    statement: AccessStatement


@dataclass(frozen=True)
class AccessDecision:
    """`matched`: the statements that decided; `missing`: context keys that the request lacks; `limit`: boundary or session, if
    it did not allow a request that the identity may make."""

    effect: Effect
    matched: tuple[Matched, ...] = ()
    missing: tuple[str, ...] = ()
    limit: str = ""

    @property
    def allows(self) -> bool:
        return self.effect is Effect.ALLOWED


def decide(request: AccessRequest, policies: Policies) -> AccessDecision:
    """Returns the decision."""
    key = request.action, request.resource
    made = policies.decisions.get(key)
    if made is None:
        made = _decided(request, policies)
        if is_settled(request.action, policies):
            _keep(policies.decisions, key, made)
    return made


def is_settled(action: str, policies: Policies) -> bool:
    """Returns True if no statement about an action has a condition, a variable or a principal, so that its decision depends on the
    resource alone."""
    known = policies.settled.get(action)
    if known is None:
        lower = action.lower()
        about = [one for policy in policies.every for one in policy.statements if one.covers_action(lower)]
        known = all(one.is_plain for one in about)
        _keep(policies.settled, action, known)
    return known


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[key] = value


def _decided(request: AccessRequest, policies: Policies) -> AccessDecision:
    missing: dict[str, None] = {}
    denied = _matching(request, policies.every, missing, allows=False)
    if denied:
        return AccessDecision(Effect.EXPLICIT_DENY, denied)
    named = _matching(request, policies.resource, missing, allows=True)
    by_resource = tuple(one for one in named if _names_identity(one.statement, request.caller))
    direct = tuple(one for one in by_resource if _names_directly(one.statement, request.caller[:1]))
    if direct:
        return AccessDecision(Effect.ALLOWED, direct)
    counts = bool(named) or not policies.governed
    by_identity = _matching(request, policies.identity, missing, allows=True) if counts else ()
    granted = by_resource or by_identity
    if not granted:
        return AccessDecision(Effect.IMPLICIT_DENY, (), tuple(missing))
    for name, limiting in (("boundary", policies.boundary), ("session", policies.session)):
        if limiting is not None and not _matching(request, limiting, missing, allows=True):
            return AccessDecision(Effect.IMPLICIT_DENY, (), tuple(missing), name)
    return AccessDecision(Effect.ALLOWED, granted)


def trusts(request: AccessRequest, trust: AccessPolicy) -> bool:
    """Returns True if a role's trust policy lets the caller assume it, by naming the caller, its account, or the service that
    calls."""
    missing: dict[str, None] = {}
    if _matching(request, (trust,), missing, allows=False):
        return False
    return bool(_matching(request, (trust,), missing, allows=True))


def may_assume(request: AccessRequest, trust: AccessPolicy, own: Policies) -> bool:
    """Returns True if the caller may assume a role: the trust policy has to allow it, and the caller's own policies too, unless the
    trust policy names the caller. `request.resource`: the role's ARN."""
    return trusts(request, trust) and decide(request, replace(own, resource=(trust,))).allows


def _matching(
    request: AccessRequest, policies: Iterable[AccessPolicy], missing: dict[str, None], *, allows: bool
) -> tuple[Matched, ...]:
    action = request.action.lower()
    return tuple(
        [
            Matched(policy.name, one)
            for policy in policies
            for one in policy.about(action, allows=allows)
            if _applies(request, one, missing)
        ]
    )


def _applies(request: AccessRequest, one: AccessStatement, missing: dict[str, None]) -> bool:
    if not (one.names(request.caller) and one.covers_resource(request.resource, request.values)):
        return False
    if one.holds(request.values):
        return True
    missing.update(dict.fromkeys(one.missing(request.values)))
    return False


def _names_identity(one: AccessStatement, caller: tuple[str, ...]) -> bool:
    """Returns True for a statement that names the caller or everyone, False for one that names only the caller's account."""
    return one.names(
        caller[:1] + tuple(name for name in caller[1:] if not (name.isdecimal() or name.endswith(":root")))
    )


def _names_directly(one: AccessStatement, caller: Sequence[str]) -> bool:
    """Returns True for a statement that names the caller's own ARN, False for one that names its account or everyone."""
    if one.principals is None or one.not_principals:
        return False
    return any(name in caller for names in one.principals.by_kind.values() for name in names)
