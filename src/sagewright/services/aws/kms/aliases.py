"""Aliases: Create, Update, Delete, List.

Source: the API reference of AWS KMS.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.aws.kms.markers import marked, marker_of
from sagewright.services.aws.kms_keys import alias_place, arn_of, not_found, refuse_pending, require_key, require_own
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")


@operation("kms", "CreateAlias")
def create_alias(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = _own_name(request["AliasName"])
    key = require_own(context, request["TargetKeyId"])
    refuse_pending(context, key)
    new = New(name, {"TargetKeyId": key.name}, arn_of(context, name), {}, principal=context.principal.arn)
    try:
        resources.create(context.store, alias_place(context), new)
    except ResourceNameTaken:
        message = f"An alias with the name {arn_of(context, name)} already exists"
        raise AwsError("AlreadyExistsException", message) from None
    return {}


@operation("kms", "UpdateAlias")
def update_alias(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    alias = _require(context, _own_name(request["AliasName"]))
    key = require_own(context, request["TargetKeyId"])
    refuse_pending(context, key)
    target = {"TargetKeyId": key.name}
    if resources.alter(context.store, alias.id, lambda now: replace(now, document=target)) is None:
        raise _absent(context, alias.name)
    return {}


@operation("kms", "DeleteAlias")
def delete_alias(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    alias = _require(context, _own_name(request["AliasName"]))
    if not resources.remove(context.store, alias, arn_of(context, alias.name), context.principal.arn):
        raise _absent(context, alias.name)
    return {}


@operation("kms", "ListAliases")
def list_aliases(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows = resources.page(
        context.store, alias_place(context), PageRequest(sort_by="name", descending=False, limit=100_000)
    )
    if "KeyId" in request:
        key = require_key(context, request["KeyId"])
        rows = [row for row in rows if row.document["TargetKeyId"] == key.name]
    page, token = paging.page_of(rows, lambda row: [row.name], marker_of(request), request.get("Limit", 50))
    return {"Aliases": [_described(context, row) for row in page], **marked(token)}


def _described(context: Context, alias: Resource) -> dict[str, Any]:
    arn = arn_of(context, alias.name)
    times = {"CreationDate": to_datetime(alias.created_ms), "LastUpdatedDate": to_datetime(alias.modified_ms)}
    return {"AliasName": alias.name, "AliasArn": arn, "TargetKeyId": alias.document["TargetKeyId"], **times}


def _own_name(name: str) -> str:
    """Raises ValidationException, and InvalidAliasNameException for a name reserved by AWS."""
    if not name.startswith("alias/") or name == "alias/":
        raise ValidationException(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if NAME.fullmatch(name) is None:
        raise ValidationException(f"{name} contains invalid characters for an alias")
    if name.startswith("alias/aws/"):
        raise AwsError("InvalidAliasNameException", f"{name} begins with alias/aws/, which is reserved for AWS.")
    return name


def _require(context: Context, name: str) -> Resource:
    found = resources.find(context.store, alias_place(context), name)
    if found is None:
        raise _absent(context, name)
    return found


def _absent(context: Context, name: str) -> AwsError:
    return not_found(f"Alias {arn_of(context, name)} is not found.")
