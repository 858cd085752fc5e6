"""Sign-in to Studio by an OpenID Connect provider, as a browser does it, and each way in which it has to be refused."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import RSAKey
from tests.contract.studio.conftest import Answer, Browser
from tests.oidc import CLIENT, SECRET, Claims, SmallProvider
from tests.teams import Team, allow

if TYPE_CHECKING:
    from conftest import RunningServer

PAGE = "/studio/models"
PEOPLE = "ann=email:ann@example.org, bob=groups:ml, gone=sub:77, admin=sub:owner"


@pytest.fixture(scope="module")
def provider() -> Iterator[SmallProvider]:
    made = SmallProvider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def team(server_with: Callable[..., RunningServer], provider: SmallProvider) -> Team:
    server = server_with(
        SAGEWRIGHT_ACCESS="enforced",
        SAGEWRIGHT_OIDC_ISSUER=provider.issuer,
        SAGEWRIGHT_OIDC_CLIENT=CLIENT,
        SAGEWRIGHT_OIDC_SECRET=SECRET,
        SAGEWRIGHT_OIDC_USERS=PEOPLE,
    )
    made = Team(server)
    for name in ("ann", "bob"):
        made.person(allow("sagemaker:List*"), name=name)
    return made


@pytest.fixture(autouse=True)
def _restored(team: Team, provider: SmallProvider) -> Iterator[None]:
    """Undoes what a test changes; a sign-in that succeeds lets the address fail again."""
    before = vars(provider).copy()
    yield
    vars(provider).update(before)
    assert sign_in(team)[1].status == 303


class _Stop(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        return None


def at_provider(url: str) -> str:
    """Visits the provider; returns the address to which it sends the browser back."""
    try:
        urllib.request.build_opener(_Stop).open(url, timeout=10)
    except urllib.error.HTTPError as error:
        return str(error.headers["location"])
    raise AssertionError("the provider did not redirect")


def begun(browser: Browser) -> str:
    answer = browser.get("/studio/oidc")
    assert answer.status == 303, answer.text
    back = urlsplit(at_provider(answer.headers["location"]))
    return f"{back.path}?{back.query}"


def sign_in(team: Team) -> tuple[Browser, Answer]:
    browser = Browser(team.server.endpoint)
    return browser, browser.get(begun(browser))


def refused(team: Team) -> str:
    browser, answer = sign_in(team)
    assert answer.status == 403
    assert browser.get(PAGE).status == 401
    return answer.text


def test_a_person_signs_in_as_the_user_of_the_list(team: Team, provider: SmallProvider) -> None:
    assert "/studio/oidc" in Browser(team.server.endpoint).get(PAGE).text
    browser, answer = sign_in(team)
    assert answer.status == 303, answer.text
    assert list(browser.cookies) == ["sagewright-studio"]
    assert browser.get(PAGE).status == 200
    assert browser.get("/studio/buckets").status == 403  # ann's rights
    provider.person = {"sub": "2", "groups": ["other", "ml"]}
    assert sign_in(team)[1].status == 303
    trail = team.server.boto("cloudtrail")
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}]
    found = [json.loads(one["CloudTrailEvent"]) for one in trail.lookup_events(LookupAttributes=wanted)["Events"]]
    assert {"ann", "bob"} <= {one["requestParameters"]["userName"] for one in found}


def test_the_session_ends_with_the_user(team: Team, provider: SmallProvider) -> None:
    team.person(allow("sagemaker:List*"), name="gone")
    provider.person = {"sub": "77"}
    browser, answer = sign_in(team)
    assert (answer.status, browser.get(PAGE).status) == (303, 200)
    for key in team.iam.list_access_keys(UserName="gone")["AccessKeyMetadata"]:
        team.iam.delete_access_key(UserName="gone", AccessKeyId=key["AccessKeyId"])
    assert browser.get(PAGE).status == 401
    browser, _ = sign_in(team)
    assert browser.get(PAGE).status == 200
    team.iam.delete_user_policy(UserName="gone", PolicyName="own")
    team.iam.delete_user(UserName="gone")
    assert browser.get(PAGE).status == 401
    assert "The user gone does not exist here" in refused(team)


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "3"},
        {"sub": "3", "email": "ann@example.org"},
        {"sub": "3", "email": "ann@example.org", "email_verified": False},
        {"sub": "3", "email": "ann@example.org", "email_verified": "true"},
        {"sub": "3", "groups": "mlops"},
        {"sub": "3", "groups": {"ml": True}},
    ],
)
def test_claims_that_stand_for_nobody(team: Team, provider: SmallProvider, person: Claims) -> None:
    provider.person = person
    assert "stands for no user" in refused(team)


SPOILED: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: claims | {"nonce": "x"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "another audience": lambda claims: claims | {"aud": "other"},
    "another party": lambda claims: claims | {"aud": [CLIENT, "other"], "azp": "other"},
    "another issuer": lambda claims: claims | {"iss": "https://evil.example"},
    "expired": lambda claims: claims | {"exp": int(time.time()) - 3600},
    "no expiry": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "from the future": lambda claims: claims | {"iat": int(time.time()) + 3600},
    "no subject": lambda claims: {name: value for name, value in claims.items() if name != "sub"},
}


@pytest.mark.parametrize("how", SPOILED)
def test_tokens_with_wrong_claims(team: Team, provider: SmallProvider, how: str) -> None:
    provider.spoil = SPOILED[how]
    assert "The ID token is refused" in refused(team)


def test_tokens_that_the_provider_has_not_signed(team: Team, provider: SmallProvider) -> None:
    other = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})

    def by_another(claims: Claims) -> str:
        own, provider.key = provider.key, other
        try:
            return provider.signed(claims)
        finally:
            provider.key = own

    for sign in (
        by_another,
        provider.by_secret,
        provider.unsigned,
        lambda _claims: "no token",
        lambda _claims: "a.b.c",
    ):
        provider.sign = sign
        assert "The ID token is refused" in refused(team)


def test_an_answer_belongs_to_its_browser_and_counts_once(team: Team) -> None:
    one, other = Browser(team.server.endpoint), Browser(team.server.endpoint)
    path = begun(one)
    assert "was not started in this browser" in other.get(path).text
    begun(other)
    assert "belongs to another sign-in" in other.get(path).text
    assert other.get(PAGE).status == 401
    cookies = dict(one.cookies)
    assert one.get(path).status == 303
    one.cookies = cookies
    assert one.get(path).status == 403  # the code is spent
    one.cookies["sagewright-sign-on"] = cookies["sagewright-sign-on"][:-8] + "AAAAAAA="
    assert "was not started in this browser" in one.get(path).text


def test_answers_without_a_code_or_of_another_provider(team: Team) -> None:
    browser = Browser(team.server.endpoint)
    split = urlsplit(begun(browser))
    state = next(one for one in split.query.split("&") if one.startswith("state="))
    for more, said in (
        ("error=access_denied", "refused: access_denied"),
        ("", "no code"),
        ("code=x&iss=https://evil", "another provider"),
    ):
        assert said in browser.get(f"{split.path}?{state}&{more}").text
