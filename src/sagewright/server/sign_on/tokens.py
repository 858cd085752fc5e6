"""The code of a sign-in, exchanged for an ID token, whose signature and claims are checked.

Source: OpenID Connect Core 1.0, 3.1.3; RFC 7636 (PKCE); RFC 8725.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sagewright.model.sign_on import SignOnRefused
from sagewright.server.sign_on.provider import OidcProvider

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by keys that the provider publishes: neither `none`, nor one by a shared secret."""
LEEWAY_S = 60
MOST_TOKEN = 64 << 10


@dataclass(frozen=True)
class OidcClient:
    """This server as the provider's client; `secret` is "" for a public one."""

    id: str
    secret: str


@dataclass(frozen=True)
class CodeGrant:
    """The code that a browser brought, and the secrets of its sign-in."""

    code: str
    redirect: str
    verifier: str
    nonce: str


def claims_of(provider: OidcProvider, client: OidcClient, grant: CodeGrant) -> dict[str, Any]:
    """Returns the claims of the ID token. Raises SignOnRefused."""
    answer = provider.post(str(provider.metadata()["token_endpoint"]), *_request(provider, client, grant))
    token = answer.get("id_token")
    if not isinstance(token, str) or len(token) > MOST_TOKEN:
        raise SignOnRefused("The provider sent no ID token.")
    return _checked(provider, client, grant, token)


def _request(provider: OidcProvider, client: OidcClient, grant: CodeGrant) -> tuple[dict[str, str], dict[str, str]]:
    """Returns fields and headers: the secret goes where the provider takes it."""
    fields = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": grant.redirect,
        "client_id": client.id,
        "code_verifier": grant.verifier,
    }
    if not client.secret:
        return fields, {}
    methods = provider.metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" not in methods:
        return fields | {"client_secret": client.secret}, {}
    pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
    return fields, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _checked(provider: OidcProvider, client: OidcClient, grant: CodeGrant, token: str) -> dict[str, Any]:
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError

    decoded = _decoded(provider, token)
    options: Any = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": client.id},
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, {"nonce": grant.nonce, "client_id": client.id})
    try:
        claims.validate(leeway=LEEWAY_S)
    except (JoseError, TypeError, ValueError) as error:
        raise SignOnRefused(f"The ID token is refused: {error}") from None
    return dict(claims)


def _decoded(provider: OidcProvider, token: str) -> Any:
    """Returns the token, whose signature is valid. Keys that the provider has added since are read once more."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    for again in (False, True):
        try:
            keys = KeySet.import_key_set(provider.keys(again=again))  # type: ignore[arg-type]
            return jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, KeyError, TypeError) as error:
            if again:
                raise SignOnRefused(f"The ID token is refused: {type(error).__name__}.") from None
    raise AssertionError("the second attempt returns or raises")
