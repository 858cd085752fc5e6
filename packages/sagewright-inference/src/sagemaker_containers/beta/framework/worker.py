"""Responses with their content type and status."""

from __future__ import annotations

from typing import Any


class Response:
    """A response that a script's output_fn can return; Sagewright's server reads its three members."""

    def __init__(
        self, response: Any = None, accept: str | None = None, status: int = 200, mimetype: str | None = None, **_: Any
    ):
        self.response, self.status_code = response, status
        self.mimetype = mimetype or accept or "application/json"

    def get_data(self) -> bytes:
        return self.response.encode() if isinstance(self.response, str) else bytes(self.response or b"")
