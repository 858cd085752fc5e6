"""Signatures of topics' messages: the server's key, created on first use, and its certificate.

Source: AWS's SNS developer guide, "Verifying the signatures of Amazon SNS messages"; the signatures that localstack/localstack
checked on AWS (`test_sns.py`, test_publish_sqs_verify_signature).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

KIND = "sns-signer"
PATH = "/_sagewright/certificates"
_NAME = "signer"
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_BITS = 2048
_VALID = timedelta(days=36_500)


def signed(store: Database, scope: tuple[str, str], notification: dict[str, str], version: str) -> dict[str, str]:
    """Returns the signature members of a notification. `scope`: account and region; `version`: 1 for SHA-1, 2 for SHA-256.

    The URL of the certificate is only a path.
    """
    signer = _signer(store, scope)
    text = "".join(f"{name}\n{notification[name]}\n" for name in _SIGNED if name in notification)
    return {
        "SignatureVersion": version,
        "Signature": base64.b64encode(_signature(_pem(store, signer), text.encode(), version)).decode(),
        "SigningCertURL": f"{PATH}/{_file_of(signer)}",
    }


def certificate(store: Database, scope: tuple[str, str], name: str) -> bytes | None:
    """Returns the certificate with that file name in PEM, or None."""
    found = resources.find(store, ResourceScope(KIND, *scope), _NAME)
    return str(found.document["Certificate"]).encode() if found and name == _file_of(found) else None


def secret_of(account: str, region: str) -> str:
    """Returns the identity of a sealed key."""
    return f"{KIND}/{account}/{region}"


def _pem(store: Database, signer: Resource) -> str:
    return store.secrets.open(signer.document["Key"], secret_of(signer.account, signer.region))


def _file_of(signer: Resource) -> str:
    digest = hashlib.sha256(signer.document["Certificate"].encode()).hexdigest()
    return f"SimpleNotificationService-{digest[:32]}.pem"


def _signer(store: Database, scope: tuple[str, str]) -> Resource:
    where = ResourceScope(KIND, *scope)
    found = resources.find(store, where, _NAME)
    if found is not None:
        return found
    try:
        new = _new_document()
        sealed = new | {"Key": store.secrets.seal(new["Key"], secret_of(*scope))}
        return resources.create(store, where, New(_NAME, sealed, "", {}))
    except ResourceNameTaken:  # another server was first
        found = resources.find(store, where, _NAME)
        assert found is not None, "a signer is never deleted"
        return found


def _new_document() -> dict[str, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sagewright's topics")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "Key": key.private_bytes(pem, form, plain).decode(),
        "Certificate": made.public_bytes(pem).decode(),
    }


def _signature(pem: str, text: bytes, version: str) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    by = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - AWS's version 1, which its readers expect
    signature: bytes = _private_key(pem).sign(text, padding.PKCS1v15(), by)
    return signature


@lru_cache(maxsize=4)
def _private_key(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.encode(), None)
