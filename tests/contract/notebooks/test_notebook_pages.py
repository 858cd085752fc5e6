"""Studio's pages of notebooks, and the way from its button into one."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.contract.notebooks.conftest import Lab


@dataclass
class StudioVisitor:
    """A browser without scripts, signed in to Studio."""

    lab: Lab
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        host = urlsplit(self.lab.server.endpoint).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept": "text/html",
        }
        if form is not None:
            headers |= {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, urlencode(form) if form is not None else None, headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = (
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            response.read().decode(),
        )
        connection.close()
        return found

    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.ask("GET", "/studio/notebooks")[2])
        assert found is not None
        return found[1]

    def twin(self, path: str) -> Any:
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="module")
def studio(lab: Lab) -> StudioVisitor:
    url = lab.server.boto("sagemaker").create_presigned_domain_url(DomainId=lab.domain, UserProfileName="default")
    made = StudioVisitor(lab)
    assert made.ask("GET", url["AuthorizedUrl"].removeprefix(lab.server.endpoint))[0] == 303
    return made


def test_the_list_shows_what_a_space_uses(studio: StudioVisitor, lab: Lab) -> None:
    status, _, page = studio.ask("GET", "/studio/notebooks")
    assert status == 200
    assert "In service" in page
    (line,) = [one for one in studio.twin("/studio/notebooks.json")["lines"] if one["name"] == "anna"]
    assert line["status"] == "InService"
    assert line["use"]["memory"] > 10 << 20
    assert line["use"]["memory_limit"] >= 1 << 30
    head, row = studio.ask("GET", "/studio/notebooks.csv")[2].splitlines()[:2]
    assert head.startswith("Name,Owner,State,Memory")
    assert row.startswith("anna")


def test_open_leads_into_the_notebook(studio: StudioVisitor, lab: Lab) -> None:
    page = studio.ask("GET", "/studio/notebooks")[2]
    link = re.search(r'href="(/studio/notebooks/opening\?[^"]+)"', page)
    assert link is not None
    status, headers, _ = studio.ask("GET", link[1].replace("&amp;", "&"))
    assert status == 303
    assert headers["location"].startswith(f"http://{lab.host}/_sagewright/open?token=")
    browser = lab.stranger()
    assert browser.open(headers["location"])[0] == 303
    assert browser.ask("GET", "/api/status")[0] == 200


def test_a_notebooks_session_ends_with_the_sign_out_of_studio(lab: Lab) -> None:
    url = lab.server.boto("sagemaker").create_presigned_domain_url(DomainId=lab.domain, UserProfileName="default")
    visitor = StudioVisitor(lab)
    visitor.ask("GET", url["AuthorizedUrl"].removeprefix(lab.server.endpoint))
    opening = f"/studio/notebooks/opening?domain={lab.domain}&space={lab.space}&app=JupyterLab"
    browser = lab.stranger()
    browser.open(visitor.ask("GET", opening)[1]["location"])
    assert browser.ask("GET", "/api/status")[0] == 200
    assert visitor.ask("POST", "/studio/sign-out", {"token": visitor.token()})[0] == 303
    until = time.monotonic() + 10
    while browser.ask("GET", "/api/status")[0] != 401:  # the front keeps a key for a second
        assert time.monotonic() < until
        time.sleep(0.2)


def test_the_pages_of_a_space_and_of_its_logs(studio: StudioVisitor, lab: Lab) -> None:
    found = studio.twin(f"/studio/notebooks/spaces/{lab.domain}/anna.json")
    assert (found["title"], found["status"], found["sharing"]) == ("anna", "InService", "Private")
    assert f"{lab.domain}/anna/JupyterLab/default" in found["logs"]
    assert studio.ask("GET", f"/studio/notebooks/spaces/{lab.domain}/none")[0] == 404


def test_a_stopped_space_is_started_by_a_button_not_by_a_link(studio: StudioVisitor, lab: Lab) -> None:
    sagemaker = lab.server.boto("sagemaker")
    sagemaker.create_space(DomainId=lab.domain, SpaceName="by-button", SpaceSettings={"AppType": "CodeEditor"})
    path = f"/studio/notebooks/opening?domain={lab.domain}&space=by-button&app=CodeEditor"
    status, _, page = studio.ask("GET", path)
    assert (status, "Start and open" in page) == (200, True)
    assert sagemaker.list_apps(SpaceNameEquals="by-button")["Apps"] == []
    fields = {"domain": lab.domain, "space": "by-button", "app": "CodeEditor"}
    assert studio.ask("POST", "/studio/notebooks/start", {**fields, "token": "guess"})[0] == 403
    status, headers, _ = studio.ask("POST", "/studio/notebooks/start", {**fields, "token": studio.token()})
    assert (status, headers["location"].startswith("/studio/notebooks/opening?")) == (303, True)
    page = studio.ask("GET", path)[2]
    assert "code-server does not come with Sagewright" in page
    assert "Try again" in page


def test_a_form_makes_a_space_and_another_sets_the_idle_time(studio: StudioVisitor, lab: Lab) -> None:
    fields = {"name": "by-form", "domain": lab.domain, "owner": "default", "sharing": "Private", "app": "CodeEditor"}
    assert studio.ask("POST", "/studio/notebooks/new", {**fields, "token": studio.token()})[0] == 303
    made = lab.server.boto("sagemaker").describe_space(DomainId=lab.domain, SpaceName="by-form")
    assert made["SpaceSharingSettings"] == {"SharingType": "Private"}
    for chosen, expected in (("240", {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": 240}),
                             ("never", {"LifecycleManagement": "DISABLED"})):  # fmt: skip
        form = {"idle": chosen, "domain": lab.domain, "token": studio.token()}
        assert studio.ask("POST", "/studio/notebooks/idle", form)[0] == 303
        settings = lab.server.boto("sagemaker").describe_domain(DomainId=lab.domain)["DefaultUserSettings"]
        assert settings["JupyterLabAppSettings"]["AppLifecycleManagement"]["IdleSettings"] == expected
    assert (
        studio.ask("POST", "/studio/notebooks/idle", {"idle": "5", "domain": lab.domain, "token": studio.token()})[0]
        == 400
    )


def test_the_page_of_a_job_without_output(studio: StudioVisitor, lab: Lab) -> None:
    lab.server.run_shell("no-notebook", "true")
    lab.server.wait("no-notebook")
    found = studio.twin("/studio/notebooks/jobs/no-notebook.json")
    assert found["notebook"] is None
    assert found["fault"]
    assert studio.ask("GET", "/studio/notebooks/jobs")[0] == 200
