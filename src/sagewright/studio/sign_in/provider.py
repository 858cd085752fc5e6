"""Sign-in by a provider: the way there, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sagewright.http.asgi import Incoming
from sagewright.http.pools import CallPool
from sagewright.model import sign_on
from sagewright.model.sign_on import SignOn, SignOnRefused
from sagewright.model.studio_sessions import Session, Sessions
from sagewright.studio.sign_in.attempts import SignInAttempts
from sagewright.studio.sign_in.origins import is_secure, own_origins

ANSWER = f"{sign_on.PATH}/answer"
Refuse = Callable[[Request, str, int], Response]
SignedIn = Callable[[Request, Incoming, Session, str], Response]


@dataclass(frozen=True)
class ProviderSignIn:
    """`refuse`: shows the page for signing in, with a reason; `signed_in`: answers with the cookie of a session."""

    provider: SignOn
    sessions: Sessions
    attempts: SignInAttempts
    pool: CallPool
    refuse: Refuse
    signed_in: SignedIn

    async def begin(self, request: Request, _incoming: Incoming) -> Response:
        """Sends the browser to the provider."""
        secure = is_secure(request)
        try:
            url, begun = await self.pool.run(self.provider.begin, own_origins(request)[secure] + ANSWER)
        except SignOnRefused as refused:
            return self.refuse(request, str(refused), 502)
        response = RedirectResponse(url, 303)
        response.headers.append("set-cookie", sign_on.cookie(begun, sign_on.BEGUN_S, secure=secure))
        return response

    async def finish(self, request: Request, incoming: Incoming) -> Response:
        """Opens a session for a person whom the provider has sent back."""
        secure, address = is_secure(request), request.client.host if request.client else ""
        begun = request.cookies.get(sign_on.SECURE_COOKIE if secure else sign_on.COOKIE, "")
        if not begun:
            return self.refuse(request, "The sign-in was not started in this browser. Start again.", 403)
        if not self.attempts.begin(address):
            return self.refuse(request, "Too many attempts. Wait a minute.", 429)
        try:
            principal = await self.pool.run(self.provider.finish, dict(request.query_params), begun, address)
        except SignOnRefused as refused:
            return self.refuse(request, str(refused), 403)
        self.attempts.succeeded(address)
        session = await self.pool.run(self.sessions.open, principal)
        response = self.signed_in(request, incoming, session, "/studio")
        response.headers.append("set-cookie", sign_on.cookie("", 0, secure=secure))
        return response
