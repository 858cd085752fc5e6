"""Browser access to a tracking server: a URL that is valid for some minutes, and the session that it starts.

Both are tokens that only this server can create: JSON and its HMAC. Source: AWS's API reference,
CreatePresignedMlflowTrackingServerUrl.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

from sagewright.model.secrecy import equal

PREFIX = "/mlflow/"
"""Prefix of the paths that a browser requests, on the port of invocations: `/mlflow/NAME/…`."""
AUTH = "auth"
TOKEN = "authToken"  # noqa: S105 - the name of a query's member
URL, SESSION = "url", "session"
MOST = 2048
"""Maximum characters of a token."""


@dataclass(frozen=True)
class Pass:
    """`kind`: URL or SESSION; `tracker`: the resource's id; `key`: the id of the access key that requested it; a pass ends with
    either; `session_s`: duration of the session that a URL starts."""

    kind: str
    tracker: str
    until_ms: int
    session_s: int = 0
    key: str = ""


def secret_of(admin_secret: str) -> str:
    """Returns the key that signs passes, and is used for nothing else."""
    return hashlib.sha256(f"sagewright-tracking:{admin_secret}".encode()).hexdigest()


def written(one: Pass, secret: str) -> str:
    body = base64.urlsafe_b64encode(json.dumps(asdict(one)).encode()).decode()
    return f"{body}.{_seal(body, secret)}"


def read(text: str, kind: str, secret: str, now_ms: int) -> Pass | None:
    """Parses a pass; None if it is forged, of another kind, or expired."""
    body, _, seal = text.partition(".")
    if len(text) > MOST or not equal(_seal(body, secret), seal):
        return None
    try:
        one = Pass(**json.loads(base64.urlsafe_b64decode(body)))
    except (binascii.Error, ValueError, TypeError):
        return None
    return one if one.kind == kind and one.until_ms > now_ms else None


def _seal(body: str, secret: str) -> str:
    return hmac.new(secret.encode(), body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
