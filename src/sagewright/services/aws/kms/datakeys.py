"""Data keys, pairs of data keys, and random bytes.

Source: the API reference of AWS KMS.
"""

from __future__ import annotations

import secrets
from typing import Any

from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.kms import material
from sagewright.services.aws.kms.ciphertexts import seal
from sagewright.services.aws.kms.specs import ENCRYPT, PAIRS, SYMMETRIC
from sagewright.services.aws.kms.using import check_algorithm, check_request, check_usage, usable
from sagewright.services.aws.kms_keys import arn_of, materials
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.database import Database
from sagewright.store.resources.resources import Resource

DATA_KEY_BYTES = {"AES_256": 32, "AES_128": 16}


@operation("kms", "GenerateDataKey", quick=True)
def generate_data_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    plaintext, described = _data_key(context, request, "GenerateDataKey")
    return described | {"Plaintext": plaintext}


@operation("kms", "GenerateDataKeyWithoutPlaintext", quick=True)
def generate_data_key_without_plaintext(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _data_key(context, request, "GenerateDataKeyWithoutPlaintext")[1]


@operation("kms", "GenerateDataKeyPair")
def generate_data_key_pair(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    plaintext, described = _pair(context, request, "GenerateDataKeyPair")
    return described | {"PrivateKeyPlaintext": plaintext}


@operation("kms", "GenerateDataKeyPairWithoutPlaintext")
def generate_data_key_pair_without_plaintext(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _pair(context, request, "GenerateDataKeyPairWithoutPlaintext")[1]


@operation("kms", "GenerateRandom", quick=True)
def generate_random(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_request(context, request)
    if "CustomKeyStoreId" in request:
        raise AwsError("CustomKeyStoreNotFoundException", "Sagewright serves no custom key stores.")
    if "NumberOfBytes" not in request:
        raise ValidationException("NumberOfBytes is required.")
    return {"Plaintext": secrets.token_bytes(request["NumberOfBytes"])}


def _data_key(context: Context, request: dict[str, Any], name: str) -> tuple[bytes, dict[str, Any]]:
    if ("NumberOfBytes" in request) == ("KeySpec" in request):
        raise ValidationException("Please specify either number of bytes or key spec.")
    key = _key_for(context, request, name)
    plaintext = secrets.token_bytes(request.get("NumberOfBytes") or DATA_KEY_BYTES[request["KeySpec"]])
    return plaintext, {"CiphertextBlob": _sealed(context.store, key, plaintext, request), **_named(context, key)}


def _pair(context: Context, request: dict[str, Any], name: str) -> tuple[bytes, dict[str, Any]]:
    key, spec = _key_for(context, request, name), request["KeyPairSpec"]
    if spec not in PAIRS:
        raise AwsError("UnsupportedOperationException", f"Sagewright serves no key pairs of the spec {spec}.")
    private = material.generate(spec)
    described = {"PrivateKeyCiphertextBlob": _sealed(context.store, key, private, request), "KeyPairSpec": spec}
    return private, described | {"PublicKey": material.public_bytes(material.load(private)), **_named(context, key)}


def _key_for(context: Context, request: dict[str, Any], name: str) -> Resource:
    key = usable(context, request["KeyId"])
    check_usage(context, key, ENCRYPT, name)
    check_algorithm(key, SYMMETRIC)
    check_request(context, request)
    return key


def _sealed(store: Database, key: Resource, plaintext: bytes, request: dict[str, Any]) -> bytes:
    return seal(store, key, plaintext, request.get("EncryptionContext") or {})


def _named(context: Context, key: Resource) -> dict[str, str]:
    return {"KeyId": arn_of(context, key.name), "KeyMaterialId": materials(key.document)[-1]["MaterialId"]}
