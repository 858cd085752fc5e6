"""Key specs: the usages and algorithms of each.

Source: "Key spec reference" (AWS KMS developer guide).
"""

from __future__ import annotations

from collections.abc import Mapping

from sagewright.store.resources.resources import Resource

SYMMETRIC = "SYMMETRIC_DEFAULT"
ENCRYPT, SIGN, MAC, AGREE = "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"
MEMBERS = {
    ENCRYPT: "EncryptionAlgorithms",
    SIGN: "SigningAlgorithms",
    MAC: "MacAlgorithms",
    AGREE: "KeyAgreementAlgorithms",
}
"""Members of a key's description that name its algorithms."""

_SIZES = ("SHA_256", "SHA_384", "SHA_512")
_RSA = {
    ENCRYPT: ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"),
    SIGN: tuple(f"RSASSA_{padding}_{size}" for padding in ("PKCS1_V1_5", "PSS") for size in _SIZES),
}
SPECS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    SYMMETRIC: {ENCRYPT: (SYMMETRIC,)},
    **{f"RSA_{bits}": _RSA for bits in (2048, 3072, 4096)},
    "ECC_NIST_P256": {SIGN: ("ECDSA_SHA_256",), AGREE: ("ECDH",)},
    "ECC_NIST_P384": {SIGN: ("ECDSA_SHA_384",), AGREE: ("ECDH",)},
    "ECC_NIST_P521": {SIGN: ("ECDSA_SHA_512",), AGREE: ("ECDH",)},
    "ECC_SECG_P256K1": {SIGN: ("ECDSA_SHA_256",)},
    **{f"HMAC_{bits}": {MAC: (f"HMAC_SHA_{bits}",)} for bits in (224, 256, 384, 512)},
}
"""Possible usages of the keys of each spec, with the algorithms of each usage."""

PAIRS = tuple(name for name in SPECS if name.startswith(("RSA_", "ECC_")))
"""Specs of asymmetric keys."""


def spec_of(key: Resource) -> str:
    spec: str = key.document.get("Spec", SYMMETRIC)
    return spec


def usage_of(key: Resource) -> str:
    usage: str = key.document.get("Usage", ENCRYPT)
    return usage


def origin_of(key: Resource) -> str:
    origin: str = key.document.get("Origin", "AWS_KMS")
    return origin


def algorithms_of(key: Resource) -> tuple[str, ...]:
    return SPECS[spec_of(key)][usage_of(key)]


def is_symmetric(key: Resource) -> bool:
    """Returns True for a symmetric encryption key, whose material can be rotated."""
    return spec_of(key) == SYMMETRIC
