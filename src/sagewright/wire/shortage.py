"""Operations on a full disk: those that free space can use the store's ballast; those that need space are refused."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import cache
from typing import Any

from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.disk_room import for_running_work, insufficient
from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.registry import ServedOperation

_FREES = re.compile(
    r"(Batch)?(Delete|Remove|Abort|Stop|Purge|Deregister|Untag|Cancel|Disassociate|Terminate|Unsubscribe)"
)
_READS = re.compile(
    r"(Batch)?(Get|List|Describe|Head|Search|Query|Filter|Lookup|Receive|Check|Download|Test|Simulate|Assume|Decrypt|Verify)"
)


@cache
def reads(operation: str) -> bool:
    """Returns True for the name of an operation that changes nothing but, at most, a queue's messages."""
    return _READS.match(operation) is not None


@cache
def _frees(operation: str) -> bool:
    return _FREES.match(operation) is not None


def call(entry: ServedOperation, context: Context, parameters: dict[str, Any], key: AccessKey | None) -> dict[str, Any]:
    """Returns the operation's result. Raises AwsError, InsufficientStorage for one that needs space while the disk is full.

    A `key` of a job marks writes of running work.
    """
    if key is None or key.job_id is None:
        return _call(entry, context, parameters)
    with for_running_work():
        return _call(entry, context, parameters)


def _call(entry: ServedOperation, context: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    ballast = context.store.ballast
    if ballast is None:  # PostgreSQL
        with context.store.together() if entry.quick else nullcontext():
            return entry.call(context, parameters)
    frees = _frees(entry.name)
    if ballast.tight and not frees and not reads(entry.name):
        raise insufficient(ballast.shortage())
    try:
        return entry.call(context, parameters)
    except AwsError as error:
        if not frees or error.status != insufficient("").status or not ballast.release():
            raise
    return entry.call(context, parameters)
