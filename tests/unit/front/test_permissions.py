"""Permissions at the front: the server decides, and its last answer counts while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sagewright.front import lookups as module
from sagewright.front.keys import Permissions
from sagewright.front.mlflow_actions import mlflow_action
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.access_questions import AccessQuestion
from sagewright.model.errors import AwsError

ASKED = AccessQuestion("AKIA", "sagemaker:InvokeEndpoint", "churn", "us-east-1")
REFUSED = {"code": "AccessDeniedException", "message": "no"}


class Server:
    """The other end. `answer`: its decision; one that is not `there` can't be asked."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.permissions = Permissions(self._ask, self._present)
        self.answer: dict[str, Any] = {}
        self.there, self.of_job, self.asked = True, False, 0

    def _ask(self, name: str) -> bool:
        if self.there:
            self.asked += 1
            self.permissions.learn(name, self.answer, self.of_job)
        return self.there

    async def _present(self, _wait_s: float) -> bool:
        return self.there

    def check(self, asked: AccessQuestion = ASKED) -> None:
        self.runner.run(self.permissions.check(asked))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    made = Server()
    with made.runner:
        yield made


def test_the_server_decides_each_time(server: Server) -> None:
    server.check()
    server.answer = REFUSED
    with pytest.raises(AwsError, match="AccessDeniedException: no"):
        server.check()
    server.answer = {}
    server.check()
    assert server.asked == 3


def test_its_last_answer_counts_while_it_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.check()
    server.there = False
    server.check()
    with pytest.raises(TimeoutError):
        server.check(AccessQuestion("AKIA", "sagemaker:InvokeEndpoint", "other", "us-east-1"))
    server.there, server.of_job = True, True
    server.check()
    server.there = False
    monkeypatch.setattr(module, "STALE_S", -1.0)
    with pytest.raises(TimeoutError):
        server.check()


def test_an_open_server_is_not_asked(server: Server) -> None:
    server.permissions.is_enforced, server.there = False, False
    server.check()
    assert server.asked == 0


def test_a_question_survives_as_text() -> None:
    assert AccessQuestion.read(ASKED.name()) == ASKED


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/api/2.0/mlflow/runs/create", "CreateRun"),
        ("POST", "/api/2.0/mlflow/runs/search", "SearchRuns"),
        ("POST", "/api/2.0/mlflow/runs/log-parameter", "LogParam"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/get-by-name", "GetExperimentByName"),
        ("GET", "/api/2.0/mlflow/registered-models/alias", "GetModelVersionByAlias"),
        ("POST", "/api/2.0/mlflow/registered-models/alias", "SetRegisteredModelAlias"),
        ("POST", "/graphql", "AccessUI"),
        ("GET", "/api/2.0/mlflow/runs/nothing", "AccessUI"),
    ],
)
def test_requests_to_tracking_servers_have_an_action(method: str, path: str, action: str) -> None:
    request = HttpRequest(method, path, "", {}, BytesBody(b""))
    assert mlflow_action(request) == action
