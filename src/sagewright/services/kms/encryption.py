"""What keys do: Encrypt, Decrypt, ReEncrypt, data keys, random bytes.

Source: the API reference of AWS KMS.
"""

from __future__ import annotations

import secrets
from typing import Any

from sagewright.model.errors import AccessDenied, AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.kms.ciphertexts import Ciphertext, Unreadable, seal, unseal
from sagewright.services.kms.keys import SYMMETRIC
from sagewright.services.kmskeys import DISABLED, arn_of, find_key, refuse_pending, require_own
from sagewright.services.registry import operation
from sagewright.store.resources import Resource

DATA_KEY_BYTES = {"AES_256": 32, "AES_128": 16}


@operation("kms", "Encrypt", quick=True)
def encrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = _usable(context, request["KeyId"])
    _check(request, "EncryptionAlgorithm")
    blob = seal(key, request["Plaintext"], request.get("EncryptionContext") or {})
    return {"CiphertextBlob": blob, "KeyId": arn_of(context, key.name), "EncryptionAlgorithm": SYMMETRIC}


@operation("kms", "Decrypt", quick=True)
def decrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_algorithm(request, "EncryptionAlgorithm")
    key, plaintext = _decrypted(context, request, ("KeyId", "EncryptionContext"))
    _check(request)
    return {
        "KeyId": arn_of(context, key.name),
        "Plaintext": plaintext,
        "EncryptionAlgorithm": SYMMETRIC,
        "KeyMaterialId": key.document["MaterialId"],
    }


@operation("kms", "ReEncrypt", quick=True)
def re_encrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_algorithm(request, "SourceEncryptionAlgorithm")
    source, plaintext = _decrypted(context, request, ("SourceKeyId", "SourceEncryptionContext"))
    key = _usable(context, request["DestinationKeyId"])
    _check(request, "DestinationEncryptionAlgorithm")
    return {
        "CiphertextBlob": seal(key, plaintext, request.get("DestinationEncryptionContext") or {}),
        "SourceKeyId": arn_of(context, source.name),
        "KeyId": arn_of(context, key.name),
        "SourceEncryptionAlgorithm": SYMMETRIC,
        "DestinationEncryptionAlgorithm": SYMMETRIC,
        "SourceKeyMaterialId": source.document["MaterialId"],
        "DestinationKeyMaterialId": key.document["MaterialId"],
    }


@operation("kms", "GenerateDataKey", quick=True)
def generate_data_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    plaintext, told = _data_key(context, request)
    return told | {"Plaintext": plaintext}


@operation("kms", "GenerateDataKeyWithoutPlaintext", quick=True)
def generate_data_key_without_plaintext(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _data_key(context, request)[1]


@operation("kms", "GenerateRandom", quick=True)
def generate_random(_context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    if "CustomKeyStoreId" in request:
        raise AwsError("CustomKeyStoreNotFoundException", "Sagewright serves no custom key stores.")
    if "NumberOfBytes" not in request:
        raise ValidationException("NumberOfBytes is required.")
    return {"Plaintext": secrets.token_bytes(request["NumberOfBytes"])}


def _data_key(context: Context, request: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    if ("NumberOfBytes" in request) == ("KeySpec" in request):
        raise ValidationException("Please specify either number of bytes or key spec.")
    size = request.get("NumberOfBytes") or DATA_KEY_BYTES[request["KeySpec"]]
    key = _usable(context, request["KeyId"])
    _check(request)
    plaintext = secrets.token_bytes(size)
    blob = seal(key, plaintext, request.get("EncryptionContext") or {})
    told = {"CiphertextBlob": blob, "KeyId": arn_of(context, key.name), "KeyMaterialId": key.document["MaterialId"]}
    return plaintext, told


def _decrypted(context: Context, request: dict[str, Any], members: tuple[str, str]) -> tuple[Resource, bytes]:
    """`members`: those of the key that is expected, if any, and of the encryption context."""
    expected, encryption_context = members
    if "CiphertextBlob" not in request:
        raise ValidationException(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
        )
    wanted = _usable(context, request[expected]) if expected in request else None
    try:
        ciphertext = Ciphertext.parse(request["CiphertextBlob"])
        key = wanted or find_key(context, ciphertext.key_id)
        if key is None:
            raise AccessDenied("The ciphertext refers to a key that does not exist, or does not exist in this region.")
        if key.name != ciphertext.key_id:
            message = "The key ID in the request does not identify a CMK that can perform this operation."
            raise AwsError("IncorrectKeyException", message)
        _check_state(context, key)
        return key, unseal(key, ciphertext, request.get(encryption_context) or {})
    except Unreadable:
        raise AwsError("InvalidCiphertextException", "") from None


def _usable(context: Context, asked: str) -> Resource:
    """Raises NotFoundException, DisabledException, KMSInvalidStateException."""
    key = require_own(context, asked, by_alias=True)
    _check_state(context, key)
    return key


def _check_state(context: Context, key: Resource) -> None:
    refuse_pending(context, key)
    if key.status == DISABLED:
        raise AwsError("DisabledException", f"{arn_of(context, key.name)} is disabled.")


def _check_algorithm(request: dict[str, Any], member: str) -> None:
    if request.get(member, SYMMETRIC) != SYMMETRIC:
        raise AwsError("InvalidKeyUsageException", f"A symmetric key has no algorithm {request[member]}.")


def _check(request: dict[str, Any], algorithm: str = "") -> None:
    """What may stand in any request; last of all the dry run, which ends one that would have been done."""
    if algorithm:
        _check_algorithm(request, algorithm)
    if "Recipient" in request:
        raise AwsError("UnsupportedOperationException", "Sagewright serves no recipients, which are Nitro enclaves.")
    if request.get("GrantTokens"):
        raise AwsError("InvalidGrantTokenException", "Sagewright serves no grants.")
    if request.get("DryRun"):
        message = "The request would have succeeded, but the DryRun option is set."
        raise AwsError("DryRunOperationException", message, 412)
