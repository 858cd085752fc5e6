"""Requests with a ClientToken: a repeated request gets the first response, and nothing is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.store import client_tokens
from sagewright.store.client_tokens import Marked, TokenTaken

MEMBERS = ("ClientToken", "ClientRequestToken")


def once(
    context: Context, operation: str, request: dict[str, Any], do: Callable[[Connection], dict[str, Any]]
) -> dict[str, Any]:
    """Runs `do` in a dedicated transaction, or returns its earlier response. Raises ConflictException for another request's
    token."""
    member = next((one for one in MEMBERS if one in request), MEMBERS[0])
    try:
        return client_tokens.once(context.store, _marked(context, operation, request, member), do)
    except TokenTaken:
        raise AwsError(
            "ConflictException", f"The {member} '{request[member]}' was used for another {operation} request."
        ) from None


def _marked(context: Context, operation: str, request: dict[str, Any], member: str) -> Marked | None:
    token = request.get(member)
    if token is None:
        return None
    requested = {name: value for name, value in request.items() if name != member}
    fingerprint = hashlib.sha256(orjson.dumps(requested, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    return Marked(f"{context.account}/{context.region}/{operation}", token, fingerprint)
