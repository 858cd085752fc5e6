"""Serves a built-in algorithm's model as an application of the server.

Source: the contract's algorithms/_common.md, section 6: an empty body is answered with 204.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.functions import load_function
from sagewright.serving.messages import Answering, Application, Request, Response
from sagewright.serving.settings import execution_parameters

_NOTHING = Response(b"", status=HTTPStatus.NO_CONTENT)


class BuiltIn(Application):
    """`function`: `module:function` that returns the object that answers for the model in `directory`."""

    joins = True

    def __init__(self, function: str, directory: Path) -> None:
        self._function, self._directory = function, directory
        self._model: Answering | None = None

    def load(self) -> None:
        try:
            self._model = load_function(self._function)(self._directory)
            self.quick = self._model.quick
        except UserError as error:
            logging.error("Customer Error: %s", error)
            raise

    def invoke(self, request: Request) -> Response:
        assert self._model is not None
        if not request.body:
            return _NOTHING
        return self._model.invoke(request.body, request.content_type, request.accept)

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        assert self._model is not None
        answers = iter(self._model.invoke_all([each for each in requests if each.body]))
        return [next(answers) if each.body else _NOTHING for each in requests]

    def execution_parameters(self) -> Mapping[str, Any]:
        return execution_parameters()
