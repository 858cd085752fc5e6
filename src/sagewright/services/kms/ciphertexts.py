"""Ciphertexts: AES-256-GCM under a key of its own for each, derived from the key's material.

A ciphertext is a version, the id of its key, the salt of the derivation, the nonce, the encrypted bytes and their tag. What
stands before the encrypted bytes is authenticated with them, and so is the encryption context. With a derived key each,
random nonces don't run out, however often a key is used: AWS derives too ("AWS KMS cryptographic details").
"""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import orjson

from sagewright.store.resources import Resource

VERSION = b"\x01"
SALT_BYTES, NONCE_BYTES, TAG_BYTES = 16, 12, 16
HEADER_BYTES = 1 + 16 + SALT_BYTES + NONCE_BYTES

EncryptionContext = dict[str, str]


class Unreadable(Exception):
    """It is no ciphertext, not of this key, was changed, or had another encryption context."""


@dataclass(frozen=True)
class Ciphertext:
    header: bytes
    sealed: bytes

    @classmethod
    def parse(cls, blob: bytes) -> Ciphertext:
        """Raises Unreadable."""
        if len(blob) <= HEADER_BYTES + TAG_BYTES or blob[:1] != VERSION:
            raise Unreadable
        return cls(blob[:HEADER_BYTES], blob[HEADER_BYTES:])

    @property
    def key_id(self) -> str:
        return str(uuid.UUID(bytes=self.header[1:17]))


def seal(key: Resource, plaintext: bytes, context: EncryptionContext) -> bytes:
    header = VERSION + uuid.UUID(key.name).bytes + secrets.token_bytes(SALT_BYTES + NONCE_BYTES)
    sealed: bytes = _cipher(key, header).encrypt(header[-NONCE_BYTES:], plaintext, _authenticated(header, context))
    return header + sealed


def unseal(key: Resource, ciphertext: Ciphertext, context: EncryptionContext) -> bytes:
    """Raises Unreadable."""
    from cryptography.exceptions import InvalidTag

    header = ciphertext.header
    try:
        plaintext: bytes = _cipher(key, header).decrypt(
            header[-NONCE_BYTES:], ciphertext.sealed, _authenticated(header, context)
        )
    except InvalidTag:
        raise Unreadable from None
    return plaintext


def _cipher(key: Resource, header: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    material = base64.b64decode(key.document["Material"])
    derive = HKDF(SHA256(), length=32, salt=header[17 : 17 + SALT_BYTES], info=b"sagewright kms 1")
    return AESGCM(derive.derive(material))


def _authenticated(header: bytes, context: EncryptionContext) -> bytes:
    """The order of the pairs does not matter."""
    return header + orjson.dumps(context, option=orjson.OPT_SORT_KEYS)
