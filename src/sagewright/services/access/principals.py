"""Principals by their ARNs, and the owner of the account.

The owner holds the admin's key. It appears as a session of the execution role, since both SDKs refuse a caller without a
role; no other session can have its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn

OWNER_SESSION = "admin"
OWNER_NAME = "admin"
"""The owner as a user of IAM."""
_PRINCIPAL = re.compile(
    r"arn:[^:]+:(?:iam|sts)::(?P<account>\d*):(?:(?P<root>root)|(?P<kind>user|role|assumed-role)/(?P<name>.+))"
)


@dataclass(frozen=True)
class ReadPrincipal:
    """`kind`: user, role, or root for the account itself; `name`: the user's or the role's, without its path."""

    kind: str
    account: str
    name: str


def read_principal(arn: str) -> ReadPrincipal | None:
    """Returns None for an ARN of something else."""
    found = _PRINCIPAL.fullmatch(arn)
    if found is None:
        return None
    if found["root"]:
        return ReadPrincipal("root", found["account"], "")
    if found["kind"] == "assumed-role":
        return ReadPrincipal("role", found["account"], found["name"].partition("/")[0])
    return ReadPrincipal(found["kind"], found["account"], found["name"].rpartition("/")[2])


def owner_arn(account: str) -> str:
    return assumed_role_arn(account, ROLE_NAME, OWNER_SESSION)


def is_owner(account: str, arn: str) -> bool:
    return arn in (owner_arn(account), f"arn:aws:iam::{account}:root")


def session_arn(account: str, role: str, session: str) -> str:
    """Returns the ARN of a session whose name a user chose: never the owner's."""
    made = assumed_role_arn(account, role, session)
    return f"{made}@{role}" if made == owner_arn(account) else made
