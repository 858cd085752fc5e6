"""Users and groups as documents: finding, changing and describing them.

Source: IAM's API reference; names are unique without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.access.kinds import GROUP, USER, GranteeDocument, scope_of
from sagewright.services.access.principals import OWNER_NAME
from sagewright.services.context import Context
from sagewright.store.identity import random_id
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

MOST = 5000
"""AWS's limit on the users of an account."""


@dataclass(frozen=True)
class GranteeKind:
    """`noun`: User or Group; `word`: in messages and ARNs; `prefix`: of its ids."""

    kind: str
    noun: str
    word: str
    prefix: str


USERS = GranteeKind(USER, "User", "user", "AIDA")
GROUPS = GranteeKind(GROUP, "Group", "group", "AGPA")


def create(context: Context, of: GranteeKind, request: dict[str, Any], changes: dict[str, Any]) -> Resource:
    """Raises EntityAlreadyExists; LimitExceeded."""
    name = request[f"{of.noun}Name"]
    rows = every(context, of)
    taken = any(row.name.lower() == name.lower() for row in rows)
    if taken or (of is USERS and name.lower() == OWNER_NAME):
        raise _taken(of, name)
    if len(rows) >= MOST:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {of.noun}sPerAccount: {MOST}", 409)
    path = request.get("Path", "/")
    document = GranteeDocument(id=random_id(of.prefix, 21), path=path, attached=[], inline={}, groups=[])
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    made = replace(document, **changes).write({})
    new = New(name, made, _arn(context.account, of, path, name), pairs, principal=context.principal.arn)
    try:
        return resources.create(context.store, scope_of(of.kind, context.account), new)
    except ResourceNameTaken:
        raise _taken(of, name) from None


def _taken(of: GranteeKind, name: str) -> AwsError:
    return AwsError("EntityAlreadyExists", f"{of.noun} with name {name} already exists.", 409)


def require(context: Context, of: GranteeKind, name: str) -> Resource:
    """Raises NoSuchEntity."""
    found = resources.find(context.store, scope_of(of.kind, context.account), name)
    if found is None:
        raise AwsError("NoSuchEntity", f"The {of.word} with name {name} cannot be found.", 404)
    return found


def alter(
    context: Context, of: GranteeKind, name: str, how: Callable[[GranteeDocument], GranteeDocument]
) -> GranteeDocument:
    """Changes a document atomically, and returns it. Raises NoSuchEntity, and the errors of `how`."""

    def altered(row: Resource) -> Resource:
        return replace(row, document=how(GranteeDocument.read(row.document)).write(row.document))

    changed = resources.alter(context.store, require(context, of, name).id, altered)
    if changed is None:
        raise AwsError("NoSuchEntity", f"The {of.word} with name {name} cannot be found.", 404)
    return GranteeDocument.read(changed.document)


def every(context: Context, of: GranteeKind) -> list[Resource]:
    """Returns all users, or groups, of the account by name."""
    asked = PageRequest(sort_by="name", descending=False, limit=100_000)
    return resources.page(context.store, scope_of(of.kind, context.account), asked)


def members_of(context: Context, group: str) -> list[Resource]:
    return [row for row in every(context, USERS) if group in GranteeDocument.read(row.document).groups]


def arn_of(of: GranteeKind, row: Resource) -> str:
    return _arn(row.account, of, GranteeDocument.read(row.document).path, row.name)


def _arn(account: str, of: GranteeKind, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{of.word}{path}{name}"


def described(of: GranteeKind, row: Resource) -> dict[str, Any]:
    document = GranteeDocument.read(row.document)
    return {
        "Path": document.path,
        f"{of.noun}Name": row.name,
        f"{of.noun}Id": document.id,
        "Arn": arn_of(of, row),
        "CreateDate": to_datetime(row.created_ms),
    }
