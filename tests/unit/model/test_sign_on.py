"""The list of people who may sign in by a provider."""

from __future__ import annotations

import pytest

from sagewright.model.settings import BadSetting, load_settings
from sagewright.model.sign_on import ClaimOfUser, cookie


def test_people_are_read_from_the_setting() -> None:
    found = load_settings({"oidc_users": " ann=email:ann@example.org , bob=sub:24:8 ,"}, {}).oidc_people
    assert found == (ClaimOfUser("ann", "email", "ann@example.org"), ClaimOfUser("bob", "sub", "24:8"))
    assert load_settings({}, {}).oidc_people == ()


@pytest.mark.parametrize("text", ["ann", "ann=email", "=email:x", "ann=:x", "ann=email:", "ann=email:a,bob"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="must be USER=CLAIM:VALUE"):
        load_settings({"oidc_users": text}, {})


def test_the_cookie_leaves_studio_s_sign_in_alone() -> None:
    assert "Path=/studio/oidc" in cookie("x", 9, secure=False)
    assert cookie("x", 9, secure=True).startswith("__Secure-")
    assert cookie("x", 9, secure=True).endswith("; Secure")
