"""Explanations of an answer, by the explainer beside the model (`sagewright.clarify.online`).

The explainer gets the request and the answer. While it needs scores of further records it responds with a request for the model,
which is sent and answered here: the two containers can't reach each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeAlias

from sagewright.front import faults
from sagewright.front.invocations.routes import InvocationTarget
from sagewright.model.errors import AwsError
from sagewright.upstream.client import Answer, Broken, ContainerUnreachable, UpstreamRequest

SESSION = "x-explainer-session"
_SPLIT, _ACCEPT, _ANSWER_TYPE, _ENABLE, _MODEL = (
    "X-Explainer-Split",
    "X-Explainer-Accept",
    "X-Explainer-Answer-Type",
    "X-Explainer-Enable",
    "X-Explainer-Model",
)
Ask: TypeAlias = Callable[[UpstreamRequest], Awaitable[Answer]]


@dataclass(frozen=True)
class Explained:
    """A request whose answer is to be explained. `enable`: its own expression that selects records, None for the endpoint's."""

    request: UpstreamRequest
    target: InvocationTarget
    enable: str | None

    async def explain(self, answer: Answer, model: Ask, explainer: Ask) -> bytes:
        """Returns the answer with explanations. Raises ValidationError, ServiceUnavailable, InternalFailure, and what `model`
        raises."""
        said = await _answered(explainer, self._first(answer))
        while SESSION in said.headers:
            headers = {**self.request.headers, "Content-Type": said.headers.get("content-type", "")}
            scored = await model(replace(self.request, body=said.body, headers=headers))
            more = UpstreamRequest("POST", "/invocations", {SESSION: said.headers[SESSION]}, scored.body)
            said = await _answered(explainer, more)
        return said.body

    def _first(self, answer: Answer) -> UpstreamRequest:
        given = self.request.headers
        headers = {
            "Content-Type": given.get("Content-Type", ""),
            _ACCEPT: given.get("Accept", ""),
            _ANSWER_TYPE: answer.headers.get("content-type", ""),
            _SPLIT: str(len(self.request.body)),
        }
        if self.enable is not None:
            headers[_ENABLE] = self.enable
        if self.target.model:
            headers[_MODEL] = self.target.model
        return UpstreamRequest("POST", "/invocations", headers, self.request.body + answer.body)


async def _answered(explainer: Ask, request: UpstreamRequest) -> Answer:
    try:
        answer = await explainer(request)
    except (ContainerUnreachable, Broken) as error:
        raise faults.unavailable(f"The endpoint's explainer can't be reached: {error}") from None
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise faults.validation(answer.body[: faults.MOST_TOLD].decode(errors="replace"))
    if answer.status != HTTPStatus.OK:
        raise AwsError("InternalFailure", "The predictions can't be explained; see the log of the explainer.", 500)
    return answer
