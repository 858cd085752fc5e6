"""Passwords of the registry: checked against the key they were made of."""

from __future__ import annotations

import pytest

from sagewright.model.aws.registry_tokens import BadPassword, make_password, read_password


def test_a_password_matches_its_key_alone() -> None:
    password = read_password(make_password("AKIA1", "secret", 5))

    assert (password.access_key, password.expires_ms) == ("AKIA1", 5)
    assert password.matches("secret")
    assert not password.matches("other")


def test_what_it_says_cannot_be_changed() -> None:
    password = read_password(make_password("AKIA1", "secret", 5))

    assert not type(password)("AKIA1", 6, password.proof).matches("secret")
    assert not type(password)("AKIA2", 5, password.proof).matches("secret")


@pytest.mark.parametrize("text", ["", "x", "e30=", "WzFd", "\N{EURO SIGN}"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(BadPassword):
        read_password(text)
