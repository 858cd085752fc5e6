"""A provider's documents: read once, bounded, and only from where they are safe."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from joserfc.jwk import RSAKey
from tests.oidc import CLIENT, SECRET, SmallProvider

from sagewright.model.sign_on import SignOnRefused
from sagewright.server.sign_on.provider import AWAY_S, OidcProvider
from sagewright.server.sign_on.tokens import CodeGrant, OidcClient, claims_of


@pytest.fixture
def provider() -> Iterator[SmallProvider]:
    made = SmallProvider()
    yield made
    made.close()


def grant(provider: SmallProvider) -> CodeGrant:
    """A code for the verifier `v`, as the provider gives it."""
    query = {"nonce": "n", "code_challenge": _challenge(), "redirect_uri": "r"}
    provider.codes["c"] = query
    return CodeGrant("c", "r", "v", "n")


def _challenge() -> str:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    return str(create_s256_code_challenge("v"))


def test_documents_are_read_once_and_new_keys_when_one_is_missing(provider: SmallProvider) -> None:
    found, client = OidcProvider(provider.issuer, again_s=0.0), OidcClient(CLIENT, SECRET)
    for _ in range(3):
        assert claims_of(found, client, grant(provider))["sub"] == "1"
    assert provider.asked.count("/keys") == 1
    provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    assert claims_of(found, client, grant(provider))["sub"] == "1"
    assert provider.asked.count("/keys") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_tokens_of_unknown_keys_do_not_make_it_read_again_and_again(provider: SmallProvider) -> None:
    found, client = OidcProvider(provider.issuer), OidcClient(CLIENT, SECRET)
    claims_of(found, client, grant(provider))
    provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    for _ in range(3):
        with pytest.raises(SignOnRefused, match="The ID token is refused"):
            claims_of(found, client, grant(provider))
    assert provider.asked.count("/keys") == 1


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({"issuer": "https://other.example"}, "calls itself"),
        ({"token_endpoint": "http://example.org/token"}, "token_endpoint is not an HTTPS URL"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is not an HTTPS URL"),
        ({"authorization_endpoint": ""}, "authorization_endpoint is not an HTTPS URL"),
        ({"padding": "x" * 300_000}, "answered 200 with"),
    ],
)
def test_documents_that_are_refused(provider: SmallProvider, discovery: dict[str, str], said: str) -> None:
    provider.discovery = discovery
    with pytest.raises(SignOnRefused, match=said):
        OidcProvider(provider.issuer).metadata()


def test_a_provider_that_is_not_there() -> None:
    for issuer in ("http://127.0.0.1:9", "http://example.org", "https://"):
        with pytest.raises(SignOnRefused):
            OidcProvider(issuer).metadata()


def test_a_provider_that_failed_is_left_alone_for_a_moment(
    provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = OidcProvider(provider.issuer)
    with monkeypatch.context() as away:
        away.setattr(provider, "discovery", {"padding": "x" * 300_000})
        for said in ("answered 200 with", "a moment ago", "a moment ago"):
            with pytest.raises(SignOnRefused, match=said):
                found.metadata()
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    later_s = time.monotonic() + AWAY_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    assert found.metadata()["issuer"] == provider.issuer
