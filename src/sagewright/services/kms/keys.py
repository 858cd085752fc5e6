"""Keys: Create, Describe, List, their description. Symmetric ones, whose material never leaves the server.

Source: the API reference of AWS KMS.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.kms import policies, tags
from sagewright.services.kms.markers import marked, marker_of
from sagewright.services.kmskeys import (
    ENABLED,
    PENDING,
    absent,
    arn_of,
    new_document,
    place_of,
    refuse_pending,
    require_key,
    require_own,
)
from sagewright.services.registry import operation
from sagewright.store import resources
from sagewright.store.listing import Page
from sagewright.store.resources import New, Resource

SYMMETRIC = "SYMMETRIC_DEFAULT"
_SERVED = {
    "KeyUsage": "ENCRYPT_DECRYPT",
    "KeySpec": SYMMETRIC,
    "CustomerMasterKeySpec": SYMMETRIC,
    "Origin": "AWS_KMS",
    "MultiRegion": False,
}


@operation("kms", "CreateKey")
def create_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    for member, served in _SERVED.items():
        if request.get(member, served) != served:
            message = f"Sagewright serves keys whose {member} is {served}, not {request[member]}."
            raise AwsError("UnsupportedOperationException", message)
    if "CustomKeyStoreId" in request or "XksKeyId" in request:
        raise AwsError("UnsupportedOperationException", "Sagewright serves no custom key stores.")
    pairs = tags.pairs_of(request.get("Tags") or ())
    document = new_document() | {"Description": request.get("Description", "")}
    if policy := request.get("Policy"):
        policies.check(policy)
        document["Policy"] = policy
    key_id = str(uuid.uuid4())
    new = New(key_id, document, arn_of(context, key_id), pairs, status=ENABLED, principal=context.principal.arn)
    return {"KeyMetadata": metadata(context, resources.create(context.store, place_of(context), new))}


@operation("kms", "DescribeKey")
def describe_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"KeyMetadata": metadata(context, require_key(context, request["KeyId"], by_alias=True))}


@operation("kms", "ListKeys")
def list_keys(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    size = request.get("Limit", 100)
    after = marker_of(request)
    page = Page(sort_by="name", descending=False, limit=size + 1, after=(*after, *after) if after else None)
    found = resources.page(context.store, place_of(context), page)
    keys = [{"KeyId": key.name, "KeyArn": arn_of(context, key.name)} for key in found[:size]]
    return {"Keys": keys, **marked(paging.encode([found[size - 1].name]) if len(found) > size else None)}


@operation("kms", "UpdateKeyDescription")
def update_key_description(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_own(context, request["KeyId"])
    refuse_pending(context, key)
    changed = {"Description": request["Description"]}
    if resources.alter(context.store, key.id, lambda now: replace(now, document=now.document | changed)) is None:
        raise absent(context, key.name)
    return {}


@operation("kms", "GetKeyRotationStatus")
def get_key_rotation_status(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"KeyRotationEnabled": False, "KeyId": arn_of(context, require_key(context, request["KeyId"]).name)}


def metadata(context: Context, key: Resource) -> dict[str, Any]:
    """What is told of a key: by name, so that its material is not."""
    told = {
        "AWSAccountId": key.account,
        "KeyId": key.name,
        "Arn": arn_of(context, key.name),
        "CreationDate": to_datetime(key.created_ms),
        "Enabled": key.status == ENABLED,
        "Description": key.document["Description"],
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.status,
        "Origin": "AWS_KMS",
        "KeyManager": key.document["Manager"],
        "CustomerMasterKeySpec": SYMMETRIC,
        "KeySpec": SYMMETRIC,
        "EncryptionAlgorithms": [SYMMETRIC],
        "MultiRegion": False,
        "CurrentKeyMaterialId": key.document["MaterialId"],
    }
    if key.status == PENDING:
        told["DeletionDate"] = to_datetime(key.document["DeletionMs"])
    return told
