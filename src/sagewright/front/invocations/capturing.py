"""Data capture: a sample of requests and responses, as records that the server writes to S3.

Source: AWS's developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import base64
import logging
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from sagewright.front.invocations.routes import Capture
from sagewright.front.invocations.spool import CaptureSpool, CaptureTarget
from sagewright.upstream.messages import Answer, UpstreamRequest

WARN_S = 60.0
log = logging.getLogger("sagewright.front.invocations.capturing")


@dataclass(frozen=True)
class Exchanged:
    """One invocation."""

    content_type: str
    accept_type: str
    body: bytes
    answer: bytes
    attributes: str = ""
    inference_id: str = ""

    @classmethod
    def of(cls, ask: UpstreamRequest, answer: Answer) -> Self:
        """Returns the invocation of a container, of a production variant or of its shadow."""
        return cls(
            ask.headers.get("Content-Type", ""),
            answer.headers.get("content-type", ""),
            ask.body,
            answer.body,
            ask.headers.get("X-Amzn-SageMaker-Custom-Attributes", ""),
            ask.headers.get("X-Amzn-SageMaker-Inference-Id", ""),
        )


class Capturing:
    """Samples invocations and spools their records. A record is on disk before its request is answered."""

    def __init__(self, spool: CaptureSpool) -> None:
        self._spool = spool
        self._dropped, self._warned_s = 0, -WARN_S

    def sample(self, capture: Capture | None) -> bool:
        return capture is not None and random.random() * 100 < capture.percent  # noqa: S311 - nothing to keep secret

    def keep(self, capture: Capture, endpoint: str, variant: str, exchanged: Exchanged) -> None:
        """Spools a record. If the disk or the spool is full, drops it with a line in the front's log, and the response is still
        sent."""
        target = CaptureTarget(capture.destination, endpoint, variant)
        try:
            if self._spool.keep(target, orjson.dumps(_line(capture, exchanged))):
                return
            reason = "the spool is full"
        except OSError as error:
            reason = str(error)
        self._dropped += 1
        if time.monotonic() - self._warned_s >= WARN_S:
            self._warned_s = time.monotonic()
            log.warning(
                "%d captured records were dropped, the last of endpoint %s: %s", self._dropped, endpoint, reason
            )

    def close_segment(self) -> bool:
        """Returns True if the server has a new segment to write to S3."""
        try:
            return self._spool.close_segment()
        except OSError as error:
            log.warning("captured records can't be handed on now: %s", error)
            return False


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
