"""AssociateKmsKey and DisassociateKmsKey: the key is stored and returned; log lines are not encrypted beyond the disk's encryption.

Source: Logs' API reference.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.logs import groupsettings
from sagewright.services.aws.logs.groups import require_group
from sagewright.services.context import Context
from sagewright.services.registry import operation


@operation("logs", "AssociateKmsKey")
def associate_kms_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    groupsettings.put(context, _group(context, request), {"kmsKeyId": request["kmsKeyId"]})
    return {}


@operation("logs", "DisassociateKmsKey")
def disassociate_kms_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    groupsettings.put(context, _group(context, request), {"kmsKeyId": None})
    return {}


def _group(context: Context, request: dict[str, Any]) -> str:
    """Raises InvalidParameterException, ResourceNotFoundException."""
    if ("logGroupName" in request) == ("resourceIdentifier" in request):
        message = "Exactly one of logGroupName and resourceIdentifier is required."
        raise AwsError("InvalidParameterException", message)
    name: str = request.get("logGroupName") or request["resourceIdentifier"].split(":log-group:")[-1].removesuffix(":*")
    require_group(context, name)
    return name
