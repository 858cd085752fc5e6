"""Keys: Create, Describe, List, their description. Apart from public keys, their material never leaves the server.

Source: the API reference of AWS KMS; refusals as localstack/localstack recorded them on AWS (`test_kms.snapshot.json`,
test_hmac_create_key_invalid_operations, test_derive_shared_secret).
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.aws.kms import policies, tags
from sagewright.services.aws.kms.markers import marked, marker_of
from sagewright.services.aws.kms.material import expiration, generate
from sagewright.services.aws.kms.specs import (
    ENCRYPT,
    MEMBERS,
    SPECS,
    SYMMETRIC,
    algorithms_of,
    is_symmetric,
    origin_of,
    spec_of,
    usage_of,
)
from sagewright.services.aws.kms_keys import (
    ENABLED,
    PENDING,
    PENDING_IMPORT,
    absent,
    arn_of,
    material_of,
    materials,
    refuse_pending,
    require_key,
    require_own,
    scope_of,
)
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

_SERVED_ORIGINS = ("AWS_KMS", "EXTERNAL")


@operation("kms", "CreateKey")
def create_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = _requested(request)
    pairs = tags.pairs_of(request.get("Tags") or ())
    document = requested | {"Description": request.get("Description", ""), "Manager": "CUSTOMER"}
    if policy := request.get("Policy"):
        policies.check(policy)
        document["Policy"] = policy
    imported = requested["Origin"] == "EXTERNAL"
    key_id = f"mrk-{uuid.uuid4().hex}" if request.get("MultiRegion") else str(uuid.uuid4())
    document["Materials"] = [] if imported else [material_of(context.store, key_id, generate(requested["Spec"]))]
    status = PENDING_IMPORT if imported else ENABLED
    new = New(key_id, document, arn_of(context, key_id), pairs, status=status, principal=context.principal.arn)
    return {"KeyMetadata": metadata(context, resources.create(context.store, scope_of(context), new))}


def _requested(request: dict[str, Any]) -> dict[str, str]:
    """Returns spec, usage and origin of the key. Raises ValidationException, and UnsupportedOperationException for unsupported
    ones."""
    if "CustomKeyStoreId" in request or "XksKeyId" in request:
        raise AwsError("UnsupportedOperationException", "Sagewright serves no custom key stores.")
    if "KeySpec" in request and "CustomerMasterKeySpec" in request:
        raise ValidationException("You cannot specify KeySpec and CustomerMasterKeySpec in the same request.")
    spec = request.get("KeySpec") or request.get("CustomerMasterKeySpec", SYMMETRIC)
    if spec not in SPECS:
        raise AwsError("UnsupportedOperationException", f"Sagewright serves no keys whose KeySpec is {spec}.")
    usage = request.get("KeyUsage", ENCRYPT if spec == SYMMETRIC else None)
    if usage is None:
        raise ValidationException(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        )
    if usage not in SPECS[spec]:
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if (origin := request.get("Origin", "AWS_KMS")) not in _SERVED_ORIGINS:
        raise AwsError("UnsupportedOperationException", f"Sagewright serves no keys whose Origin is {origin}.")
    return {"Spec": spec, "Usage": usage, "Origin": origin}


@operation("kms", "DescribeKey")
def describe_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"KeyMetadata": metadata(context, require_key(context, request["KeyId"], by_alias=True))}


@operation("kms", "ListKeys")
def list_keys(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    size = request.get("Limit", 100)
    after = marker_of(request)
    page = PageRequest(sort_by="name", descending=False, limit=size + 1, after=(*after, *after) if after else None)
    found = resources.page(context.store, scope_of(context), page)
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


def metadata(context: Context, key: Resource) -> dict[str, Any]:
    """Returns a key's metadata. Members are selected by name, so that the material is not among them."""
    described = {
        "AWSAccountId": key.account,
        "KeyId": key.name,
        "Arn": arn_of(context, key.name),
        "CreationDate": to_datetime(key.created_ms),
        "Enabled": key.status == ENABLED,
        "Description": key.document["Description"],
        "KeyUsage": usage_of(key),
        "KeyState": key.status,
        "Origin": origin_of(key),
        "KeyManager": key.document["Manager"],
        "CustomerMasterKeySpec": spec_of(key),
        "KeySpec": spec_of(key),
        MEMBERS[usage_of(key)]: list(algorithms_of(key)),
        "MultiRegion": key.name.startswith("mrk-"),
    }
    all_of_it = materials(key.document)
    if is_symmetric(key) and all_of_it:
        described["CurrentKeyMaterialId"] = all_of_it[-1]["MaterialId"]
    if origin_of(key) == "EXTERNAL" and key.status == ENABLED:
        described |= expiration(all_of_it[-1])
    if key.status == PENDING:
        described["DeletionDate"] = to_datetime(key.document["DeletionMs"])
    if described["MultiRegion"]:
        primary = {"Arn": arn_of(context, key.name), "Region": context.region}
        described["MultiRegionConfiguration"] = {
            "MultiRegionKeyType": "PRIMARY",
            "PrimaryKey": primary,
            "ReplicaKeys": [],
        }
    return described
