"""Ciphertexts: AES-256-GCM under a separate key for each, derived from the key's material.

A ciphertext consists of a version, the id of its key and whether that begins with mrk-, the id of the key's material, the salt of
the derivation, the nonce, the encrypted bytes and their tag. Everything before the encrypted bytes is authenticated with them, as
is the encryption context. Since each ciphertext has a derived key, random nonces don't run out, however often a key is used: AWS
derives too ("AWS KMS cryptographic details"). The first version contained only the key's id: it implies the original material.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import orjson

from sagewright.services.aws.kms_keys import materials, opened
from sagewright.store.database import Database
from sagewright.store.resources.resources import Resource

FIRST, VERSION = b"\x01", b"\x02"
KEY_BYTES, MATERIAL_ID_BYTES, SALT_BYTES, NONCE_BYTES, TAG_BYTES = 16, 32, 16, 12, 16
HEADER_BYTES = {
    FIRST: 1 + KEY_BYTES + SALT_BYTES + NONCE_BYTES,
    VERSION: 1 + 1 + KEY_BYTES + MATERIAL_ID_BYTES + SALT_BYTES + NONCE_BYTES,
}
_ONE_REGION, _SEVERAL_REGIONS = b"\x00", b"\x01"
_SEVERAL = "mrk-"

EncryptionContext = dict[str, str]


class Unreadable(Exception):
    """Not a ciphertext, or of another key, tampered with, or encrypted with another encryption context."""


@dataclass(frozen=True)
class Ciphertext:
    header: bytes
    sealed: bytes

    @classmethod
    def parse(cls, blob: bytes) -> Ciphertext:
        """Raises Unreadable."""
        size = HEADER_BYTES.get(blob[:1])
        if size is None or len(blob) <= size + TAG_BYTES or (blob[:1] == VERSION and blob[1:2] > _SEVERAL_REGIONS):
            raise Unreadable
        return cls(blob[:size], blob[size:])

    @property
    def key_id(self) -> str:
        if self.header[:1] == FIRST:
            return str(uuid.UUID(bytes=self.header[1 : 1 + KEY_BYTES]))
        described = uuid.UUID(bytes=self.header[2 : 2 + KEY_BYTES])
        return _SEVERAL + described.hex if self.header[1:2] == _SEVERAL_REGIONS else str(described)

    @property
    def material_id(self) -> str | None:
        """Returns None for the original material of the key."""
        start = 2 + KEY_BYTES
        return None if self.header[:1] == FIRST else self.header[start : start + MATERIAL_ID_BYTES].hex()

    @property
    def salt(self) -> bytes:
        return self.header[-NONCE_BYTES - SALT_BYTES : -NONCE_BYTES]

    @property
    def nonce(self) -> bytes:
        return self.header[-NONCE_BYTES:]


def seal(store: Database, key: Resource, plaintext: bytes, context: EncryptionContext) -> bytes:
    material = materials(key.document)[-1]
    several = key.name.startswith(_SEVERAL)
    header = VERSION + (_SEVERAL_REGIONS if several else _ONE_REGION) + uuid.UUID(key.name.removeprefix(_SEVERAL)).bytes
    header += bytes.fromhex(material["MaterialId"]) + secrets.token_bytes(SALT_BYTES + NONCE_BYTES)
    new = Ciphertext(header, b"")
    sealed: bytes = _cipher(opened(store, key.name, material), new.salt).encrypt(
        new.nonce, plaintext, _authenticated(header, context)
    )
    return header + sealed


def unseal(store: Database, key: Resource, ciphertext: Ciphertext, context: EncryptionContext) -> tuple[bytes, str]:
    """Returns the plaintext, and the id of the material that encrypted it. Raises Unreadable."""
    from cryptography.exceptions import InvalidTag

    all_of_it, requested = materials(key.document), ciphertext.material_id
    material = next((one for one in all_of_it if requested in {None, one["MaterialId"]}), None)
    if material is None:
        raise Unreadable
    authenticated = _authenticated(ciphertext.header, context)
    try:
        cipher = _cipher(opened(store, key.name, material), ciphertext.salt)
        plaintext: bytes = cipher.decrypt(ciphertext.nonce, ciphertext.sealed, authenticated)
    except InvalidTag:
        raise Unreadable from None
    return plaintext, material["MaterialId"]


def _cipher(plain: bytes, salt: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derive = HKDF(SHA256(), length=32, salt=salt, info=b"sagewright kms 1")
    return AESGCM(derive.derive(plain))


def _authenticated(header: bytes, context: EncryptionContext) -> bytes:
    """Returns the authenticated data; the order of the pairs does not matter."""
    return header + orjson.dumps(context, option=orjson.OPT_SORT_KEYS)
