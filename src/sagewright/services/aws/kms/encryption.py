"""Encrypt, Decrypt, ReEncrypt: under symmetric keys, and under RSA keys.

Source: the API reference of AWS KMS; refusals as localstack/localstack recorded them on AWS (`test_kms.snapshot.json`,
test_encrypt_validate_plaintext_size_per_key_type, test_re_encrypt_incorrect_source_key).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import AccessDenied, AwsError, ValidationException
from sagewright.services.aws.kms import material
from sagewright.services.aws.kms.ciphertexts import Ciphertext, Unreadable, seal, unseal
from sagewright.services.aws.kms.specs import ENCRYPT, SYMMETRIC, is_symmetric, spec_of
from sagewright.services.aws.kms.using import check_algorithm, check_request, check_state, check_usage, usable
from sagewright.services.aws.kms_keys import arn_of, find_key, materials
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources.resources import Resource

_OAEP_DIGEST_BYTES = {"RSAES_OAEP_SHA_1": 20, "RSAES_OAEP_SHA_256": 32}


@dataclass(frozen=True)
class _Members:
    """Member names that an operation, or one side of ReEncrypt, uses for its inputs."""

    operation: str
    key: str = "KeyId"
    context: str = "EncryptionContext"
    algorithm: str = "EncryptionAlgorithm"


_FROM = _Members("ReEncryptFrom", "SourceKeyId", "SourceEncryptionContext", "SourceEncryptionAlgorithm")
_TO = _Members("ReEncryptTo", "DestinationKeyId", "DestinationEncryptionContext", "DestinationEncryptionAlgorithm")


@dataclass(frozen=True)
class _Opened:
    """A decrypted ciphertext. `material_id`: of the symmetric key's material that encrypted it."""

    key: Resource
    algorithm: str
    plaintext: bytes
    material_id: str | None


@operation("kms", "Encrypt", quick=True)
def encrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    members = _Members("Encrypt")
    key, algorithm = _key_for(context, request, members)
    check_request(context, request)
    blob = _encrypted(context, (key, algorithm), request["Plaintext"], request.get("EncryptionContext"))
    return {"CiphertextBlob": blob, "KeyId": arn_of(context, key.name), "EncryptionAlgorithm": algorithm}


@operation("kms", "Decrypt", quick=True)
def decrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    opened = _decrypted(context, request, _Members("Decrypt"))
    check_request(context, request)
    described = {"KeyId": arn_of(context, opened.key.name), "Plaintext": opened.plaintext}
    return described | {"EncryptionAlgorithm": opened.algorithm} | _material("KeyMaterialId", opened.material_id)


@operation("kms", "ReEncrypt", quick=True)
def re_encrypt(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    opened = _decrypted(context, request, _FROM)
    key, algorithm = _key_for(context, request, _TO)
    check_request(context, request)
    new = materials(key.document)[-1]["MaterialId"] if is_symmetric(key) else None
    return {
        "CiphertextBlob": _encrypted(context, (key, algorithm), opened.plaintext, request.get(_TO.context)),
        "SourceKeyId": arn_of(context, opened.key.name),
        "KeyId": arn_of(context, key.name),
        _FROM.algorithm: opened.algorithm,
        _TO.algorithm: algorithm,
        **_material("SourceKeyMaterialId", opened.material_id),
        **_material("DestinationKeyMaterialId", new),
    }


def _material(member: str, material_id: str | None) -> dict[str, str]:
    return {member: material_id} if material_id else {}


def _key_for(context: Context, request: dict[str, Any], members: _Members) -> tuple[Resource, str]:
    """Returns the key that a request names, and the algorithm to use with it."""
    key = usable(context, request[members.key])
    check_usage(context, key, ENCRYPT, members.operation)
    algorithm: str = request.get(members.algorithm, SYMMETRIC)
    check_algorithm(key, algorithm)
    if algorithm != SYMMETRIC and request.get(members.context):
        raise ValidationException(f"The algorithm {algorithm} takes no encryption context.")
    return key, algorithm


def _encrypted(
    context: Context, how: tuple[Resource, str], plaintext: bytes, authenticated: dict[str, str] | None
) -> bytes:
    """`how`: key and algorithm; `authenticated`: the request's encryption context."""
    key, algorithm = how
    if algorithm == SYMMETRIC:
        return seal(context.store, key, plaintext, authenticated or {})
    pair = material.private_key(context.store, key)
    most = pair.key_size // 8 - 2 * _OAEP_DIGEST_BYTES[algorithm] - 2
    if len(plaintext) > most:
        message = f"Algorithm {algorithm} and key spec {spec_of(key)} cannot encrypt data larger than {most} bytes."
        raise ValidationException(message)
    blob: bytes = pair.public_key().encrypt(plaintext, material.oaep(algorithm))
    return blob


def _decrypted(context: Context, request: dict[str, Any], members: _Members) -> _Opened:
    if "CiphertextBlob" not in request:
        raise ValidationException(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
        )
    algorithm: str = request.get(members.algorithm, SYMMETRIC)
    try:
        if algorithm == SYMMETRIC:
            return _unsealed(context, request, members)
        if members.key not in request:
            raise ValidationException(f"{members.key} is required for the algorithm {algorithm}.")
        key, _ = _key_for(context, request, members)
        plaintext: bytes = material.private_key(context.store, key).decrypt(
            request["CiphertextBlob"], material.oaep(algorithm)
        )
    except (Unreadable, ValueError):
        raise AwsError("InvalidCiphertextException", "") from None
    return _Opened(key, algorithm, plaintext, None)


def _unsealed(context: Context, request: dict[str, Any], members: _Members) -> _Opened:
    """Raises Unreadable."""
    requested = usable(context, request[members.key]) if members.key in request else None
    if requested is not None and not is_symmetric(requested):
        raise _wrong_key()
    ciphertext = Ciphertext.parse(request["CiphertextBlob"])
    key = requested or find_key(context, ciphertext.key_id)
    if key is None:
        raise AccessDenied("The ciphertext refers to a key that does not exist, or does not exist in this region.")
    if key.name != ciphertext.key_id:
        raise _wrong_key()
    check_state(context, key)
    plaintext, material_id = unseal(context.store, key, ciphertext, request.get(members.context) or {})
    return _Opened(key, SYMMETRIC, plaintext, material_id)


def _wrong_key() -> AwsError:
    message = "The key ID in the request does not identify a CMK that can perform this operation."
    return AwsError("IncorrectKeyException", message)
