"""Apps and notebook instances: what is wanted comes about, whatever ends in between, and their homes outlive every start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.inline import InlineBackend, InlineHost, InlineServer
from sagewright.engine.apps import reconciler
from sagewright.engine.apps.activity import Activity
from sagewright.engine.apps.app_documents import GONE, OFF, ON, AppDocument, with_desired
from sagewright.engine.apps.app_routes import routes_of
from sagewright.engine.apps.homes import SPACE, home_of
from sagewright.kinds.app import APP, NOTEBOOK, AppRequest
from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import AppStatus, NotebookInstanceStatus, StudioStatus
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

ACCOUNT = "000000000000"
LAUNCH = AppRequest(
    name="default", title="t", subject=[], role="arn:aws:iam::000000000000:role/r", instance_type="ml.t3.medium",
    image="sagewright-jupyter", module=["python"], home="", home_path="/home/sagemaker-user", log_stream="s",
).write({})  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "DomainId": "d-1", "SpaceName": "S", "SpaceId": "sid", "AppType": "JupyterLab", "AppName": "default", "Launch": LAUNCH,
    "Home": "sid", "Wanted": ON,
}  # fmt: skip


class Site:
    """A server, its agents, and one app or notebook instance. Delays between starts are none."""

    def __init__(self, directory: Path, store: Database, kind: str) -> None:
        self.store, self.agents, self.kind = store, InlineBackend(), kind
        self.server = InlineServer(directory, store, self.agents)
        new = New("d-1/s/jupyterlab/default", DOCUMENT, "arn", {}, status=str(AppStatus.PENDING))
        self.id = resources.create(store, ResourceScope(kind, ACCOUNT, "us-east-1"), new).id

    @property
    def app(self) -> Resource:
        found = resources.get(self.store, self.id)
        assert found is not None
        return found

    @property
    def document(self) -> AppDocument:
        return AppDocument.read(self.app.document)

    @property
    def home(self) -> Path:
        return home_of(self.server.settings.data, "sid")

    def want(self, desired: str, status: str) -> None:
        changed = {"document": with_desired(self.app.document, desired), "status": str(status)}
        resources.change(self.store, Resource(**vars(self.app) | changed))

    def hosts(self) -> list[InlineHost]:
        return list(self.agents.hosts.values())

    def until_running(self) -> InlineHost:
        self.server.sweep()
        (host,) = self.hosts()
        while host.seq < 2:
            self.server.advance(host)
        self.server.sweep()
        return host

    def until_gone(self) -> None:
        for _ in range(12):
            for host in self.hosts():
                self.server.advance(host)
            self.server.sweep()


@pytest.fixture(params=[APP, NOTEBOOK])
def site(request: pytest.FixtureRequest, tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(reconciler, "_FIRST_MS", 0)
    return Site(tmp_path / "data", database, request.param)


def test_it_is_in_service_once_it_answers(site: Site) -> None:
    site.server.sweep()
    assert (site.app.status, site.document.directory) == (AppStatus.PENDING, "")

    host = site.until_running()

    assert (site.app.status, site.document.directory) == (AppStatus.IN_SERVICE, str(host.plan.directory))
    assert host.plan.document["file_systems"] == {"spaces": str(site.server.settings.data / "spaces")}
    assert site.home.stat().st_mode & 0o777 == 0o700
    (route,) = routes_of(site.store, ACCOUNT)
    assert (route["kind"], route["name"], route["space"], route["status"]) == (site.kind, "S", "sid", "InService")
    assert (route["domain"], route["directory"]) == ("d-1", str(host.plan.directory))


def test_one_that_does_not_come_up_has_failed_and_is_not_tried_again(site: Site) -> None:
    site.server.sweep()
    (host,) = site.hosts()
    site.server.advance(host)
    site.server.advance(host, code=1)
    while site.hosts():
        site.server.advance(host, code=1)
        site.server.sweep()
    site.server.sweep()
    assert (site.app.status, site.hosts()) == (AppStatus.FAILED, [])
    assert site.document.reason == "failure"


def test_one_that_was_lost_is_started_again(site: Site) -> None:
    first = site.until_running()
    first.alive = False
    for _ in range(8):
        site.server.sweep()
        if site.hosts() and site.hosts()[0] is not first:
            break
    second = site.until_running()
    assert second is not first
    assert (site.app.status, site.document.directory) == (AppStatus.IN_SERVICE, str(second.plan.directory))


def test_one_that_is_deleted_leaves_no_job(site: Site) -> None:
    site.until_running()
    (site.home / "notebook.ipynb").write_text("{}")
    site.want(GONE, AppStatus.DELETING)
    site.until_gone()
    assert site.hosts() == []
    if site.kind == NOTEBOOK:
        assert resources.get(site.store, site.id) is None
        assert not site.home.exists()
    else:
        assert (site.app.status, site.document.directory) == (AppStatus.DELETED, "")
        assert site.home.exists()  # it is the space's
        assert routes_of(site.store, ACCOUNT) == []


def test_a_deleted_app_is_forgotten_after_a_day(tmp_path: Path, database: Database) -> None:
    site = Site(tmp_path / "data", database, APP)
    site.until_running()
    site.want(GONE, AppStatus.DELETING)
    site.until_gone()
    assert site.app.status == AppStatus.DELETED
    assert site.document.launch == {}
    earlier = {"EndedMs": now_ms() - reconciler.VISIBLE_MS}
    resources.change(site.store, Resource(**vars(site.app) | {"document": site.app.document | earlier}))
    site.server = site.server.restarted()
    site.server.sweep()
    assert resources.get(site.store, site.id) is None


def test_an_instance_that_is_stopped_keeps_its_home(tmp_path: Path, database: Database) -> None:
    site = Site(tmp_path / "data", database, NOTEBOOK)
    site.until_running()
    (site.home / "notebook.ipynb").write_text("{}")
    site.want(OFF, NotebookInstanceStatus.STOPPING)
    site.until_gone()
    assert (site.app.status, site.hosts()) == (NotebookInstanceStatus.STOPPED, [])
    site.want(ON, NotebookInstanceStatus.PENDING)
    site.until_running()
    assert site.app.status == NotebookInstanceStatus.IN_SERVICE
    assert (site.home / "notebook.ipynb").exists()


@pytest.mark.parametrize("desired", [ON, OFF, GONE])
def test_a_server_that_follows_takes_up_what_it_finds(site: Site, desired: str) -> None:
    site.until_running()
    statuses = {ON: AppStatus.PENDING, OFF: NotebookInstanceStatus.STOPPING, GONE: AppStatus.DELETING}
    site.want(desired, statuses[desired])
    site.server.engine.sweep()
    site.server.engine.step()
    site.server = site.server.restarted()
    site.until_gone()
    if desired == ON:
        site.until_running()
        assert site.app.status == AppStatus.IN_SERVICE
    elif desired == OFF:
        assert site.app.status == NotebookInstanceStatus.STOPPED
    else:
        found = resources.get(site.store, site.id)
        assert found is None or found.status == AppStatus.DELETED


def test_an_idle_one_is_shut_down_and_a_used_one_is_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    used = [now_ms() + 60_000]
    monkeypatch.setattr(reconciler, "observe_activity", lambda _directory: Activity(used[0]))
    site.until_running()
    limited = site.app.document | {"IdleSeconds": 1.0}
    resources.change(site.store, Resource(**vars(site.app) | {"document": limited}))
    site.server.sweep()
    assert site.app.status == AppStatus.IN_SERVICE
    used[0] = 0
    long_ago = site.app.document | {"IdleSeconds": 1.0, "SinceMs": now_ms() - 5000}
    resources.change(site.store, Resource(**vars(site.app) | {"document": long_ago}))
    site.server = site.server.restarted()
    site.until_gone()
    assert site.app.status == (AppStatus.DELETED if site.kind == APP else NotebookInstanceStatus.STOPPED)
    assert "without activity" in site.document.reason


def test_what_is_asked_of_a_program_is_kept_without_an_event(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    at_ms = now_ms() + 60_000
    monkeypatch.setattr(reconciler, "observe_activity", lambda _directory: Activity(at_ms))
    site.until_running()
    modified = site.app.modified_ms
    site.server = site.server.restarted()
    site.server.sweep()
    assert (site.document.activity_ms, site.app.modified_ms) == (at_ms, modified)
    assert site.document.health_ms >= site.document.since_ms > 0


def test_a_space_s_home_goes_though_the_server_was_killed(tmp_path: Path, database: Database) -> None:
    server = InlineServer(tmp_path / "data", database, InlineBackend())
    scope = ResourceScope(SPACE, ACCOUNT, "us-east-1")
    space = resources.create(database, scope, New("d-1/s", {}, "arn", {}, status=str(StudioStatus.DELETING)))
    kept = resources.create(database, scope, New("d-1/t", {}, "arn", {}, status=str(StudioStatus.IN_SERVICE)))
    for one in (space, kept):
        (home_of(server.settings.data, one.id) / "deep").mkdir(parents=True)
    server.restarted().sweep()
    assert resources.get(database, space.id) is None
    assert not home_of(server.settings.data, space.id).exists()
    assert home_of(server.settings.data, kept.id).exists()
