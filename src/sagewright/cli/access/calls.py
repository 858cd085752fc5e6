"""Calls to IAM; a refusal ends the command with its message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.cli.client import client
from sagewright.cli.options import FAILURE, fail
from sagewright.model.settings import Settings


class Iam:
    """IAM's operations by boto3's names."""

    def __init__(self, settings: Settings) -> None:
        self._client = client(settings, "iam")

    def __call__(self, method: str, **request: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, method)(**request)
        except ClientError as error:
            fail(str(error.response["Error"]["Message"]), FAILURE)
        except BotoCoreError as error:
            fail(str(error), FAILURE)
        return answer

    def all(self, method: str, member: str, **request: Any) -> Iterator[Any]:
        """Yields the entries of all pages of a list."""
        marker: dict[str, str] = {}
        while True:
            page = self(method, **request, **marker)
            yield from page[member]
            if not page.get("IsTruncated"):
                return
            marker = {"Marker": page["Marker"]}
