"""One-time URLs for users, and sessions that end with their user and with a revoked key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.contract.studio.conftest import Browser
from tests.teams import Person, Team, allow, deny, is_denied

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
PAGE = "/studio/models"


def command(data: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run([COMMAND, *words, "--data", str(data)], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout or done.stderr).strip()


def path_of(url: str) -> str:
    split = urlsplit(url)
    return f"{split.path}?{split.query}"


def signed_in(server: RunningServer, url: str) -> Browser:
    browser = Browser(server.endpoint)
    assert browser.get(path_of(url)).status == 303
    assert browser.get(PAGE).status == 200
    return browser


@pytest.fixture
def ann(team: Team) -> Person:
    return team.person(allow("sagemaker:List*"))


def folder(person: Person, place: Path) -> Path:
    """A folder as `sagewright users create --to` writes it."""
    place.mkdir()
    (place / "endpoint").write_text(person.server.endpoint)
    lines = ["[default]", f"aws_access_key_id = {person.key[0]}", f"aws_secret_access_key = {person.key[1]}"]
    (place / "credentials").write_text("\n".join([*lines, "region = us-east-1", "aws_account_id = 000000000000", ""]))
    return place


def test_a_url_signs_a_user_in_once(team: Team, ann: Person) -> None:
    status, url = command(team.server.data, "users", "sign-in", ann.name, "--minutes", "2")
    assert status == 0, url
    browser = signed_in(team.server, url)
    page = browser.get("/studio/buckets")
    assert page.status == 403, page.text  # the user's rights, not the admin's
    assert Browser(team.server.endpoint).get(path_of(url)).status == 403
    status, url = command(team.server.data, "studio", "--show", "--user", ann.name)
    assert (status, signed_in(team.server, url) is not None) == (0, True)


def test_a_user_that_is_deleted_has_no_session_and_no_url(team: Team) -> None:
    carl = team.person(allow("sagemaker:List*"))
    urls = [command(team.server.data, "users", "sign-in", carl.name)[1] for _ in range(2)]
    browser = signed_in(team.server, urls[0])
    assert command(team.server.data, "users", "delete", carl.name)[0] == 0
    assert browser.get(PAGE).status == 401
    assert Browser(team.server.endpoint).get(path_of(urls[1])).status == 403
    status, said = command(team.server.data, "users", "sign-in", carl.name)
    assert (status, "cannot be found" in said) == (1, True)


@pytest.mark.parametrize("how", ["delete", "turn off"])
def test_sessions_end_with_a_revoked_key(team: Team, ann: Person, how: str) -> None:
    ann.may(allow("sagemaker:List*"), allow("s3:ListAllMyBuckets"))
    by_url = signed_in(team.server, command(team.server.data, "users", "sign-in", ann.name)[1])
    assert by_url.get("/studio/buckets").status == 200
    by_key = Browser(team.server.endpoint)
    assert by_key.post("/studio/sign-in", {"key": ann.key[0], "secret": ann.key[1]}).status == 303
    other = team.person(allow("sagemaker:List*"))
    untouched = signed_in(team.server, command(team.server.data, "users", "sign-in", other.name)[1])
    session = ann.boto("sts").get_session_token()["Credentials"]
    if how == "delete":
        team.iam.delete_access_key(UserName=ann.name, AccessKeyId=ann.key[0])
    else:
        team.iam.update_access_key(UserName=ann.name, AccessKeyId=ann.key[0], Status="Inactive")
    assert [one.get(PAGE).status for one in (by_url, by_key, untouched)] == [401, 401, 200]
    again = signed_in(team.server, command(team.server.data, "users", "sign-in", ann.name)[1])
    assert again.get("/studio/buckets").status == 200  # by a new key of Studio's own
    given = {"aws_access_key_id": session["AccessKeyId"], "aws_secret_access_key": session["SecretAccessKey"]}
    stale = team.server.boto("sts", aws_session_token=session["SessionToken"], **given)
    with pytest.raises(stale.exceptions.ClientError):
        stale.get_caller_identity()


def test_only_those_who_may_make_keys_make_urls(team: Team, ann: Person, tmp_path: Path) -> None:
    status, said = command(folder(ann, tmp_path / "ann"), "users", "sign-in", "admin")
    assert (status, "not authorized to perform: iam:CreateAccessKey" in said) == (1, True)
    helper = team.person(allow("iam:CreateAccessKey", ann.arn), deny("iam:*", "arn:aws:iam::*:user/admin"))
    place = folder(helper, tmp_path / "helper")
    assert command(place, "users", "sign-in", ann.name)[0] == 0
    assert command(place, "users", "sign-in", "admin")[0] == 1
    trail = team.server.boto("cloudtrail")
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "CreateOneTimeUrl"}]
    found = [json.loads(one["CloudTrailEvent"]) for one in trail.lookup_events(LookupAttributes=wanted)["Events"]]
    mine = {
        (one["requestParameters"]["userName"], one.get("errorCode"))
        for one in found
        if one["userIdentity"]["arn"] == helper.arn
    }
    assert mine == {(ann.name, None), ("admin", "AccessDenied")}
    assert is_denied(ann.boto("iam").create_access_key, UserName=ann.name)
