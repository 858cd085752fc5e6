"""Actions of lineage: Create, Describe, Update, Delete, List.

Source: AWS's API reference, CreateAction.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.lineage.lineage_entities import EntityType

ACTIONS = EntityType("Action", lambda _, request: str(request["ActionName"]).lower()).declared()


@operation("sagemaker", "CreateAction")
def create_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, new = ACTIONS.create(context, request)
    if not new:
        raise ValidationException(f"Action with arn '{arn}' already exists.")
    return {"ActionArn": arn}


@operation("sagemaker", "DescribeAction", quick=True)
def describe_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ACTIONS.described(context, ACTIONS.require(context, request["ActionName"]))


@operation("sagemaker", "UpdateAction")
def update_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ACTIONS.update(context, request["ActionName"], request)


@operation("sagemaker", "DeleteAction")
def delete_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ACTIONS.delete(context, request["ActionName"])


@operation("sagemaker", "ListActions")
def list_actions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return ACTIONS.list(context, request)
