"""One-time URLs and sessions of notebooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sagewright.model.notebooks.grants import (
    Grant,
    NotebookSession,
    cookies_of,
    one_time_token,
    redeem,
    set_cookie,
    without_own,
)
from sagewright.model.studio_sessions import SessionKey

GRANT = Grant("space-1", 1800, "/lab/tree/a.ipynb", "AKIAPARENT")


class StubKeys:
    def __init__(self) -> None:
        self.keys: dict[str, SessionKey] = {}
        self.seconds: dict[str, int] = {}

    def create(self, principal: str, seconds: int) -> SessionKey:
        key = SessionKey(f"ASIA{len(self.seconds)}", f"secret{len(self.seconds)}", principal)
        self.keys[key.id], self.seconds[key.id] = key, seconds
        return key

    def find(self, key_id: str) -> SessionKey | None:
        return self.keys.get(key_id)

    def principal_of(self, key_id: str, secret: str) -> str:
        return ""

    def end(self, key_id: str) -> bool:
        return self.keys.pop(key_id, None) is not None


def test_a_token_opens_one_session() -> None:
    keys = StubKeys()
    token = one_time_token(keys, "arn:me", 60, GRANT)
    found = redeem(keys, token)
    assert found is not None
    session, grant = found
    assert (grant, session.notebook, session.parent) == (GRANT, "space-1", "AKIAPARENT")
    assert list(keys.seconds.values()) == [60, 1800]
    assert redeem(keys, token) is None


CHANGES: tuple[Callable[[str], str], ...] = (
    lambda token: token[:-1],
    lambda token: f"x{token}",
    lambda token: token.replace(".", ".A", 1),
    lambda _token: "",
    lambda _token: "x" * 5000,
)


@pytest.mark.parametrize("change", CHANGES)
def test_other_tokens_open_nothing(change: Callable[[str], str]) -> None:
    keys = StubKeys()
    token = one_time_token(keys, "arn:me", 60, GRANT)
    assert redeem(keys, change(token)) is None
    assert redeem(keys, token) is not None


def test_an_expired_token_opens_nothing() -> None:
    keys = StubKeys()
    token = one_time_token(keys, "arn:me", 60, GRANT)
    keys.keys.clear()  # the store finds no expired key
    assert redeem(keys, token) is None


def test_a_cookie_is_sealed_in_all_its_parts() -> None:
    keys = StubKeys()
    found = redeem(keys, one_time_token(keys, "arn:me", 60, GRANT))
    assert found is not None
    session = NotebookSession.read(found[0].cookie)
    assert session == found[0]
    secret = keys.keys[session.key].secret
    assert session.is_sealed(secret)
    assert not session.is_sealed("other")
    for changed in ({"notebook": "space-2"}, {"until_ms": session.until_ms + 1}, {"parent": ""}):
        assert not replace(session, **changed).is_sealed(secret)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b.c.x.d", "a.b.c." + "9" * 20 + ".d", "x" * 5000, "a.b.c.²3.d"])
def test_other_cookies_are_none(text: str) -> None:
    assert NotebookSession.read(text) is None


def test_cookies_of_this_server_stay_here() -> None:
    header = "_xsrf=1; sagewright-notebook=a; __Host-sagewright-notebook=b;sagewright-studio=c; x"
    assert cookies_of(header) == ["b", "a"]
    assert without_own(header) == "_xsrf=1; x"
    assert len(cookies_of("sagewright-notebook=a; " * 100)) == 4
    assert cookies_of("sagewright-notebook=tossed; " * 9 + "__Host-sagewright-notebook=own")[0] == "own"


def test_the_cookie_is_host_only() -> None:
    assert "Domain" not in set_cookie("v", 5, secure=False)
    cookie = set_cookie("v", 5, secure=True)
    assert cookie == "__Host-sagewright-notebook=v; Path=/; Max-Age=5; HttpOnly; SameSite=Lax; Secure"
