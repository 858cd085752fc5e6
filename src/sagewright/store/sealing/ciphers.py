"""AES-256-GCM with the row's identity as associated data: a sealed secret opens only where it was put.

Source: NIST SP 800-38D; a random nonce of 96 bits suffices for 2^32 secrets under one key.
"""

from __future__ import annotations

import base64
import binascii
import os
from functools import lru_cache
from typing import Any

from sagewright.store.sealing.master_keys import MasterKeyFault

PREFIX = "sealed:1:"
"""Begins each sealed secret, and no secret of ours."""
NONCE_BYTES = 12
MOST_OPENED = 1024
"""Number of opened secrets that are cached: with PostgreSQL each request reads its caller's key."""


class SecretCipher:
    """Seals and opens with one data key. `identity`: table, row and member of a secret."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher: Any = AESGCM(key)
        self.open = lru_cache(MOST_OPENED)(self._open)

    def seal(self, secret: str, identity: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return (
            PREFIX + base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), identity.encode())).decode()
        )

    def _open(self, sealed: str, identity: str) -> str:
        """Returns the secret. Raises MasterKeyFault for a text that was not sealed by this key for this row."""
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(sealed.removeprefix(PREFIX), validate=True) if is_sealed(sealed) else b""
            plain: bytes = self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], identity.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise MasterKeyFault(f"The secret {identity} was not sealed for this row of this store.") from None
        return plain.decode()


def is_sealed(text: str) -> bool:
    return text.startswith(PREFIX)
