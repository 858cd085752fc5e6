from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.engine.calls import OperationRequest
from sagewright.model.errors import AwsError
from sagewright.model.settings import load_settings
from sagewright.server import wrangling
from sagewright.server.wrangling import WranglerSessions
from sagewright.services.sagemaker.studio.domains import own_domain_id
from sagewright.upstream.client import Answer, TooLong
from sagewright.wrangler import release

DIRECTORY = Path("/nowhere")


class FixedUpstream:
    """Answers each request alike."""

    def __init__(self, answer: bytes | Exception, found: str = release.digest()) -> None:
        self._answer, self._release = answer, found

    def ask(self, *_: object) -> Answer:
        if isinstance(self._answer, Exception):
            raise self._answer
        return Answer(200, {release.HEADER: self._release} if self._release else {}, self._answer)


def asked(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> tuple[dict[str, Any], list[OperationRequest]]:
    calls: list[OperationRequest] = []

    def call(request: OperationRequest) -> dict[str, Any]:
        calls.append(request)
        return {"Status": "InService", "AppArn": "arn"}

    monkeypatch.setattr(wrangling, "routes_of", lambda *_: [{"arn": "arn", "directory": str(DIRECTORY)}])
    monkeypatch.setattr(wrangling, "BlockingUpstream", lambda _: FixedUpstream(answer))
    sessions = WranglerSessions(call, cast(Any, None), load_settings({}, {}))
    return sessions.ask("me", "preview", {}), calls


def test_the_session_is_an_app_of_the_servers_own_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    found, calls = asked(monkeypatch, b'{"count": 1}')
    settings = load_settings({}, {})
    assert found == {"count": 1}
    assert [(one.operation, one.request["DomainId"]) for one in calls] == [
        ("DescribeApp", own_domain_id(settings.account, settings.region))
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "not a JSON object"),
        (b'{"a": [' + b"[]," * 2_000_000 + b"[]]}", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b'{"a": NaN}', "not a JSON object"),
        (TooLong("much"), "has more than"),
    ],
)
def test_an_answer_beyond_its_bounds_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception, words: str
) -> None:
    with pytest.raises(AwsError, match=words):
        asked(monkeypatch, answer)


@pytest.mark.parametrize("found", ["", "of an earlier release"])
def test_a_session_of_another_release_is_ended_once(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    calls: list[str] = []

    def call(request: OperationRequest) -> dict[str, Any]:
        calls.append(request.operation)
        return {"Status": "InService", "AppArn": "arn"}

    monkeypatch.setattr(wrangling, "routes_of", lambda *_: [{"arn": "arn", "directory": str(DIRECTORY)}])
    monkeypatch.setattr(wrangling, "BlockingUpstream", lambda _: FixedUpstream(b'{"count": 1}', found))
    sessions = WranglerSessions(call, cast(Any, None), load_settings({}, {}))
    assert "this server's release" in sessions.ask("me", "preview", {})["starting"]
    assert calls == ["DescribeApp", "DeleteApp"]
    assert sessions.ask("me", "preview", {}) == {"count": 1}, "a server whose files were replaced under it"
    assert calls == ["DescribeApp", "DeleteApp", "DescribeApp"]
