"""Checks shared by all cryptographic operations: the key is usable, for this usage, with this algorithm.

Source: "Key states" (AWS KMS developer guide); the words of refusals as localstack/localstack recorded them on AWS
(`test_kms.snapshot.json`, test_error_messaging_for_invalid_keys, test_invalid_generate_mac).
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.kms import grants
from sagewright.services.aws.kms.specs import algorithms_of, spec_of, usage_of
from sagewright.services.aws.kms_keys import DISABLED, PENDING_IMPORT, arn_of, refuse_pending, require_own
from sagewright.services.context import Context
from sagewright.store.resources.resources import Resource


def usable(context: Context, requested: str) -> Resource:
    """Raises NotFoundException, DisabledException, KMSInvalidStateException."""
    key = require_own(context, requested, by_alias=True)
    check_state(context, key)
    return key


def check_state(context: Context, key: Resource) -> None:
    """Raises DisabledException, KMSInvalidStateException."""
    refuse_pending(context, key)
    if key.status == DISABLED:
        raise AwsError("DisabledException", f"{arn_of(context, key.name)} is disabled.")
    if key.status == PENDING_IMPORT:
        raise AwsError("KMSInvalidStateException", f"{arn_of(context, key.name)} is pending import.")


def check_usage(context: Context, key: Resource, usage: str, operation: str) -> None:
    """Raises InvalidKeyUsageException."""
    if usage_of(key) != usage:
        message = f"{arn_of(context, key.name)} key usage is {usage_of(key)} which is not valid for {operation}."
        raise AwsError("InvalidKeyUsageException", message)


def check_algorithm(key: Resource, algorithm: str) -> None:
    """Raises InvalidKeyUsageException."""
    if algorithm not in algorithms_of(key):
        message = f"Algorithm {algorithm} is incompatible with key spec {spec_of(key)}."
        raise AwsError("InvalidKeyUsageException", message)


def check_request(context: Context, request: dict[str, Any]) -> None:
    """Checks the members common to all requests; last, a dry run ends a request that would have succeeded."""
    if "Recipient" in request:
        raise AwsError("UnsupportedOperationException", "Sagewright serves no recipients, which are Nitro enclaves.")
    for token in request.get("GrantTokens") or ():
        grants.require_token(context, token)
    if request.get("DryRun"):
        raise AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
