"""GetAuthorizationToken: the user name and password for `docker login`."""

from __future__ import annotations

import base64
from typing import Any

from sagewright.model.aws.registry_tokens import LIFETIME_S, USER, make_password
from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AccessDenied
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import identity


@operation("ecr", "GetAuthorizationToken")
def get_authorization_token(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the token with the endpoint that received this request: `docker push` reaches the registry there."""
    key = identity.find_key(context.store, context.principal.access_key)
    if key is None:
        raise AccessDenied("The access key that signed the request is gone.")
    expires_ms = now_ms() + LIFETIME_S * 1000
    if key.expires_ms is not None:
        expires_ms = min(expires_ms, key.expires_ms)
    token = base64.b64encode(f"{USER}:{make_password(key.id, key.secret, expires_ms)}".encode()).decode()
    shape = {"authorizationToken": token, "expiresAt": to_datetime(expires_ms), "proxyEndpoint": context.base_url}
    return {"authorizationData": [shape for _registry in request.get("registryIds") or [context.account]]}
