"""Requests and responses of a model's server.

Source: the contract's hosting.md ("Container contract") and algorithms/_common.md, section 6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """`headers`: by lower-case name; `path`: without its query."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/invocations"


@dataclass(frozen=True)
class Response:
    """A response. For errors the body is the message; a body that is an iterator is streamed.

    `headers`: additional headers besides those that the server sets; invalid ones are omitted.
    """

    body: bytes | Iterator[bytes]
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Answering(ABC):
    """A loaded model. Thread-safe.

    `quick`: True if small requests are fast enough to be answered between others (`Application`).
    """

    quick = True

    @abstractmethod
    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        """Returns the response to one request; errors of the request are responses too."""

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Returns the responses to requests that arrived together, each as `invoke` would."""
        return [self.invoke(each.body, each.content_type, each.accept) for each in requests]

    def __call__(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke(body, content_type, accept)


class Application(ABC):
    """The interface of a served application. `load`, `invoke` and all they call run in the main thread of a worker, one at a time.

    `joins`: True if `invoke_all` receives all waiting requests; `quick`: True if small ones of those are answered in another
    thread, possibly at the same time; `portable`: True if they may be answered there while the main thread is idle; `manages`: True
    if `invoke` also gets requests for paths below /models.
    """

    joins = False
    quick = False
    portable = False
    manages = False

    @abstractmethod
    def load(self) -> None:
        """Prepares the application. Any exception ends the server."""

    @abstractmethod
    def invoke(self, request: Request) -> Response:
        """Returns the response to one request. Any exception is answered with 500."""

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        return [self.invoke(each) for each in requests]

    def execution_parameters(self) -> Mapping[str, Any] | None:
        """Returns the parameters that batch transform requests before it starts; None if the model has none."""
        return None
