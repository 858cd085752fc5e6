"""Signing in: one-time URLs, session cookies, and tokens against forged requests.

A session is a temporary access key of the principal, kept by the server: it ends with the key. The cookie carries the key's id, the
time of the last visit and a signature by the key's secret, so it is worthless once the key is deleted or has expired.
Source: OWASP Session Management and Cross-Site Request Forgery Prevention cheat sheets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

IDLE_S = 3600.0
"""Time without a request after which a session ends."""
RENEW_S = 300.0
"""Age of a cookie at which a new one is sent."""
COOKIE = "sagewright-studio"
SECURE_COOKIE = "__Host-sagewright-studio"
LIVE_S = (300, 43200)
"""Default validity of a one-time URL, and of the session that it opens."""


@dataclass(frozen=True)
class SessionKey:
    """A key that the server keeps for a session. `opens_s`: for a one-time key, the duration of the session it opens."""

    id: str
    secret: str
    principal: str


class SessionKeys(Protocol):
    """The server's temporary keys. Methods may block."""

    def create(self, principal: str, seconds: int) -> SessionKey: ...
    def find(self, key_id: str) -> SessionKey | None:
        """Returns an unexpired key, or None."""
        ...

    def principal_of(self, key_id: str, secret: str) -> str:
        """Returns the principal of a valid access key, "" for a wrong one."""
        ...

    def end(self, key_id: str) -> bool:
        """Deletes a key; returns False if another call already has."""
        ...


@dataclass(frozen=True)
class Session:
    key: SessionKey
    stale: bool = False
    """The cookie is old enough to be renewed."""

    @property
    def principal(self) -> str:
        return self.key.principal

    @property
    def form_token(self) -> str:
        """Token of forms: a page of another origin cannot know it."""
        return sign(self.key.secret, "form")


class Sessions:
    def __init__(self, keys: SessionKeys, now: Callable[[], float] = time.time) -> None:
        self._keys, self._now = keys, now

    def one_time_token(self, principal: str, seconds: int, session_s: int, landing: str = "/studio") -> str:
        """Returns a token that opens one session within `seconds`, which lasts at most `session_s`."""
        key = self._keys.create(principal, seconds)
        told = f"{key.id}.{session_s}.{base64.urlsafe_b64encode(landing.encode()).decode()}"
        return f"{told}.{sign(key.secret, told)}"

    def sign_in(self, key_id: str, secret: str) -> Session | None:
        """Returns a new session for an access key; None for a wrong one."""
        principal = self._keys.principal_of(key_id, secret)
        return Session(self._keys.create(principal, LIVE_S[1])) if principal else None

    def open(self, principal: str) -> Session:
        """Returns a new session for a principal that a provider has authenticated."""
        return Session(self._keys.create(principal, LIVE_S[1]))

    def redeem(self, token: str) -> tuple[Session, str] | None:
        """Returns a new session and the page to open; None for a token that is invalid, used or expired."""
        told, _, signature = token.rpartition(".")
        parts = told.split(".")
        key = self._keys.find(parts[0]) if len(parts) == 3 else None
        if key is None or not hmac.compare_digest(sign(key.secret, told).encode(), signature.encode()):
            return None
        if not self._keys.end(key.id):
            return None
        landing = base64.urlsafe_b64decode(parts[2]).decode()
        return Session(self._keys.create(key.principal, int(parts[1]))), landing

    def find(self, cookies: str) -> Session | None:
        """Returns the session of a request's Cookie header; None without one, after idleness, and once its key has ended."""
        value = _cookie(cookies)
        key_id, _, rest = value.partition(".")
        seen, _, signature = rest.partition(".")
        if not seen.isdecimal() or len(seen) > 12:
            return None
        age = self._now() - int(seen)
        key = self._keys.find(key_id) if -RENEW_S < age < IDLE_S else None
        if key is None or not hmac.compare_digest(sign(key.secret, f"cookie {seen}").encode(), signature.encode()):
            return None
        return Session(key, age > RENEW_S)

    def cookie(self, session: Session, *, secure: bool) -> str:
        """Returns the value of a Set-Cookie header."""
        seen = int(self._now())
        value = f"{session.key.id}.{seen}.{sign(session.key.secret, f'cookie {seen}')}"
        return _set_cookie(value, LIVE_S[1], secure=secure)

    def end(self, session: Session, *, secure: bool) -> str:
        """Ends a session; returns the value of the Set-Cookie header that removes its cookie."""
        self._keys.end(session.key.id)
        return _set_cookie("", 0, secure=secure)


def sign(secret: str, text: str) -> str:
    digest = hmac.new(secret.encode(), b"studio " + text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _cookie(header: str) -> str:
    """Returns the value of our cookie, "" without one."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return ""
    for name in (SECURE_COOKIE, COOKIE):
        if name in jar:
            return jar[name].value
    return ""


def _set_cookie(value: str, seconds: int, *, secure: bool) -> str:
    name = SECURE_COOKIE if secure else COOKIE
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
