"""Sign-in by OpenID Connect's authorization code with PKCE, for Studio.

What a sign-in needs later is sealed in the browser's cookie, so any server of a store can finish it.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sagewright.engine.calls import Call, OperationRequest
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.model.sign_on import BEGUN_S, SignOnRefused
from sagewright.server.sign_on.people import user_of
from sagewright.server.sign_on.provider import OidcProvider
from sagewright.server.sign_on.tokens import CodeGrant, OidcClient, claims_of
from sagewright.services.access.principals import OWNER_NAME, owner_arn
from sagewright.services.context import AuditedCall, Context, Platform, Principal, RequestOrigin
from sagewright.store.sealing.master_keys import MasterKeyFault

SCOPES = "openid email profile"
_SEALED = "studio/oidc"
MOST_CODE = 4096
log = logging.getLogger("sagewright.server.sign_on")


class OidcSignOn:
    """See studio.sign_on.SignOn."""

    def __init__(self, settings: Settings, platform: Platform, call: Call) -> None:
        self._settings, self._platform, self._call = settings, platform, call
        self._provider = OidcProvider(settings.oidc_issuer)
        self._client = OidcClient(settings.oidc_client, settings.oidc_secret)

    def begin(self, redirect: str) -> tuple[str, str]:
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        begun = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect,
            "scope": SCOPES,
            "state": begun["state"],
            "nonce": begun["nonce"],
            "code_challenge": create_s256_code_challenge(begun["verifier"]),
            "code_challenge_method": "S256",
        }
        endpoint = str(self._provider.metadata()["authorization_endpoint"])
        kept = json.dumps(begun | {"redirect": redirect, "until_s": int(time.time()) + BEGUN_S})
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
        return url, self._platform.store.secrets.seal(kept, _SEALED)

    def finish(self, answer: Mapping[str, str], begun: str, address: str) -> str:
        try:
            user, principal = self._finished(answer, begun)
        except SignOnRefused as refused:
            log.warning("a sign-in by OpenID Connect was refused: %s", refused)
            self._recorded(address, "", "", str(refused))
            raise
        self._recorded(address, user, principal)
        return principal

    def _finished(self, answer: Mapping[str, str], begun: str) -> tuple[str, str]:
        """Returns the user and its ARN."""
        kept = self._opened(begun)
        if not hmac.compare_digest(kept["state"].encode(), answer.get("state", "").encode()):
            raise SignOnRefused("The answer belongs to another sign-in. Start again.")
        if "error" in answer:
            raise SignOnRefused(f"The provider refused: {answer['error'][:100]}.")
        if not 0 < len(answer.get("code", "")) <= MOST_CODE:
            raise SignOnRefused("The provider sent no code.")
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise SignOnRefused("The answer is another provider's.")
        grant = CodeGrant(answer["code"], kept["redirect"], kept["verifier"], kept["nonce"])
        claims = claims_of(self._provider, self._client, grant)
        user = user_of(claims, self._settings.oidc_people)
        if not user:
            raise SignOnRefused("Your account at the provider stands for no user here. Ask its administrator.")
        return user, self._arn_of(user)

    def _opened(self, begun: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._platform.store.secrets.open(begun, _SEALED))
        except MasterKeyFault:
            raise SignOnRefused("The sign-in was not started in this browser, or too long ago. Start again.") from None
        if kept["until_s"] < time.time():
            raise SignOnRefused("The sign-in took too long. Start again.")
        return kept

    def _arn_of(self, user: str) -> str:
        """Raises SignOnRefused for a user that does not exist."""
        account = self._settings.account
        if user == OWNER_NAME:
            return owner_arn(account)
        try:
            asked = OperationRequest(owner_arn(account), "iam", "GetUser", {"UserName": user})
            return str(self._call(asked)["User"]["Arn"])
        except AwsError:
            raise SignOnRefused(f"The user {user} does not exist here.") from None

    def _recorded(self, address: str, user: str, principal: str, reason: str = "") -> None:
        """Records the sign-in as AWS does, under the name ConsoleLogin."""
        trail = self._platform.audit
        code = "AccessDenied" if reason else ""
        if trail is None or not trail.wants("signin", "ConsoleLogin", code):
            return
        settings, origin = self._settings, RequestOrigin(address=address)
        context = Context(
            "", settings.account, settings.region, Principal(principal, user), self._platform, origin=origin
        )
        error = AwsError(code, reason) if reason else None
        trail.record(AuditedCall(context, "signin", "ConsoleLogin", {"UserName": user}, error=error))
