"""Data capture: a sample of requests and answers, as lines that the server writes to S3.

Source: AWS's developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import base64
import random
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from sagewright.front.routes import Capture

MOST_WAITING = 64 * 1024 * 1024
"""Bytes of lines that wait for the server; further ones are dropped, and that is counted."""


@dataclass(frozen=True)
class Exchanged:
    """One invocation."""

    content_type: str
    accept_type: str
    body: bytes
    answer: bytes
    attributes: str = ""
    inference_id: str = ""


class Capturing:
    """Lines by the place that they go to."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
        self._size = 0
        self.dropped = 0

    def sample(self, capture: Capture | None) -> bool:
        return capture is not None and random.random() * 100 < capture.percent  # noqa: S311 - nothing to keep secret

    def keep(self, capture: Capture, endpoint: str, variant: str, exchanged: Exchanged) -> None:
        line = orjson.dumps(_line(capture, exchanged))
        if self._size + len(line) > MOST_WAITING:
            self.dropped += 1
            return
        self._size += len(line)
        self._lines[capture.destination, endpoint, variant].append(line)

    def taken(self) -> list[dict[str, Any]]:
        """What was kept, which begins anew."""
        lines, self._lines, self._size = self._lines, defaultdict(list), 0
        return [
            {"destination": where, "endpoint": endpoint, "variant": variant, "lines": b"\n".join(found).decode()}
            for (where, endpoint, variant), found in lines.items()
        ]


def _line(capture: Capture, exchanged: Exchanged) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if capture.input:
        data["endpointInput"] = _part(capture, "INPUT", exchanged.content_type, exchanged.body)
    if capture.output:
        data["endpointOutput"] = _part(capture, "OUTPUT", exchanged.accept_type, exchanged.answer)
    about: dict[str, Any] = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if exchanged.attributes:
        about["customAttributes"] = [exchanged.attributes]
    if exchanged.inference_id:
        about["inferenceId"] = exchanged.inference_id
    return {"captureData": data, "eventMetadata": about, "eventVersion": "0"}


def _part(capture: Capture, mode: str, content_type: str, body: bytes) -> dict[str, Any]:
    media = content_type.partition(";")[0].strip().lower()
    encoding = "CSV" if media in capture.csv_types else "JSON" if media in capture.json_types else "BASE64"
    text = None
    if encoding != "BASE64":
        try:
            text = body.decode()
        except UnicodeDecodeError:
            encoding = "BASE64"
    if text is None:
        text = base64.b64encode(body).decode()
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}
