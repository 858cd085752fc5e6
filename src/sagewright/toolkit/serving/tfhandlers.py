"""Scripts of AWS's TensorFlow images: `handler`, or `input_handler` and `output_handler` around TensorFlow Serving."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from sagewright.serving.messages import Request, Response
from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.context import CUSTOM_ATTRIBUTES
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import RequestError


class _Context:
    """A context with the names of AWS's Python service. It has no REST service, so `rest_uri` and `grpc_port` are empty."""

    def __init__(self, request: Request, accept: str) -> None:
        self.method = request.method
        self.request_content_type = request.content_type or content.JSON
        self.accept_header = accept
        self.custom_attributes = request.headers.get(CUSTOM_ATTRIBUTES, "")
        self.content_length = len(request.body)
        self.model_name, self.model_version = "model", None
        self.rest_uri = self.grpc_port = self.channel = ""


class _ServingResponse:
    """The response of TensorFlow Serving, in the form of the client library `requests`."""

    def __init__(self, status_code: int, body: bytes) -> None:
        self.status_code, self.content = status_code, body
        self.headers = {"Content-Type": content.JSON}

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


class TfHandlers:
    """`handler(data, context)` returns a body and its content type."""

    def __init__(self, handler: Callable[[Any, Any], tuple[Any, str]]) -> None:
        self._handler = handler

    @classmethod
    def of(cls, module: Any, defaults: Defaults, model: Any) -> TfHandlers | None:
        """Returns None for a script without such handlers."""
        if callable(getattr(module, "handler", None)):
            return cls(module.handler)
        before, after = getattr(module, "input_handler", None), getattr(module, "output_handler", None)
        if before is None or after is None:
            return None

        def handler(data: Any, context: Any) -> Any:
            return after(_serve(before(data, context), defaults, model, context.custom_attributes), context)

        return cls(handler)

    def invoke(self, request: Request, accept: str) -> Response:
        body, media = self._handler(io.BytesIO(request.body), _Context(request, accept))
        return Response(body.encode() if isinstance(body, str) else bytes(body), str(media))


def _serve(sent: Any, defaults: Defaults, model: Any, attributes: str) -> _ServingResponse:
    """Acts as TensorFlow Serving."""
    try:
        read = defaults.input_fn(sent.read() if hasattr(sent, "read") else sent, content.JSON)
        answer = defaults.predict_fn(read, defaults.chosen(model, attributes))
        return _ServingResponse(200, content.to_json(answer).encode())
    except RequestError as error:
        return _ServingResponse(400, json.dumps({"error": str(error)}).encode())
