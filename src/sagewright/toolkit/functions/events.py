"""The input and the output of an invocation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INIT_S = 10.0
"""Time for initialization before the handler is called, besides the Timeout. Source: AWS's guide, "Lambda execution environment".
"""
MOST_PAYLOAD = 6_291_556
"""Maximum size of a response in bytes. Source: AWS's guide, "Lambda quotas"."""
MOST_RESPONSE = 2 * MOST_PAYLOAD + 1024
"""Maximum size in bytes of the file in which the child leaves it, as JSON text."""


@dataclass(frozen=True)
class FunctionInvocation:
    request_id: str
    handler: str
    timeout_s: float
    memory_mb: int
    name: str
    arn: str
    log_group: str
    log_stream: str
    event: Any
    client_context: Any

    @classmethod
    def read(cls, file: Path) -> FunctionInvocation:
        return cls(**json.loads(file.read_bytes()))


@dataclass(frozen=True)
class FunctionAnswer:
    """`payload`: JSON; `error`: the value of X-Amz-Function-Error, or ""."""

    payload: str
    error: str = ""

    @classmethod
    def fault(cls, kind: str, message: str) -> FunctionAnswer:
        return cls(json.dumps({"errorType": kind, "errorMessage": message}), "Unhandled")

    def document(self) -> str:
        return json.dumps({"payload": self.payload, "error": self.error})
