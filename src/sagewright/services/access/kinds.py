"""Documents of IAM: managed policies, users, groups and boundaries of roles. IAM has no regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.model.members import TypedDocument, member
from sagewright.store.jobs.jobs import ResourceScope

POLICY, USER, GROUP, BOUNDARY = "iam-policy", "iam-user", "iam-group", "iam-boundary"


@dataclass(frozen=True, kw_only=True)
class PolicyDocument(TypedDocument):
    """A managed policy. `versions`: each with its Id, Document and AtMs; `next`: number of the next version."""

    id: str = member("Id")
    path: str = member("Path")
    description: str = member("Description", "")
    default: str = member("Default")
    versions: list[dict[str, Any]] = member("Versions")
    next: int = member("Next")


@dataclass(frozen=True, kw_only=True)
class GranteeDocument(TypedDocument):
    """A user or a group. `attached`: ARNs of policies; `inline`: policies by name; `groups`: a user's; `boundary`: a user's."""

    id: str = member("Id")
    path: str = member("Path")
    attached: list[str] = member("Attached")
    inline: dict[str, str] = member("Inline")
    groups: list[str] = member("Groups")
    boundary: str = member("Boundary", "")


def scope_of(kind: str, account: str) -> ResourceScope:
    return ResourceScope(kind, account, "")
