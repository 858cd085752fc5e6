"""Shared by tests of Lambda functions: archives, and functions of a few lines."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE

if TYPE_CHECKING:
    from conftest import RunningServer


def archive(**files: str) -> bytes:
    """`app="…"` is app.py."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name, text in files.items():
            opened.writestr(f"{name}.py", text)
    return made.getvalue()


class Functions:
    """Functions of one server, by boto3."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.client = server, server.boto("lambda")

    def create(self, name: str, source: str, **members: Any) -> dict[str, Any]:
        """One whose handler is `handler` in `source`."""
        made: dict[str, Any] = self.client.create_function(
            **{"FunctionName": name, "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", "Timeout": 30,
               "MemorySize": 256, "Code": {"ZipFile": archive(app=source)}} | members,
        )  # fmt: skip
        return made

    def invoke(self, name: str, payload: Any = None, **members: Any) -> tuple[dict[str, Any], Any]:
        """The answer, and its payload as what it says."""
        described = self.client.invoke(FunctionName=name, Payload=json.dumps(payload or {}), **members)
        text = described["Payload"].read()
        return described, json.loads(text) if text else None
