"""What goes in and out of a model's server.

Source: the contract's hosting.md ("Container contract") and algorithms/_common.md, section 6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """`headers`: by their names in lower case; `path`: without its query."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/invocations"


@dataclass(frozen=True)
class Response:
    """An answer. For errors the body is the message; a body that is an iterator is sent as it comes.

    `headers`: what is sent besides those that the server writes itself; what can't be a header is left out.
    """

    body: bytes | Iterator[bytes]
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Answering(ABC):
    """Answers with one loaded model. Safe to use from many threads.

    `quick`: small requests take so little time that the server may answer them between others (`Application`).
    """

    quick = True

    @abstractmethod
    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        """The answer to one request; faults of the request are answers too."""

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """The answers to requests that came together, each as `invoke` would have given it."""
        return [self.invoke(each.body, each.content_type, each.accept) for each in requests]

    def __call__(self, body: bytes, content_type: str, accept: str) -> Response:
        return self.invoke(body, content_type, accept)


class Application(ABC):
    """What a server serves. `load`, `invoke` and what they call run in the main thread of a worker, one at a time.

    `joins`: `invoke_all` is given all the requests that wait; `quick`: of those, small ones are answered in another thread, perhaps
    at the same time; `manages`: `invoke` gets requests for paths below /models too.
    """

    joins = False
    quick = False
    manages = False

    @abstractmethod
    def load(self) -> None:
        """Get ready to answer. Whatever it raises ends the server."""

    @abstractmethod
    def invoke(self, request: Request) -> Response:
        """The answer to one request. Whatever it raises is answered with 500."""

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        return [self.invoke(each) for each in requests]

    def execution_parameters(self) -> Mapping[str, Any] | None:
        """What batch transform asks before it starts; None where the model does not say."""
        return None
