"""Cursors of list operations: opaque to clients, JSON inside."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from sagewright.model.errors import AwsError, ValidationException


def encode(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode()


def decode(token: str | None, error: AwsError | None = None) -> list[Any] | None:
    """The position a token stands for, None for no token. Raises `error`, by default ValidationException."""
    if not token:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError):
        position = None
    if not isinstance(position, list):
        raise error or ValidationException("Invalid NextToken.")
    return position
