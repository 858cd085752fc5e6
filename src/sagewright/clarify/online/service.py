"""The explainer's server: sessions over HTTP."""

from __future__ import annotations

import logging
import os
import sys

from sagewright.clarify.errors import ClarifyError, CustomerError
from sagewright.clarify.online.explainer import OnlineExplainer
from sagewright.clarify.online.sessions import Ask, OpenExplanations, ScoreRequest
from sagewright.clarify.online.settings import ExplainerSettings
from sagewright.serving.messages import Application, Request, Response
from sagewright.serving.settings import ServingSettings
from sagewright.serving.workers import serve_forever

SESSION = "x-explainer-session"
SPLIT = "x-explainer-split"
"""Bytes of the request; those of the model's answer follow them."""
ACCEPT, ANSWER_TYPE, ENABLE = "x-explainer-accept", "x-explainer-answer-type", "x-explainer-enable"
MODEL = "x-explainer-model"
"""The name of the model that answered, in a multi-model container."""


class _Asked(Exception):
    """An explanation needs the model's answers."""


def _asks_nothing(_body: bytes, _content_type: str) -> bytes:
    raise _Asked


class ExplainerApplication(Application):
    def __init__(self) -> None:
        self._sessions = OpenExplanations()
        self._explainer: OnlineExplainer

    def load(self) -> None:
        try:
            self._explainer = OnlineExplainer(ExplainerSettings.read(os.environ))
        except CustomerError as error:
            logging.error("Customer Error: %s", error)
            raise

    def invoke(self, request: Request) -> Response:
        try:
            session = request.headers.get(SESSION)
            said = self._begin(request) if session is None else self._sessions.go_on(session, request.body)
        except ClarifyError as error:
            return Response(str(error).encode(), status=400)
        if isinstance(said, ScoreRequest):
            return Response(said.body, said.content_type, headers={SESSION: said.session})
        return Response(said, "application/json")

    def _begin(self, request: Request) -> bytes | ScoreRequest:
        split = int(request.headers[SPLIT])
        body, answer = request.body[:split], request.body[split:]
        headers = request.headers
        media = request.content_type, headers.get(ACCEPT, ""), headers.get(ANSWER_TYPE, "")

        def work(ask: Ask) -> bytes:
            return self._explainer.explain(body, media, answer, headers.get(ENABLE), ask, headers.get(MODEL, ""))

        if self._explainer.reads_model:  # most such explanations ask nothing, and a thread takes as long as a small one
            try:
                return work(_asks_nothing)
            except _Asked:
                pass
        return self._sessions.begin(work)


def serve() -> int:
    """Serves until the process is ended; returns the exit code."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    return serve_forever(ExplainerApplication(), ServingSettings.read(os.environ, workers=1))
