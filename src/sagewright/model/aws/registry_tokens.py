"""Passwords for the container registry: made from an access key, checked against it, good for a time. None is kept.

`docker login` has room for a user name (AWS) and a password alone, so the password says which key it was made of.
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
    """What was sent is no password of ours."""


@dataclass(frozen=True)
class Password:
    """Who says to have made it, and until when it holds; `matches` says whether that is true."""

    access_key: str
    expires_ms: int
    proof: str

    def matches(self, secret: str) -> bool:
        return equal(_proof(self.access_key, self.expires_ms, secret), self.proof)


def make_password(access_key: str, secret: str, expires_ms: int) -> str:
    fields = [access_key, expires_ms, _proof(access_key, expires_ms, secret)]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


def read_password(text: str) -> Password:
    """Raises BadPassword."""
    try:
        access_key, expires_ms, proof = json.loads(base64.urlsafe_b64decode(text.encode()))
        return Password(str(access_key), int(expires_ms), str(proof))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadPassword("not a password of this registry") from error


def _proof(access_key: str, expires_ms: int, secret: str) -> str:
    return hmac.new(secret.encode(), f"registry:{access_key}:{expires_ms}".encode(), hashlib.sha256).hexdigest()
