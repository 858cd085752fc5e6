"""Key material: generated, loaded, and checked on import.

Symmetric keys and HMAC keys are random bytes, RSA and elliptic curve keys are private keys in PKCS #8. Source: "Key spec reference"
and "Importing key material" (AWS KMS developer guide).
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sagewright.model.clock import to_datetime
from sagewright.services.aws.kms.specs import PAIRS, SYMMETRIC
from sagewright.services.aws.kms_keys import MATERIAL_BYTES, materials, opened
from sagewright.store.database import Database
from sagewright.store.resources.resources import Resource

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve

_CURVES = {
    "ECC_NIST_P256": "SECP256R1",
    "ECC_NIST_P384": "SECP384R1",
    "ECC_NIST_P521": "SECP521R1",
    "ECC_SECG_P256K1": "SECP256K1",
}
_HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}


class WrongMaterial(Exception):
    """Not a key of the spec."""


def generate(spec: str) -> bytes:
    """Generates new material of a spec in its stored form."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if spec in _CURVES:
        return _encoded(ec.generate_private_key(_curve(spec)))
    if spec.startswith("RSA_"):
        return _encoded(rsa.generate_private_key(65537, int(spec.removeprefix("RSA_"))))
    return secrets.token_bytes(_size(spec))


def check(spec: str, plain: bytes) -> None:
    """Raises WrongMaterial for material that does not match the spec."""
    if spec not in PAIRS:
        if len(plain) != _size(spec):
            raise WrongMaterial(f"A key of the spec {spec} has {_size(spec)} bytes, not {len(plain)}.")
        return
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        found = spec_of_pair(load_der_private_key(plain, None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WrongMaterial("The material is not a private key in PKCS #8.") from None
    if found != spec:
        raise WrongMaterial(f"The material is not a key of the spec {spec}.")


def spec_of_pair(key: Any) -> str:
    """Returns the spec of a private or public key of `cryptography`; "" if it matches none."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return f"RSA_{key.key_size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return next((spec for spec, name in _CURVES.items() if key.curve.name == name.lower()), "")
    return ""


def import_id(key: Resource, plain: bytes) -> str:
    """Returns the same id for the same material of the same key, so that a reimport is recognised."""
    return hashlib.sha256(key.name.encode() + b"\0" + plain).hexdigest()


def current(store: Database, key: Resource) -> bytes:
    """Returns the material for encrypting, signing and so on."""
    return opened(store, key.name, materials(key.document)[-1])


def expiration(material: dict[str, Any]) -> dict[str, Any]:
    """Returns the members that describe the expiration of imported material."""
    if "ValidToMs" not in material:
        return {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": to_datetime(material["ValidToMs"])}


def private_key(store: Database, key: Resource) -> Any:
    """Returns the private key of an asymmetric key."""
    return _loaded(current(store, key))


def public_bytes(pair: Any) -> bytes:
    """Returns the public key in DER (X.509 SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def load(plain: bytes) -> Any:
    """Loads a private key that this server has generated or checked."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)


@lru_cache(maxsize=128)
def _loaded(plain: bytes) -> Any:
    return load(plain)


def _encoded(pair: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    encoded: bytes = pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return encoded


def _curve(spec: str) -> EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    curve: EllipticCurve = getattr(ec, _CURVES[spec])()
    return curve


def _size(spec: str) -> int:
    return MATERIAL_BYTES if spec == SYMMETRIC else _HMAC_BYTES[spec]


def oaep(algorithm: str) -> Any:
    """Returns the padding of an encryption algorithm for RSA keys, RSAES_OAEP_SHA_1 or RSAES_OAEP_SHA_256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()  # noqa: S303 - the algorithm's own
    return padding.OAEP(padding.MGF1(digest), digest, None)
