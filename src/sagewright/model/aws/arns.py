"""Amazon Resource Names in the shapes that clients parse."""

from __future__ import annotations

import base64
import functools
import hashlib

ROLE_NAME = "SageMakerExecutionRole"


def sagemaker_arn(region: str, account: str, kind: str, name: str) -> str:
    """`arn:aws:sagemaker:us-east-1:000000000000:training-job/x`; the name stands as it was given."""
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name}"


def role_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def assumed_role_arn(account: str, role: str, session: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


@functools.lru_cache(1000)
def id_of(prefix: str, arn: str) -> str:
    """The identifier, in AWS's form, of what has no row of its own: the same on every server and after every restart."""
    return prefix + base64.b32encode(hashlib.sha256(arn.encode()).digest())[: 20 - len(prefix)].decode()


def account_of(arn: str) -> str:
    """The account part of an ARN, empty if `arn` has none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def log_group_arn(region: str, account: str, group: str) -> str:
    return f"arn:aws:logs:{region}:{account}:log-group:{group}"
