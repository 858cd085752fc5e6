"""AWS's global condition keys that depend on the caller and on the request's way here.

Source: IAM's user guide, "AWS global condition context keys" and "IAM and AWS STS condition context keys".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

_SESSION = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d*):assumed-role/(?P<role>[^/]+)/.+")


@dataclass(frozen=True)
class Calling:
    """Who calls: `tags` are those of the user, or of the role and its session."""

    arn: str
    user_id: str
    account: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names under which a resource's policy may name the caller, its own ARN first."""
        return names_of(self.arn, self.account)


@dataclass(frozen=True)
class Arriving:
    """How a request arrived. `secure`: it could not be read on the way."""

    address: str = ""
    secure: bool = True
    region: str = ""
    agent: str | None = None
    referer: str | None = None


@lru_cache(4096)
def names_of(arn: str, account: str) -> tuple[str, ...]:
    """Returns the names under which a resource's policy may name a caller."""
    own = (arn,) if (role := role_of(arn)) == arn else (arn, role)
    return (*own, f"arn:aws:iam::{account}:root", account)


def role_of(arn: str) -> str:
    """Returns the ARN of the role of a session, and any other ARN unchanged."""
    found = _SESSION.fullmatch(arn)
    return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}" if found else arn


def caller_keys(calling: Calling) -> dict[str, Sequence[str]]:
    """Returns the values of the keys about the caller, by key in lower case."""
    kind, name = _kind(calling.arn)
    found: dict[str, Sequence[str]] = {
        "aws:principalarn": (role_of(calling.arn),),
        "aws:principalaccount": (calling.account,),
        "aws:principaltype": (kind,),
        "aws:userid": (calling.user_id,),
    }
    if kind == "User":
        found["aws:username"] = (name,)
    return found | {f"aws:principaltag/{key.lower()}": (value,) for key, value in calling.tags.items()}


def arrival_keys(arriving: Arriving) -> dict[str, Sequence[str]]:
    """Returns the values of the keys about the request's way here, by key in lower case."""
    now = datetime.now(UTC)
    found: dict[str, Sequence[str]] = {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:securetransport": ("true" if arriving.secure else "false",),
        "aws:viaawsservice": ("false",),
    }
    given = {
        "aws:sourceip": arriving.address,
        "aws:requestedregion": arriving.region,
        "aws:useragent": arriving.agent,
        "aws:referer": arriving.referer,
    }
    return found | {key: (value,) for key, value in given.items() if value}


def _kind(arn: str) -> tuple[str, str]:
    """Returns the type of a principal, and a user's name."""
    if ":assumed-role/" in arn or ":role/" in arn:
        return "AssumedRole", ""
    if ":user/" in arn:
        return "User", arn.rpartition("/")[2]
    return "Account", ""
