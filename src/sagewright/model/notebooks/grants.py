"""Signing in to a notebook: one-time URLs, and the cookie of the session that one opens.

As in `studio_sessions`, both are temporary access keys that the server keeps: a URL's key is deleted by its first use, and a
session ends with its key, with the key that requested the URL, and with the notebook. The front checks cookies by the keys that it
knows, so sessions go on while no server runs.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Protocol

from sagewright.model.clock import now_ms
from sagewright.model.secrecy import equal
from sagewright.model.studio_sessions import SessionKey, SessionKeys, sign

COOKIE = "sagewright-notebook"
SECURE_COOKIE = f"__Host-{COOKIE}"
OWN = ("sagewright-", "__Host-sagewright-")
"""Prefixes of the names of this server's cookies."""
MOST_COOKIES = 4
MOST_TOKEN = 4096
"""Maximum characters of a token or a cookie."""


@dataclass(frozen=True)
class Grant:
    """Access to one notebook. `notebook`: the id of the space, app or instance; `parent`: the id of the access key that requested
    the URL, "" for none; `landing`: the path to open."""

    notebook: str
    session_s: int
    landing: str = "/lab"
    parent: str = ""


@dataclass(frozen=True)
class NotebookSession:
    """An opened session. `key`: the id of its access key."""

    key: str
    parent: str
    notebook: str
    until_ms: int
    seal: str = ""

    @property
    def text(self) -> str:
        return f"{self.key}.{self.parent}.{self.notebook}.{self.until_ms}"

    @property
    def cookie(self) -> str:
        return f"{self.text}.{self.seal}"

    @classmethod
    def read(cls, cookie: str) -> NotebookSession | None:
        """Parses a cookie's value; whether the server made it is known only by `is_sealed`."""
        parts = cookie.split(".")
        if len(cookie) > MOST_TOKEN or len(parts) != 5 or not (parts[3].isdecimal() and len(parts[3]) < 16):
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4])

    def is_sealed(self, secret: str) -> bool:
        return equal(sign(secret, f"notebook session {self.text}"), self.seal)


class KeyMaker(Protocol):
    """The part of the server's keys that makes them."""

    def create(self, principal: str, seconds: int) -> SessionKey: ...


def one_time_token(keys: KeyMaker, principal: str, seconds: int, grant: Grant) -> str:
    """Returns a token that opens one session within `seconds`."""
    key = keys.create(principal, seconds)
    body = base64.urlsafe_b64encode(json.dumps(asdict(grant)).encode()).decode()
    text = f"{key.id}.{body}"
    return f"{text}.{sign(key.secret, f'notebook {text}')}"


def redeem(keys: SessionKeys, token: str) -> tuple[NotebookSession, Grant] | None:
    """Opens a session; returns None for a token that is invalid, used or expired."""
    text, _, seal = token.rpartition(".")
    key_id, _, body = text.partition(".")
    key = keys.find(key_id) if 0 < len(token) <= MOST_TOKEN else None
    if key is None or not equal(sign(key.secret, f"notebook {text}"), seal):
        return None
    try:
        grant = Grant(**json.loads(base64.urlsafe_b64decode(body)))
    except (binascii.Error, ValueError, TypeError):
        return None
    if not keys.end(key.id):
        return None
    made = keys.create(key.principal, grant.session_s)
    session = NotebookSession(made.id, grant.parent, grant.notebook, now_ms() + 1000 * grant.session_s)
    seal = sign(made.secret, f"notebook session {session.text}")
    return NotebookSession(session.key, session.parent, session.notebook, session.until_ms, seal), grant


def cookies_of(header: str) -> list[str]:
    """Returns the values of the session's cookie in a Cookie header.

    A page of a parent or sibling domain can add cookies of the plain name, which come first if their paths are longer. Only this
    host can set the secure name, so its values precede them.
    """
    found: list[tuple[bool, str]] = []
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name in {SECURE_COOKIE, COOKIE}:
            found.append((name != SECURE_COOKIE, value))
    found.sort(key=itemgetter(0))
    return [value for _, value in found[:MOST_COOKIES]]


def without_own(header: str) -> str:
    """Returns a Cookie header without this server's cookies."""
    parts = [part.strip() for part in header.split(";")]
    return "; ".join(part for part in parts if part and not part.startswith(OWN))


def set_cookie(value: str, seconds: int, *, secure: bool) -> str:
    """Returns the value of a Set-Cookie header. Without Domain, browsers send the cookie only to this host."""
    name = SECURE_COOKIE if secure else COOKIE
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
