"""The policies that apply to a principal: its own, its groups', those attached to them, and its boundary."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sagewright.model.aws.arns import ROLE_NAME, role_arn
from sagewright.policies import documents
from sagewright.policies.documents import AccessPolicy, MalformedPolicy
from sagewright.policies.evaluation import Policies
from sagewright.services.access.kinds import BOUNDARY, GROUP, POLICY, USER, GranteeDocument, PolicyDocument, scope_of
from sagewright.services.access.managed import DEFAULT_ROLE_POLICIES, EVERYTHING, OF_AWS, managed_document
from sagewright.services.access.principals import is_owner, read_principal
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.memory import IDENTITIES
from sagewright.store.resources import resources, tags

T = TypeVar("T")
FRESH_S = 1.0
"""Time for which policies are valid without being read again, where several servers share a store."""
MOST, MOST_ALLOWED = 4096, 256
ANYTHING = Policies((documents.read(managed_document(OF_AWS + EVERYTHING) or "", EVERYTHING),))
log = logging.getLogger("sagewright.services.access")
_recent: WeakKeyDictionary[Database, dict[Hashable, tuple[float, Any]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Rights:
    """The policies of a principal, and its tags."""

    policies: Policies = Policies()
    tags: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def allowed(self) -> set[Hashable]:
        """Caches requests that are allowed by these policies alone, whatever else changes."""
        return set()

    def allow(self, request: Hashable) -> None:
        """Adds a request to the cache."""
        if len(self.allowed) >= MOST_ALLOWED:
            self.allowed.clear()
        self.allowed.add(request)


def recalled(store: Database, what: Hashable, read: Callable[[], T]) -> T:
    """Returns `read()`, or its result from before as long as nothing in IAM has changed since; on PostgreSQL for FRESH_S."""
    if store.embedded:
        found = store.recall(IDENTITIES, what, read)
        return read() if found is None else found
    kept = _recent.setdefault(store, {})
    now_s = time.monotonic()
    at_s, value = kept.get(what, (-math.inf, None))
    if now_s - at_s < FRESH_S:
        return cast(T, value)
    if len(kept) >= MOST:
        kept.clear()
    fresh = read()
    kept[what] = now_s, fresh
    return fresh


def rights_of(store: Database, account: str, arn: str, *, stand_ins: bool = False) -> Rights:
    """Returns the rights of a principal; none for one that does not exist. `stand_ins`: a role that was never created may do
    everything."""
    return recalled(store, (account, arn, stand_ins), lambda: _read_rights(store, account, arn, stand_ins))


def _read_rights(store: Database, account: str, arn: str, stand_ins: bool) -> Rights:
    principal = read_principal(arn)
    if principal is None or principal.account != account:
        return Rights()
    if is_owner(account, arn):
        return Rights(ANYTHING)
    if principal.kind == "user":
        return _of_user(store, account, principal.name)
    return _of_role(store, account, principal.name, stand_ins)


def _of_user(store: Database, account: str, name: str) -> Rights:
    found = resources.find(store, scope_of(USER, account), name)
    if found is None:
        return Rights()
    user = GranteeDocument.read(found.document)
    granted = list(_own(store, account, user))
    for group in user.groups:
        of_group = resources.find(store, scope_of(GROUP, account), group)
        if of_group is not None:
            granted += _own(store, account, GranteeDocument.read(of_group.document))
    limits = read_attached(store, account, [user.boundary]) if user.boundary else None
    return Rights(Policies(tuple(granted), limits), tags.of(store, f"arn:aws:iam::{account}:user{user.path}{name}"))


def _of_role(store: Database, account: str, name: str, stand_ins: bool) -> Rights:
    boundary = resources.find(store, scope_of(BOUNDARY, account), name)
    limits = None if boundary is None else read_attached(store, account, [boundary.document["Arn"]])
    role = identity.find_role(store, account, name)
    if role is None:
        if stand_ins:
            return Rights(Policies(ANYTHING.identity, limits))
        given = DEFAULT_ROLE_POLICIES if name == ROLE_NAME else ()
        return Rights(Policies(read_attached(store, account, given), limits))
    own = _read_all(role["inline"])
    pairs = tags.of(store, f"{role_arn(account, '')[:-1]}{role['path']}{name}")
    return Rights(Policies((*own, *read_attached(store, account, role["attached"])), limits), pairs)


def _own(store: Database, account: str, grantee: GranteeDocument) -> tuple[AccessPolicy, ...]:
    return (*_read_all(grantee.inline), *read_attached(store, account, grantee.attached))


def _read_all(inline: Mapping[str, str]) -> tuple[AccessPolicy, ...]:
    return tuple(_read(text, name) for name, text in sorted(inline.items()))


def read_attached(store: Database, account: str, arns: Sequence[str]) -> tuple[AccessPolicy, ...]:
    """Returns managed policies by their ARNs; one that is not known grants nothing."""
    found = []
    for arn in arns:
        text = policy_text(store, account, arn)
        if text is None:
            log.warning("the policy %s is not known here: it grants nothing", arn)
            continue
        found.append(_read(text, arn.rpartition("/")[2]))
    return tuple(found)


def policy_text(store: Database, account: str, arn: str) -> str | None:
    """Returns the default version of a managed policy of the account, or one of AWS's; None if there is none."""
    if OF_AWS in arn:
        return managed_document(arn)
    found = resources.find(store, scope_of(POLICY, account), arn.rpartition("/")[2])
    if found is None:
        return None
    document = PolicyDocument.read(found.document)
    if arn != f"arn:aws:iam::{account}:policy{document.path}{found.name}":
        return None
    return next(str(one["Document"]) for one in document.versions if one["Id"] == document.default)


def _read(text: str, name: str) -> AccessPolicy:
    """Reads a stored policy; one of an earlier version that is malformed grants nothing."""
    try:
        return documents.read(text, name)
    except MalformedPolicy:
        return AccessPolicy(name)
