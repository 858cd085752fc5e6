"""Messages between the server and the invoker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class InvokerObjects:
    """The S3 with inputs and outputs."""

    endpoint: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class AsyncInvocation:
    """One asynchronous invocation. `servers`: where an instance's containers answer, in order (`upstream.connecting`), and
    `containers` their names; `body` (base64) or `input_uri`: the input; `timeout_s`: for all of the containers together."""

    id: str
    endpoint: str
    servers: tuple[str, ...]
    containers: tuple[str, ...]
    headers: Mapping[str, str]
    timeout_s: float
    output_uri: str
    body: str = ""
    input_uri: str = ""

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> AsyncInvocation:
        lists = {name: tuple(document[name]) for name in ("servers", "containers")}
        return cls(**{**document, **lists})


@dataclass(frozen=True)
class Result:
    """The result of an invocation: its answer is at `output_uri` with that content type, or the failure's reason."""

    id: str
    content_type: str = ""
    failure: str | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)
