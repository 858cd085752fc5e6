"""Requests with a ClientToken: who sends one again is answered as before, and nothing is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.store import clienttokens
from sagewright.store.clienttokens import Marked, TokenTaken


def once(
    context: Context, operation: str, request: dict[str, Any], do: Callable[[Connection], dict[str, Any]]
) -> dict[str, Any]:
    """`do` in a transaction of its own, or what it answered before. Raises ConflictException for another request's token."""
    try:
        return clienttokens.once(context.store, _marked(context, operation, request), do)
    except TokenTaken:
        raise AwsError(
            "ConflictException", f"The ClientToken '{request['ClientToken']}' was used for another {operation} request."
        ) from None


def _marked(context: Context, operation: str, request: dict[str, Any]) -> Marked | None:
    token = request.get("ClientToken")
    if token is None:
        return None
    asked = {name: value for name, value in request.items() if name != "ClientToken"}
    fingerprint = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    return Marked(f"{context.account}/{context.region}/{operation}", token, fingerprint)
