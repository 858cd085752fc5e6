"""Amazon Resource Names in the formats that clients parse."""

from __future__ import annotations

import base64
import functools
import hashlib

ROLE_NAME = "SageMakerExecutionRole"


def sagemaker_arn(region: str, account: str, kind: str, name: str) -> str:
    """Returns `arn:aws:sagemaker:us-east-1:000000000000:training-job/x`; the name is used as given."""
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name}"


def role_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def assumed_role_arn(account: str, role: str, session: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


@functools.lru_cache(1000)
def id_of(prefix: str, arn: str) -> str:
    """Returns an identifier in AWS's format for something without a row; it is the same on every server and after every restart."""
    return prefix + base64.b32encode(hashlib.sha256(arn.encode()).digest())[: 20 - len(prefix)].decode()


def account_of(arn: str) -> str:
    """Returns the account part of an ARN, or ""."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def log_group_arn(region: str, account: str, group: str) -> str:
    return f"arn:aws:logs:{region}:{account}:log-group:{group}"
