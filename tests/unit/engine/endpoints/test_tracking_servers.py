"""Tracking servers: what is wanted comes about, whatever ends in between, and what they track outlives every start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.inline import InlineBackend, InlineHost, InlineServer
from sagewright.engine.endpoints import tracking_servers
from sagewright.engine.endpoints.tracking_documents import GONE, OFF, ON, Start, with_desired
from sagewright.kinds.tracking import TRACKER
from sagewright.model.jobs.state_machines import TrackingStatus as Status
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

ARN = "arn:aws:sagemaker:us-east-1:000000000000:mlflow-tracking-server/t"
DOCUMENT: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::000000000000:role/r",
    "ArtifactStoreUri": "s3://bucket/artifacts",
    "TrackingServerSize": "Small",
    "MlflowVersion": "",
    "Wanted": ON,
    "Start": vars(Start()),
    "Directory": "",
    "Running": "",
    "FailureReason": "",
}


class Site:
    """A server, its agents, and one tracking server. Delays between starts are none."""

    def __init__(self, directory: Path, store: Database) -> None:
        self.store, self.agents = store, InlineBackend()
        self.server = InlineServer(directory, store, self.agents)
        scope = ResourceScope(TRACKER, "000000000000", "us-east-1")
        self.id = resources.create(store, scope, New("t", DOCUMENT, ARN, {}, status=str(Status.CREATING))).id

    @property
    def tracker(self) -> Resource:
        found = resources.get(self.store, self.id)
        assert found is not None
        return found

    @property
    def folder(self) -> Path:
        return tracking_servers.folder_of(self.server.settings.data, self.tracker)

    def want(self, desired: str, status: Status) -> None:
        resources.change(
            self.store,
            Resource(
                **vars(self.tracker) | {"document": with_desired(self.tracker.document, desired), "status": str(status)}
            ),
        )

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


@pytest.fixture
def site(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(tracking_servers, "_FIRST_MS", 0)
    return Site(tmp_path / "data", database)


def test_it_is_created_once_it_answers(site: Site) -> None:
    site.server.sweep()
    assert (site.tracker.status, site.tracker.document["Directory"]) == (Status.CREATING, "")

    host = site.until_running()

    assert site.tracker.status == Status.CREATED
    assert site.tracker.document["Directory"] == str(host.plan.directory)
    assert host.plan.document["file_systems"] == {"mlflow": str(site.server.settings.data / "mlflow")}
    assert site.folder.is_dir()


def test_one_that_is_stopped_has_no_job_and_keeps_its_folder(site: Site) -> None:
    site.until_running()
    (site.folder / "mlflow.db").write_text("runs")

    site.want(OFF, Status.STOPPING)
    site.until_gone()

    assert (site.tracker.status, site.tracker.document["Directory"]) == (Status.STOPPED, "")
    assert site.hosts() == []
    site.want(ON, Status.STARTING)
    site.until_running()
    assert site.tracker.status == Status.STARTED
    assert (site.folder / "mlflow.db").read_text() == "runs"


def test_one_that_does_not_come_up_has_failed_and_is_not_tried_again(site: Site) -> None:
    site.server.sweep()
    (host,) = site.hosts()
    site.server.advance(host)
    site.server.advance(host, code=1)
    while site.hosts():
        site.server.advance(host, code=1)
        site.server.sweep()
    site.server.sweep()

    assert site.tracker.status == Status.CREATE_FAILED
    assert "exit code 1" in site.tracker.document["FailureReason"]
    assert site.hosts() == []


def test_one_that_was_lost_is_started_again(site: Site) -> None:
    first = site.until_running()
    first.alive = False
    for _ in range(8):
        site.server.sweep()
        if site.hosts() and site.hosts()[0] is not first:
            break

    second = site.until_running()

    assert second is not first
    assert site.tracker.status == Status.CREATED
    assert site.tracker.document["Directory"] == str(second.plan.directory)
    assert len(site.hosts()) == 1


def test_an_update_starts_it_anew_with_what_has_changed(site: Site) -> None:
    first = site.until_running()
    changed = with_desired(site.tracker.document | {"ArtifactStoreUri": "s3://other"}, ON)
    resources.change(site.store, Resource(**vars(site.tracker) | {"document": changed, "status": str(Status.UPDATING)}))
    while site.hosts() and site.hosts()[0] is first:
        site.server.sweep()
        site.server.advance(first)
    second = site.until_running()
    assert site.tracker.status == Status.UPDATED
    assert second.plan.document["brief"]["program"]["arguments"] == ["s3://other", "1"]


def test_one_that_is_deleted_leaves_nothing(site: Site) -> None:
    site.until_running()
    folder = site.folder
    site.want(GONE, Status.DELETING)
    site.until_gone()
    assert resources.get(site.store, site.id) is None
    assert not folder.exists()
    assert site.hosts() == []


@pytest.mark.parametrize("desired", [ON, OFF, GONE])
def test_a_server_that_follows_takes_up_what_it_finds(site: Site, desired: str) -> None:
    site.until_running()
    site.want(desired, {ON: Status.UPDATING, OFF: Status.STOPPING, GONE: Status.DELETING}[desired])
    site.server.engine.sweep()
    site.server.engine.step()
    site.server = site.server.restarted()
    site.until_gone()
    if desired == ON:
        site.until_running()
        assert site.tracker.status == Status.UPDATED
    elif desired == OFF:
        assert site.tracker.status == Status.STOPPED
    else:
        assert resources.get(site.store, site.id) is None
