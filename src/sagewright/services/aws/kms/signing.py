"""Sign, Verify, GetPublicKey, DeriveSharedSecret: uses of key pairs besides encryption.

RSASSA-PSS uses a salt as long as the digest, and MGF1 over the same hash; ECDSA signatures are in DER. Source: "Key spec reference"
(AWS KMS developer guide), the API reference of AWS KMS; refusals as localstack/localstack recorded them on AWS
(`test_kms.snapshot.json`, test_sign_verify, test_derive_shared_secret).
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.kms import material
from sagewright.services.aws.kms.specs import AGREE, MEMBERS, PAIRS, SIGN, algorithms_of, origin_of, spec_of, usage_of
from sagewright.services.aws.kms.using import check_algorithm, check_request, check_usage, usable
from sagewright.services.aws.kms_keys import arn_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources.resources import Resource


@operation("kms", "Sign")
def sign(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key, pair, (message, how) = _requested(context, request, "Sign")
    return _described(context, key, request) | {"Signature": pair.sign(message, *how)}


@operation("kms", "Verify")
def verify(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    from cryptography.exceptions import InvalidSignature

    key, pair, (message, how) = _requested(context, request, "Verify")
    try:
        pair.public_key().verify(request["Signature"], message, *how)
    except InvalidSignature:
        raise AwsError("KMSInvalidSignatureException", "") from None
    return _described(context, key, request) | {"SignatureValid": True}


@operation("kms", "GetPublicKey")
def get_public_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    key = usable(context, request["KeyId"])
    if spec_of(key) not in PAIRS:
        message = f"{arn_of(context, key.name)} key spec is {spec_of(key)}: such a key has no public key."
        raise AwsError("UnsupportedOperationException", message)
    check_request(context, request)
    return {
        "KeyId": arn_of(context, key.name),
        "PublicKey": material.public_bytes(material.private_key(context.store, key)),
        "CustomerMasterKeySpec": spec_of(key),
        "KeySpec": spec_of(key),
        "KeyUsage": usage_of(key),
        MEMBERS[usage_of(key)]: list(algorithms_of(key)),
    }


@operation("kms", "DeriveSharedSecret")
def derive_shared_secret(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = usable(context, request["KeyId"])
    check_usage(context, key, AGREE, "DeriveSharedSecret")
    check_algorithm(key, request["KeyAgreementAlgorithm"])
    other = _public_key(request["PublicKey"], spec_of(key))
    check_request(context, request)
    return {
        "KeyId": arn_of(context, key.name),
        "SharedSecret": material.private_key(context.store, key).exchange(ec.ECDH(), other),
        "KeyAgreementAlgorithm": request["KeyAgreementAlgorithm"],
        "KeyOrigin": origin_of(key),
    }


def _public_key(encoded: bytes, spec: str) -> Any:
    """Raises ValidationException unless it is a public key of the spec."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        found = load_der_public_key(encoded)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValidationException("") from None
    if material.spec_of_pair(found) != spec:
        raise ValidationException("")
    return found


def _requested(
    context: Context, request: dict[str, Any], name: str
) -> tuple[Resource, Any, tuple[bytes, tuple[Any, ...]]]:
    """Returns the key, its key pair, and the message with the arguments that `cryptography` needs to sign it."""
    key, algorithm = usable(context, request["KeyId"]), request["SigningAlgorithm"]
    check_usage(context, key, SIGN, name)
    check_algorithm(key, algorithm)
    how = _how(algorithm, request)
    check_request(context, request)
    return key, material.private_key(context.store, key), (request["Message"], how)


def _how(algorithm: str, request: dict[str, Any]) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[-3:]]
    hashed: Any = digest
    if (kind := request.get("MessageType", "RAW")) == "DIGEST":
        if len(request["Message"]) != digest.digest_size:
            raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
        hashed = Prehashed(digest)
    elif kind != "RAW":
        raise ValidationException(f"The message type {kind} is not one of algorithm {algorithm}.")
    if algorithm.startswith("ECDSA"):
        return (ec.ECDSA(hashed),)
    if algorithm.startswith("RSASSA_PSS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size), hashed
    return padding.PKCS1v15(), hashed


def _described(context: Context, key: Resource, request: dict[str, Any]) -> dict[str, Any]:
    return {"KeyId": arn_of(context, key.name), "SigningAlgorithm": request["SigningAlgorithm"]}
