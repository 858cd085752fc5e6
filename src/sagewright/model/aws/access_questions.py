"""Questions about a key's permissions: asked by processes without the store, answered by the server."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class AccessQuestion:
    """`key`: its id; `resource`: an ARN, or the name of an endpoint; `address`, `secure`, `agent`: how the request arrived;
    `model`: the one of a multi-model endpoint that it asks for."""

    key: str
    action: str
    resource: str
    region: str
    address: str = ""
    secure: bool = True
    agent: str | None = None
    model: str | None = None

    def name(self) -> str:
        """Returns the question as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, name: str) -> AccessQuestion:
        """Raises ValueError, TypeError."""
        return cls(**json.loads(name))


@dataclass(frozen=True)
class AccessAnswer:
    """`code` is "" if the request is allowed."""

    code: str = ""
    message: str = ""
