"""How the browser reaches this server."""

from __future__ import annotations

from starlette.requests import Request

from sagewright.http import asgi


def own_origins(request: Request) -> tuple[str, str]:
    """Returns this server's origin, and its origin behind a proxy that ends TLS."""
    host = request.headers.get("host", "")
    return f"http://{host}", f"https://{host}"


def is_secure(request: Request) -> bool:
    return asgi.client_scheme(request.scope, dict(request.headers)) == "https"
