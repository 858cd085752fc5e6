"""The request's context for handlers, with the names of AWS's model server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.serving.messages import Request

NO_REQUEST = Request(b"")
CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


class HandlerContext:
    """The `context` of handlers that take one. `request`: the one being answered."""

    def __init__(self, model_dir: str, model_name: str) -> None:
        self.model_name = model_name
        self.manifest: dict[str, Any] = {}
        self.system_properties = {
            "model_dir": model_dir,
            "gpu_id": _gpu(),
            "batch_size": 1,
            "server_name": "Sagewright",
        }
        self.request = NO_REQUEST
        self.content_type = ""
        self.headers: dict[str, str] = {}
        """Headers of the response."""

    def begin(self, request: Request) -> None:
        """Resets the context for a new request."""
        self.request, self.content_type, self.headers = request, "", {}

    @property
    def request_processor(self) -> list[HandlerContext]:
        """Returns a list of contexts: AWS's server keeps the headers of each request of a batch in one."""
        return [self]

    def get_request_properties(self) -> Mapping[str, str]:
        return dict(self.request.headers)

    def get_all_request_header(self, _index: int = 0) -> Mapping[str, str]:
        return dict(self.request.headers)

    def get_request_header(self, index: int | str, key: str = "") -> str | None:
        """Returns a header of a request, by index and name, or only by name."""
        name = index if isinstance(index, str) else key
        return self.request.headers.get(name.lower())

    def set_response_content_type(self, _index: int, content_type: str) -> None:
        self.content_type = content_type

    def set_response_header(self, _index: int, key: str, value: str) -> None:
        if str(key).lower() == "content-type":
            self.content_type = str(value)
        else:
            self.headers[str(key)] = str(value)


def _gpu() -> int | None:
    import os

    return 0 if os.environ.get("SAGEWRIGHT_GPUS", "0") not in ("", "0") else None
