"""Imported material: its wrapping keys, import and deletion.

A token refers to a private key of the server, stored for the day that the token is valid. Source: "Importing key material" (AWS KMS
developer guide), the API reference of AWS KMS; refusals as localstack/localstack recorded them on AWS (`test_kms.snapshot.json`,
test_import_key_*, test_import_key_material_raises_if_there_is_already_key_material_pending).
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.kms import material
from sagewright.services.aws.kms.specs import is_symmetric, origin_of, spec_of
from sagewright.services.aws.kms_keys import (
    ENABLED,
    PENDING,
    PENDING_IMPORT,
    absent,
    arn_of,
    as_of_now,
    material_of,
    materials,
    refuse_pending,
    require_own,
)
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND = "kms-import"
DAY_MS = 86_400_000
MOST_DAYS = 365
_AES_BYTES = 32
_FOREVER, _EXPIRES = "KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES"


@operation("kms", "GetParametersForImport")
def get_parameters_for_import(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key, wrapping = _external(context, request["KeyId"]), request["WrappingKeySpec"]
    algorithm = request["WrappingAlgorithm"]
    if not wrapping.startswith("RSA_") or not algorithm.startswith(("RSAES_OAEP_", "RSA_AES_KEY_WRAP_")):
        raise AwsError(
            "UnsupportedOperationException", f"Sagewright serves no wrapping by {algorithm} under {wrapping}."
        )
    private, until = material.generate(wrapping), now_ms() + DAY_MS
    token = secrets.token_bytes(_AES_BYTES)
    sealed = context.store.secrets.seal(base64.b64encode(private).decode(), secret_of(token.hex()))
    document = {"Private": sealed, "Algorithm": algorithm, "ValidToMs": until}
    resources.create(context.store, _place_of(context), New(token.hex(), document, "", {}, parent=key.id))
    return {
        "KeyId": arn_of(context, key.name),
        "ImportToken": token,
        "PublicKey": material.public_bytes(material.load(private)),
        "ParametersValidTo": to_datetime(until),
    }


@operation("kms", "ImportKeyMaterial")
def import_key_material(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = _external(context, request["KeyId"])
    new = _new(context, key, request)

    def imported(now: Resource) -> Resource:
        refuse_pending(context, now)
        return _imported(_Import(context, now, new, request))

    if resources.alter(context.store, key.id, imported) is None:
        raise absent(context, key.name)
    return {"KeyId": arn_of(context, key.name)} | ({"KeyMaterialId": new["MaterialId"]} if is_symmetric(key) else {})


@operation("kms", "DeleteImportedKeyMaterial")
def delete_imported_key_material(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes material. The key then waits for an import of the same material; material pending rotation is deleted for good."""
    key = _external(context, request["KeyId"], pending=True)
    named: list[str] = [request["KeyMaterialId"]] if "KeyMaterialId" in request else []

    def deleted(now: Resource) -> Resource:
        kept, pending = materials(now.document), now.document.get("Pending")
        if pending and named == [pending["MaterialId"]]:
            return replace(now, document={name: one for name, one in now.document.items() if name != "Pending"})
        named.extend([kept[-1]["MaterialId"]] if kept and not named else [])
        if named and all(one["MaterialId"] != named[0] for one in kept):
            raise AwsError("NotFoundException", f"{arn_of(context, now.name)} has no key material {named[0]}.")
        without = [one | {"Material": None} if one["MaterialId"] in named else one for one in kept]
        status = now.status if now.status == PENDING else PENDING_IMPORT
        return replace(now, status=status, document=now.document | {"Materials": without})

    if resources.alter(context.store, key.id, deleted) is None:
        raise absent(context, key.name)
    return {"KeyId": arn_of(context, key.name)} | ({"KeyMaterialId": named[0]} if named and is_symmetric(key) else {})


def forget_expired(store: Database) -> None:
    """Deletes the private keys of expired tokens."""
    for one in resources.of_kind(store, KIND):
        if one.document["ValidToMs"] <= now_ms():
            resources.remove(store, one, "")


@dataclass(frozen=True)
class _Import:
    """`key`: its row in the transaction; `new`: the material."""

    context: Context
    key: Resource
    new: dict[str, Any]
    request: dict[str, Any]


def secret_of(token: str) -> str:
    """Returns the identity of a sealed private key."""
    return f"{KIND}/{token}"


def _place_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _external(context: Context, requested: str, *, pending: bool = False) -> Resource:
    """Raises UnsupportedOperationException for a key whose material the server generated. `pending`: accepts keys pending
    deletion."""
    key = require_own(context, requested)
    if origin_of(key) != "EXTERNAL":
        message = f"{arn_of(context, key.name)} origin is {origin_of(key)} which is not valid for this operation."
        raise AwsError("UnsupportedOperationException", message)
    if not pending:
        refuse_pending(context, key)
    return key


def _new(context: Context, key: Resource, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the material of a request, in the format of a key's document."""
    valid_to_ms = _valid_to_ms(request)
    plain = _unwrapped(context, key, request)
    try:
        material.check(spec_of(key), plain)
    except material.WrongMaterial as error:
        raise AwsError("IncorrectKeyMaterialException", str(error)) from None
    new = material_of(context.store, key.name, plain, material.import_id(key, plain))
    new |= {} if valid_to_ms is None else {"ValidToMs": valid_to_ms}
    return new | ({"Description": request["KeyMaterialDescription"]} if "KeyMaterialDescription" in request else {})


def _valid_to_ms(request: dict[str, Any]) -> int | None:
    """Returns None if the material does not expire. Raises ValidationException."""
    forever = request.get("ExpirationModel", _EXPIRES) == _FOREVER
    if forever and "ValidTo" in request:
        raise ValidationException(f"A validTo date must not be set if the ExpirationModel is {_FOREVER}")
    if forever:
        return None
    if "ValidTo" not in request:
        raise ValidationException(f"A validTo date must be set if the ExpirationModel is {_EXPIRES}")
    until = to_ms(request["ValidTo"])
    if not now_ms() < until <= now_ms() + MOST_DAYS * DAY_MS:
        raise ValidationException(f"ValidTo lies in the future, and at most {MOST_DAYS} days from now.")
    return until


def _unwrapped(context: Context, key: Resource, request: dict[str, Any]) -> bytes:
    """Raises InvalidImportTokenException, ExpiredImportTokenException, InvalidCiphertextException."""
    found = resources.find(context.store, _place_of(context), request["ImportToken"].hex())
    if found is None or found.parent != key.id:
        raise AwsError("InvalidImportTokenException", "The import token does not belong to this key.")
    if found.document["ValidToMs"] <= now_ms():
        raise AwsError("ExpiredImportTokenException", "The import token has expired.")
    private = context.store.secrets.open(found.document["Private"], secret_of(found.name))
    pair = material.load(base64.b64decode(private))
    return _decrypted(pair, found.document["Algorithm"], request["EncryptedKeyMaterial"])


def _decrypted(pair: Any, algorithm: str, wrapped: bytes) -> bytes:
    """Raises InvalidCiphertextException. With RSA_AES_KEY_WRAP the first bytes are an AES key encrypted with RSA, which wraps the
    rest."""
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

    size = pair.key_size // 8 if algorithm.startswith("RSA_AES_KEY_WRAP") else len(wrapped)
    try:
        plain: bytes = pair.decrypt(wrapped[:size], material.oaep(algorithm))
        return aes_key_unwrap_with_padding(plain, wrapped[size:]) if wrapped[size:] else plain
    except (ValueError, InvalidUnwrap):
        raise AwsError("InvalidCiphertextException", "") from None


def _imported(requested: _Import) -> Resource:
    """Returns the key with its new or reimported material."""
    key, new, kept = requested.key, requested.new, materials(requested.key.document)
    others = requested.request.get("ImportType", "EXISTING_KEY_MATERIAL" if kept else "NEW_KEY_MATERIAL")
    pending = key.document.get("Pending")
    if pending and pending["MaterialId"] == new["MaterialId"]:
        return replace(key, document=key.document | {"Pending": new})
    if any(one["MaterialId"] == new["MaterialId"] for one in kept):
        again = [_again(one, new) if one["MaterialId"] == new["MaterialId"] else one for one in kept]
        return _usable(replace(key, document=key.document | {"Materials": again}))
    if kept and (others == "EXISTING_KEY_MATERIAL" or not is_symmetric(key)):
        raise AwsError(
            "IncorrectKeyMaterialException", "The key material is not what was imported into the key before."
        )
    if not kept:
        return _usable(replace(key, document=key.document | {"Materials": [new]}))
    if pending:
        message = f"New key material (id: {new['MaterialId']}) cannot be imported into KMS key"
        message = f"{message} {arn_of(requested.context, key.name)}, because another key material (id: {pending['MaterialId']})"
        raise AwsError("KMSInvalidStateException", f"{message} is pending rotation.")
    return replace(key, document=key.document | {"Pending": new})


def _again(one: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Returns reimported material with the expiration of this request."""
    kept = ("RotatedMs", "RotationType", "Description")
    return {name: one[name] for name in kept if name in one} | new


def _usable(key: Resource) -> Resource:
    """Returns the key, Enabled once all of its material is present."""
    waits = any(one["Material"] is None for one in materials(key.document))
    fresh = as_of_now(replace(key, status=ENABLED if key.status == PENDING_IMPORT else key.status))
    return replace(fresh, status=PENDING_IMPORT) if waits else fresh
