from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagewright.front.invocations.explaining import SESSION, Explained
from sagewright.front.invocations.routes import InvocationTarget
from sagewright.model.errors import AwsError
from sagewright.upstream.client import Answer, Broken, ContainerUnreachable, UpstreamRequest

REQUEST = UpstreamRequest("POST", "/invocations", {"Content-Type": "text/csv", "Accept": "text/csv"}, b"1,2\n")


def explained(
    answers: list[Answer | Exception], enable: str | None = None
) -> tuple[bytes, list[UpstreamRequest], list[UpstreamRequest]]:
    """The result, the requests that the model got, and those that the explainer got."""
    asked: list[UpstreamRequest] = []
    told: list[UpstreamRequest] = []

    async def model(request: UpstreamRequest) -> Answer:
        asked.append(request)
        return Answer(200, {}, b"0.25\n")

    async def explainer(request: UpstreamRequest) -> Answer:
        told.append(request)
        answer = answers[len(told) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    whole = Explained(REQUEST, InvocationTarget(), enable)
    found = asyncio.run(whole.explain(Answer(200, {"content-type": "text/csv"}, b"0.5\n"), model, explainer))
    return found, asked, told


def test_request_and_answer_are_brought_to_the_explainer() -> None:
    found, asked, (first,) = explained([Answer(200, {}, b"{}")], "`true`")
    assert found == b"{}"
    assert asked == []
    assert first.body == b"1,2\n0.5\n"
    assert first.headers == {
        "Content-Type": "text/csv",
        "X-Explainer-Accept": "text/csv",
        "X-Explainer-Answer-Type": "text/csv",
        "X-Explainer-Split": "4",
        "X-Explainer-Enable": "`true`",
    }


def test_the_model_is_asked_until_the_explanation_is_complete() -> None:
    question = Answer(200, {SESSION: "s", "content-type": "application/jsonlines"}, b"[1]\n")
    found, asked, told = explained([question, question, Answer(200, {}, b"done")])
    assert found == b"done"
    assert [(one.body, one.headers) for one in asked] == [
        (b"[1]\n", {"Content-Type": "application/jsonlines", "Accept": "text/csv"})
    ] * 2
    assert [(one.body, one.headers) for one in told[1:]] == [(b"0.25\n", {SESSION: "s"})] * 2
    assert "X-Explainer-Enable" not in told[0].headers


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(400, {}, b"no such thing"), "ValidationError", "no such thing"),
        (Answer(500, {}, b"Traceback"), "InternalFailure", "can't be explained"),
        (ContainerUnreachable("gone"), "ServiceUnavailable", "can't be reached: gone"),
        (Broken("half"), "ServiceUnavailable", "can't be reached: half"),
    ],
)
def test_faults_of_the_explainer(answer: Any, code: str, message: str) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        explained([answer])
    assert caught.value.code == code
