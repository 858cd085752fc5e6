"""Contexts of lineage: Create, Describe, Update, Delete, List.

Source: AWS's API reference, CreateContext.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.lineage.lineage_entities import EntityType

CONTEXTS = EntityType("Context", lambda _, request: str(request["ContextName"]).lower()).declared()


@operation("sagemaker", "CreateContext")
def create_context(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, new = CONTEXTS.create(context, request)
    if not new:
        raise ValidationException(f"Context with arn '{arn}' already exists.")
    return {"ContextArn": arn}


@operation("sagemaker", "DescribeContext", quick=True)
def describe_context(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONTEXTS.described(context, CONTEXTS.require(context, request["ContextName"]))


@operation("sagemaker", "UpdateContext")
def update_context(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONTEXTS.update(context, request["ContextName"], request)


@operation("sagemaker", "DeleteContext")
def delete_context(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONTEXTS.delete(context, request["ContextName"])


@operation("sagemaker", "ListContexts")
def list_contexts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONTEXTS.list(context, request)
