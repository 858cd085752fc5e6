"""MLflow tracking servers: boto3 makes and ends them, MLflow's own client with AWS's plug-in and a browser use them."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parent.parent / "programs"
PYTHON = str(Path(__file__).parents[3] / ".cache" / "clients" / "tracking" / "bin" / "python")
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
PATIENCE_S = 240
SHELL = (
    "python -m pip install --quiet --no-deps --target /tmp/plugin sagemaker-mlflow && PYTHONPATH=/tmp/plugin "
    """python -c 'import mlflow; mlflow.log_metric("loss", 0.25); print("to", mlflow.get_tracking_uri())'"""
)
IMAGE = "sagewright/mlflow-tracking-server"
"""Whose environment has MLflow, so that the job does not have to install it."""


@dataclass(frozen=True)
class Page:
    """A browser's result: the final address and the page."""

    status: int
    url: str
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Browser:
    """As far as a tracking server needs one: it keeps cookies and follows redirections."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, url: str) -> Page:
        return self._open(Request(url))

    def post(self, url: str, content: Any, headers: dict[str, str] | None = None) -> Page:
        described = {"Content-Type": "application/json", **(headers or {})}
        return self._open(Request(url, json.dumps(content).encode(), described))

    def _open(self, request: Request) -> Page:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return Page(answer.status, answer.url, answer.read().decode("utf-8", "replace"))
        except HTTPError as error:
            with error:
                return Page(error.code, error.url or "", error.read().decode("utf-8", "replace"))


class Trackers:
    """Tracking servers of one server, asked of by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.client = server, server.boto("sagemaker")
        self.bucket = f"mlflow-{uuid.uuid4().hex[:8]}"
        server.boto("s3").create_bucket(Bucket=self.bucket)

    def create(self, name: str, **more: Any) -> str:
        asked = {"ArtifactStoreUri": f"s3://{self.bucket}/artifacts", "RoleArn": ROLE, **more}
        made = self.client.create_mlflow_tracking_server(TrackingServerName=name, **asked)
        arn: str = made["TrackingServerArn"]
        return arn

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.client.describe_mlflow_tracking_server(TrackingServerName=name)
        return described

    def until(self, name: str, *statuses: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while (described := self.describe(name))["TrackingServerStatus"] not in statuses:
            assert time.monotonic() < until, described
            time.sleep(0.1)
        return described

    def browser(self, name: str) -> tuple[Browser, str]:
        """A session that a presigned URL has begun, and the address that it leads to."""
        url = self.client.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)["AuthorizedUrl"]
        session = Browser()
        answer = session.get(url)
        assert answer.status == 200, answer.text
        return session, answer.url


@pytest.fixture(scope="module")
def trackers(server: RunningServer) -> Trackers:
    return Trackers(server)


@pytest.fixture(scope="module")
def tracker(trackers: Trackers) -> Iterator[str]:
    """The ARN of one that answers."""
    arn = trackers.create("my-tracker", Tags=[{"Key": "team", "Value": "blue"}])
    assert trackers.until("my-tracker", "Created", "CreateFailed")["TrackingServerStatus"] == "Created"
    yield arn
    trackers.client.delete_mlflow_tracking_server(TrackingServerName="my-tracker")


def test_mlflow_tracks_by_the_servers_arn(trackers: Trackers, tracker: str, tmp_path: Path) -> None:
    program = str(PROGRAMS / "mlflow_tracking.py")
    done = trackers.server.door(PYTHON, "-W", "ignore", program, tracker, trackers.bucket, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "found: True",
        "history: True",
        "tag: me & you",
        "artifacts: ['notes/t.txt']",
        "in the bucket: True",
        "champion: True",
        "missing: RESOURCE_DOES_NOT_EXIST",
    ):
        assert line in done.stdout.splitlines(), done.stdout


def test_describe_and_list_tell_what_runs(trackers: Trackers, tracker: str) -> None:
    described = trackers.describe("my-tracker")
    assert described["TrackingServerArn"] == tracker
    assert (described["IsActive"], described["TrackingServerSize"]) == ("Active", "Small")
    assert described["MlflowVersion"].startswith("3.")
    assert described["CreatedBy"]["IamIdentity"]["Arn"].endswith("/admin")
    listed = trackers.client.list_mlflow_tracking_servers(MlflowVersion=described["MlflowVersion"], MaxResults=1)
    assert [one["TrackingServerName"] for one in listed["TrackingServerSummaries"]] == ["my-tracker"]
    assert trackers.client.list_mlflow_tracking_servers(MlflowVersion="1.0.0")["TrackingServerSummaries"] == []
    assert trackers.client.list_tags(ResourceArn=tracker)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_a_browser_sees_it_by_a_url_that_is_good_once(trackers: Trackers, tracker: str) -> None:
    session, address = trackers.browser(tracker.rpartition("/")[2])
    page = session.get(address).text
    scripts = [
        one.partition('"')[0] for one in page.split('src="') if one.startswith(("static-files", "./static-files"))
    ]
    assert scripts
    assert all(session.get(address + one).status == 200 for one in scripts)
    assert session.get(f"{address}version").text == trackers.describe("my-tracker")["MlflowVersion"]
    asked = {"name": f"by-hand-{uuid.uuid4().hex[:6]}"}
    create = f"{address}ajax-api/2.0/mlflow/experiments/create"
    assert session.post(create, asked, headers={"Origin": "http://evil"}).status == 403
    assert session.post(create, asked).status == 200
    assert Browser().get(address).status == 403


def test_a_job_with_mlflow_config_logs_there(trackers: Trackers, tracker: str) -> None:
    config, job = {"MlflowResourceArn": tracker, "MlflowExperimentName": "jobs"}, "tracked-by-mlflow"
    trackers.server.run_shell(job, SHELL, image=IMAGE, MlflowConfig=config)
    described = trackers.server.wait(job)
    assert described["TrainingJobStatus"] == "Completed", trackers.server.lines(job)
    assert f"to {tracker}" in trackers.server.lines(job)
    assert described["MlflowConfig"] == config
    session, address = trackers.browser("my-tracker")
    found = session.get(f"{address}ajax-api/2.0/mlflow/experiments/get-by-name?experiment_name=jobs").json()[
        "experiment"
    ]
    asked = {"experiment_ids": [found["experiment_id"]]}
    runs = session.post(f"{address}ajax-api/2.0/mlflow/runs/search", asked).json()["runs"]
    assert [one["data"]["metrics"][0]["value"] for one in runs] == [0.25]


@pytest.mark.sampled(1, of="MLflow starts again")
def test_one_that_was_killed_comes_back_with_all_that_it_tracked(trackers: Trackers, tracker: str) -> None:
    session, address = trackers.browser(tracker.rpartition("/")[2])
    before = session.get(f"{address}ajax-api/2.0/mlflow/experiments/search?max_results=100").json()
    (process,) = [one for one in processes("mlflow.server") if "uvicorn" in one[1] and "--uds" in one[1]]
    os.kill(process[0], signal.SIGKILL)
    until = time.monotonic() + PATIENCE_S
    while True:
        answer = session.get(f"{address}ajax-api/2.0/mlflow/experiments/search?max_results=100")
        if answer.status == 200 and not any(one[0] == process[0] for one in processes("mlflow.server")):
            break
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    assert answer.json() == before


@pytest.mark.sampled(1, of="MLflow starts again")
def test_one_that_is_stopped_starts_again_with_what_it_had(trackers: Trackers, tracker: str) -> None:
    client, name = trackers.client, tracker.rpartition("/")[2]
    session, address = trackers.browser(name)
    search = f"{address}ajax-api/2.0/mlflow/experiments/search?max_results=100"
    before = session.get(search).json()
    client.stop_mlflow_tracking_server(TrackingServerName=name)
    with pytest.raises(ClientError, match="ConflictException"):
        client.start_mlflow_tracking_server(TrackingServerName=name)
    assert trackers.until(name, "Stopped")["IsActive"] == "Inactive"
    until = time.monotonic() + PATIENCE_S
    while (status := session.get(search).status) != 400:  # the front is told after the status has changed
        assert status == 503
        assert time.monotonic() < until
        time.sleep(0.1)
    with pytest.raises(ClientError, match="Stopped"):
        client.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)
    client.start_mlflow_tracking_server(TrackingServerName=name)
    trackers.until(name, "Started")
    assert session.get(search).json() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ArtifactStoreUri": "s3://not-there-at-all/x"}, "not-there-at-all"),
        ({"ArtifactStoreUri": "https://example.com/x"}, "not an S3 URI"),
        ({"AutomaticModelRegistration": True}, "not served"),
        ({"TrackingServerSize": "Huge"}, "Huge"),
    ],
)
def test_what_cannot_be_made_is_refused(trackers: Trackers, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        trackers.create("refused", **change)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_what_is_not_there_is_not_found(trackers: Trackers) -> None:
    for name in ("describe", "stop", "start", "delete"):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            getattr(trackers.client, f"{name}_mlflow_tracking_server")(TrackingServerName="nowhere")


def processes(word: str) -> list[tuple[int, str]]:
    """Ids and command lines of those that have the word."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append((int(place.name), line))
    return found
