"""Sign-in to Studio by a provider: its interface, the browser's cookie meanwhile, and the people who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

COOKIE, SECURE_COOKIE = "sagewright-sign-on", "__Secure-sagewright-sign-on"
PATH = "/studio/oidc"
BEGUN_S = 600
"""Time that a person has at the provider."""


class SignOnRefused(Exception):
    """The sign-in is refused; the message is shown to the person."""


class SignOn(Protocol):
    """A provider. Methods block, and raise SignOnRefused."""

    def begin(self, redirect: str) -> tuple[str, str]:
        """Returns the provider's URL, and the cookie that the browser keeps until it returns to `redirect`."""
        ...

    def finish(self, answer: Mapping[str, str], begun: str, address: str) -> str:
        """Returns the principal of the person. `answer`: the parameters that the browser brought back."""
        ...


def cookie(value: str, seconds: int, *, secure: bool) -> str:
    """Returns the value of a Set-Cookie header. Lax: the provider's page leads back here."""
    name = SECURE_COOKIE if secure else COOKIE
    return f"{name}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


@dataclass(frozen=True)
class ClaimOfUser:
    """A person with `value` in the claim is the user."""

    user: str
    claim: str
    value: str


def parse_oidc_users(text: str) -> tuple[ClaimOfUser, ...]:
    """Parses the list of people. Raises ValueError."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        user, _, rest = entry.partition("=")
        claim, colon, value = rest.partition(":")
        if not (user.strip() and claim.strip() and colon and value.strip()):
            raise ValueError(f"{entry!r} must be USER=CLAIM:VALUE, such as ann=email:ann@example.org")
        found.append(ClaimOfUser(user.strip(), claim.strip(), value.strip()))
    return tuple(found)
