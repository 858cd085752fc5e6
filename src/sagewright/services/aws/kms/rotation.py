"""Rotation of the material of symmetric keys: on demand, and automatically once per period.

Data encrypted under former material can still be decrypted: a ciphertext contains the id of its material. Source: "Rotate AWS KMS
keys" (developer guide), the API reference of AWS KMS; refusals as localstack/localstack recorded them on AWS
(`test_kms.snapshot.json`, test_rotate_key_on_demand_*, test_key_rotations_limits).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.kms.markers import marked, marker_of
from sagewright.services.aws.kms.material import expiration, generate
from sagewright.services.aws.kms.specs import SYMMETRIC, is_symmetric, origin_of
from sagewright.services.aws.kms.using import check_state
from sagewright.services.aws.kms_keys import (
    ENABLED,
    KIND,
    absent,
    arn_of,
    as_of_now,
    material_of,
    materials,
    refuse_pending,
    require_key,
    require_own,
)
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

DAY_MS = 86_400_000
FIRST_PERIOD_DAYS = 365
MOST_ON_DEMAND = 25
MOST_LISTED = 100


@operation("kms", "EnableKeyRotation")
def enable_key_rotation(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    days = request.get("RotationPeriodInDays", FIRST_PERIOD_DAYS)

    def enabled(key: Resource) -> Resource:
        _check_rotates_itself(context, key)
        rotation = {"PeriodDays": days, "NextMs": now_ms() + days * DAY_MS}
        return replace(key, document=key.document | {"Rotation": rotation})

    _altered(context, request, enabled)
    return {}


@operation("kms", "DisableKeyRotation")
def disable_key_rotation(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def disabled(key: Resource) -> Resource:
        _check_rotates_itself(context, key)
        return replace(key, document={name: value for name, value in key.document.items() if name != "Rotation"})

    _altered(context, request, disabled)
    return {}


@operation("kms", "GetKeyRotationStatus")
def get_key_rotation_status(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_key(context, request["KeyId"])
    refuse_pending(context, key)
    described: dict[str, Any] = {"KeyId": arn_of(context, key.name), "KeyRotationEnabled": next_ms(key) is not None}
    if rotation := key.document.get("Rotation"):
        described |= {
            "RotationPeriodInDays": rotation["PeriodDays"],
            "NextRotationDate": to_datetime(rotation["NextMs"]),
        }
    return described


@operation("kms", "RotateKeyOnDemand")
def rotate_key_on_demand(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def rotated(key: Resource) -> Resource:
        arn = arn_of(context, key.name)
        check_state(context, as_of_now(key))
        if not is_symmetric(key):
            raise AwsError("UnsupportedOperationException", "")
        if sum(one.get("RotationType") == "ON_DEMAND" for one in materials(key.document)) >= MOST_ON_DEMAND:
            message = (
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be"
            )
            raise AwsError("LimitExceededException", f"{message} performed for this key: {arn}")
        new = key.document.get("Pending")
        if origin_of(key) == "AWS_KMS":
            new = material_of(context.store, key.name, generate(SYMMETRIC))
        elif new is None:
            message = f"No available key material pending rotation for the key: {arn}."
            raise AwsError("KMSInvalidStateException", message)
        return _with(key, new, "ON_DEMAND")

    return {"KeyId": arn_of(context, _altered(context, request, rotated).name)}


@operation("kms", "ListKeyRotations")
def list_key_rotations(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = require_key(context, request["KeyId"])
    refuse_pending(context, key)
    if not is_symmetric(key):
        raise AwsError("UnsupportedOperationException", "")
    everything = request.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    described = (
        _described(context, key) if everything else [one for one in _described(context, key) if "RotationDate" in one]
    )
    numbered = list(enumerate(described))
    size = request.get("Limit", MOST_LISTED)
    page, token = paging.page_of(numbered, lambda one: [f"{one[0]:06d}"], marker_of(request), size)
    return {"Rotations": [one for _, one in page], **marked(token)}


def rotate_due(store: Database) -> None:
    """Rotates each key whose period has ended."""

    def rotated(key: Resource) -> Resource | None:
        due = next_ms(key)
        if key.status != ENABLED or due is None or due > now_ms():
            return None
        new = _with(key, material_of(store, key.name, generate(SYMMETRIC)), "AUTOMATIC")
        if rotation := key.document.get("Rotation"):
            following = rotation | {"NextMs": now_ms() + rotation["PeriodDays"] * DAY_MS}
            return replace(new, document=new.document | {"Rotation": following})
        return new

    for key in resources.of_kind(store, KIND):
        if (due := next_ms(key)) is not None and due <= now_ms():
            resources.alter(store, key.id, rotated)


def next_ms(key: Resource) -> int | None:
    """Returns the time of the next automatic rotation: yearly for keys that AWS manages, and for others where it is enabled."""
    if key.document["Manager"] == "AWS":
        last: int = materials(key.document)[-1].get("RotatedMs", key.created_ms)
        return last + FIRST_PERIOD_DAYS * DAY_MS
    rotation = key.document.get("Rotation")
    return int(rotation["NextMs"]) if rotation else None


def _with(key: Resource, new: dict[str, Any], how: str) -> Resource:
    """Returns the key with new current material."""
    kept = {name: value for name, value in key.document.items() if name not in {"Pending", "Material", "MaterialId"}}
    rotated = new | {"RotatedMs": now_ms(), "RotationType": how}
    return replace(key, document=kept | {"Materials": [*materials(key.document), rotated]})


def _check_rotates_itself(context: Context, key: Resource) -> None:
    """Raises DisabledException, KMSInvalidStateException, UnsupportedOperationException."""
    check_state(context, as_of_now(key))
    if not is_symmetric(key):
        raise AwsError("UnsupportedOperationException", "")
    if origin_of(key) != "AWS_KMS":
        message = f"{arn_of(context, key.name)} origin is {origin_of(key)} which is not valid for this operation."
        raise AwsError("UnsupportedOperationException", message)


def _altered(context: Context, request: dict[str, Any], how: Any) -> Resource:
    key = require_own(context, request["KeyId"])
    altered = resources.alter(context.store, key.id, how)
    if altered is None:
        raise absent(context, key.name)
    return altered


def _described(context: Context, key: Resource) -> list[dict[str, Any]]:
    """Returns all material, newest first; rotated material with the date."""
    kept = materials(key.document)
    states = ["NON_CURRENT"] * (len(kept) - 1) + ["CURRENT"] * bool(kept)
    if pending := key.document.get("Pending"):
        kept, states = [*kept, pending], [*states, "PENDING_ROTATION"]
    listed = []
    for one, state in zip(reversed(kept), reversed(states), strict=True):
        entry = {"KeyId": arn_of(context, key.name), "KeyMaterialId": one["MaterialId"], "KeyMaterialState": state}
        if "RotatedMs" in one:
            entry |= {"RotationDate": to_datetime(one["RotatedMs"]), "RotationType": one["RotationType"]}
        if origin_of(key) == "EXTERNAL":
            there = one["Material"] is not None and one.get("ValidToMs", now_ms() + 1) > now_ms()
            entry |= {"ImportState": "IMPORTED" if there else "PENDING_IMPORT"} | (expiration(one) if there else {})
            entry |= {"KeyMaterialDescription": one["Description"]} if "Description" in one else {}
        listed.append(entry)
    return listed
