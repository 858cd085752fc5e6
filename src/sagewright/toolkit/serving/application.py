"""A model in script mode as a server's application."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sagewright.serving.messages import Application, Request, Response
from sagewright.serving.work import failure
from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.context import CUSTOM_ATTRIBUTES, HandlerContext
from sagewright.toolkit.serving.defaults import Defaults, defaults_of
from sagewright.toolkit.serving.errors import RequestError, UnsupportedType
from sagewright.toolkit.serving.script import Script, load_module, program_of
from sagewright.toolkit.serving.tfhandlers import TfHandlers


class ScriptApplication(Application):
    """`model`: the model's directory; `code`: that of the user's script; `framework`: the framework whose defaults apply."""

    def __init__(self, model: Path, code: Path, framework: str) -> None:
        self._directory, self._code, self._framework = model, code, framework
        self._defaults = Defaults()
        self._context = HandlerContext(str(model), model.name)
        self._script = Script(None, self._defaults, self._context)
        self._handlers: TfHandlers | None = None
        self._model: Any = None

    def load(self) -> None:
        self._defaults = defaults_of(self._framework)
        module = load_module(self._code, program_of(os.environ), required=self._defaults.needs_program)
        self._script = Script(module, self._defaults, self._context)
        directory = str(self._directory)
        if self._script.has("pre_model_fn"):
            self._script.call("pre_model_fn", directory)
        self._model = self._script.call("model_fn", directory)
        if self._script.has("model_warmup_fn"):
            self._script.call("model_warmup_fn", directory, self._model)
        if self._script.is_default:
            self._handlers = TfHandlers.of(module, self._defaults, self._model)
        self.joins = self._script.is_default and self._handlers is None and self._defaults.joins(self._model)
        self.portable = self.joins

    def invoke(self, request: Request) -> Response:
        self._context.begin(request)
        accept = wanted(request)
        try:
            if self._handlers is not None:
                return self._handlers.invoke(request, accept)
            result = self._transform(request, accept)
            answer = answer_of(result, self._context.content_type or accept)
            return (
                replace(answer, headers={**answer.headers, **self._context.headers})
                if self._context.headers
                else answer
            )
        except (Exception, SystemExit) as error:
            return self._failed(error)

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Makes one prediction for the rows of all requests. Raises ValueError for rows that can't be combined, and the errors of
        handlers."""
        import numpy as np

        parts = [self._script.call("input_fn", _data(each), each.content_type) for each in requests]
        if any(not isinstance(part, np.ndarray) for part in parts):
            raise ValueError("the requests' rows are not arrays")
        rows = [part.reshape(1, -1) if part.ndim == 1 else part for part in parts]
        predicted = np.asarray(self._script.call("predict_fn", np.concatenate(rows), self._model))
        ends = np.cumsum([len(each) for each in rows])
        split = np.split(predicted, ends[:-1])
        pairs = zip(split, requests)  # noqa: B905 - older Pythons
        return [answer_of(self._script.call("output_fn", part, wanted(each)), wanted(each)) for part, each in pairs]

    def execution_parameters(self) -> Mapping[str, Any] | None:
        """Returns the result of the script's execution_parameters_fn, if it has one: a map, or a response with JSON. Raises
        ValueError."""
        if not self._script.has("execution_parameters_fn"):
            return None
        said = self._script.call("execution_parameters_fn")
        found = said if isinstance(said, Mapping) else json.loads(answer_of(said, content.JSON).body)  # type: ignore[arg-type]
        return dict(found)

    def _transform(self, request: Request, accept: str) -> Any:
        data = _data(request)
        if self._script.has("transform_fn"):
            return self._script.call("transform_fn", self._model, data, request.content_type, accept)
        read = self._script.call("input_fn", data, request.content_type)
        model = self._defaults.chosen(self._model, request.headers.get(CUSTOM_ATTRIBUTES, ""))
        prediction = self._script.call("predict_fn", read, model)
        if isinstance(prediction, Iterator) and not self._script.has("output_fn"):
            return prediction, accept
        return self._script.call("output_fn", prediction, accept)

    def _failed(self, error: BaseException) -> Response:
        """Returns an error like AWS's toolkits: the message and the traceback; with Hugging Face, like its model server."""
        trace = traceback.format_exc()
        if isinstance(error, UnsupportedType):
            print(error, flush=True)
        else:
            print(trace, flush=True)
        if self._defaults.error_status != HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, RequestError):
            return failure(str(error), self._defaults.error_status)
        return Response(f"{error}\n{trace}".encode(), status=_status_of(error))


def wanted(request: Request) -> str:
    """Returns the Accept header; if it leaves the choice, the default in the model's environment, or JSON."""
    accept = request.accept.strip()
    if accept and accept != content.ANY:
        return accept
    return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or content.JSON


def answer_of(result: Any, accept: str) -> Response:
    """Converts a handler's result: text, bytes, an iterator of them, a pair with the content type, a response object of a web
    framework, or anything that JSON can represent.

    Raises TypeError for all else.
    """
    media = accept.partition(",")[0].strip()
    if isinstance(result, tuple) and len(result) == 2:
        result, media = result[0], str(result[1])
    if hasattr(result, "get_data") and hasattr(result, "mimetype"):
        headers = {str(name): str(value) for name, value in dict(getattr(result, "headers", {})).items()}
        status = int(getattr(result, "status_code", 200))
        return Response(bytes(result.get_data()), str(result.mimetype or media), status, headers)
    if isinstance(result, Iterator):
        return Response((_bytes(part) for part in result), media)
    return Response(_bytes(result), media)


def _bytes(result: Any) -> bytes:
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    return content.to_json(result).encode()


def _data(request: Request) -> content.Data:
    text = content.media_of(request.content_type) in content.TEXTS
    return content.text_of(request.body) if text else request.body


def _status_of(error: BaseException) -> int:
    """Returns the HTTP status for an error of the toolkit, or for the user's own error if it has a `status_code`."""
    status = error.status if isinstance(error, RequestError) else getattr(error, "status_code", None)
    return status if isinstance(status, int) and 400 <= status < 600 else HTTPStatus.INTERNAL_SERVER_ERROR
