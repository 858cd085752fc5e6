"""A sealed secret opens where it was put, and nowhere else."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.store.sealing.ciphers import PREFIX, SecretCipher, is_sealed
from sagewright.store.sealing.master_keys import MasterKeyFault

CIPHER = SecretCipher(bytes(32))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text(max_size=20, alphabet="abc/é"))
def test_what_was_sealed_opens(secret: str, identity: str) -> None:
    sealed = CIPHER.seal(secret, identity)
    assert is_sealed(sealed)
    assert CIPHER.open(sealed, identity) == secret
    assert CIPHER.seal(secret, identity) != sealed


@pytest.mark.parametrize("place", ["access_keys/OTHER/secret", "access_keys/AKIA/session_token", ""])
def test_it_opens_nowhere_else(place: str) -> None:
    sealed = CIPHER.seal("secret", "access_keys/AKIA/secret")
    with pytest.raises(MasterKeyFault, match="was not sealed for this row"):
        CIPHER.open(sealed, place)


def test_changed_bytes_clear_text_and_other_keys_do_not_open() -> None:
    sealed = CIPHER.seal("secret", "x")
    data = bytearray(base64.b64decode(sealed.removeprefix(PREFIX)))
    data[-1] ^= 1
    for wrong in (
        PREFIX + base64.b64encode(data).decode(),
        "secret",
        PREFIX,
        f"{PREFIX}!",
        sealed[:-4],
        f"{PREFIX}AAAA",
    ):
        with pytest.raises(MasterKeyFault):
            CIPHER.open(wrong, "x")
    with pytest.raises(MasterKeyFault):
        SecretCipher(os.urandom(32)).open(sealed, "x")
