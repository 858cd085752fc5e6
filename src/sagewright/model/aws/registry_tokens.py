"""Passwords for the container registry: derived from an access key, verified with it, and valid for a limited time. None is stored.

`docker login` sends only a user name (AWS) and a password, so the password names the key that it was derived from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from sagewright.model.secrecy import equal

USER = "AWS"
LIFETIME_S = 12 * 3600


class BadPassword(ValueError):
    """The text is not a registry password."""


@dataclass(frozen=True)
class Password:
    """The claimed access key and expiry of a password; `matches` verifies the claim."""

    access_key: str
    expires_ms: int
    proof: str

    def matches(self, secret: str) -> bool:
        return equal(_proof(self.access_key, self.expires_ms, secret), self.proof)


def make_password(access_key: str, secret: str, expires_ms: int) -> str:
    fields = [access_key, expires_ms, _proof(access_key, expires_ms, secret)]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


def read_password(text: str) -> Password:
    """Parses a password. Raises BadPassword."""
    try:
        access_key, expires_ms, proof = json.loads(base64.urlsafe_b64decode(text.encode()))
        return Password(str(access_key), int(expires_ms), str(proof))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadPassword("not a password of this registry") from error


def _proof(access_key: str, expires_ms: int, secret: str) -> str:
    return hmac.new(secret.encode(), f"registry:{access_key}:{expires_ms}".encode(), hashlib.sha256).hexdigest()
