"""Reports on asynchronous invocations: messages to topics, and metrics.

Source: AWS's developer guide, "Asynchronous inference", which publishes the format of its notifications.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.async_documents import AsyncRequest, InvocationOutcome
from sagewright.engine.endpoints.fleets import Fleet, Variant
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

NAMESPACE = "AWS/SageMaker"
BACKLOG_S, IDLE_S = 5.0, 60.0
log = logging.getLogger("sagewright.engine.endpoints.async_reports")


class AsyncReports:
    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._call = dependencies.store, dependencies.call
        self._reported_s, self._backlogged = -IDLE_S, False

    def completed(self, row: Resource, fleet: Fleet, content_type: str) -> None:
        message = _message(row, InvocationOutcome.COMPLETED)
        output = AsyncRequest.read(row.document).output
        message["responseParameters"] = {"contentType": content_type, "outputLocation": output}
        self._notify(row, fleet, "SuccessTopic", message)

    def failed(self, row: Resource, fleet: Fleet | None, reason: str) -> None:
        message = _message(row, InvocationOutcome.FAILED)
        if failure := AsyncRequest.read(row.document).failure:
            message["responseParameters"] = {"failureLocation": failure}
        self._notify(row, fleet, "ErrorTopic", message | {"failureReason": reason})

    def _notify(self, row: Resource, fleet: Fleet | None, topic: str, message: dict[str, Any]) -> None:
        output = ((fleet.asynchronous if fleet else None) or {}).get("OutputConfig") or {}
        arn = (output.get("NotificationConfig") or {}).get(topic)
        if not arn:
            return
        principal = assumed_role_arn(row.account, ROLE_NAME, "SageMaker")
        try:
            request = {"TopicArn": arn, "Message": json.dumps(message)}
            self._call(OperationRequest(principal, "sns", "Publish", request, region=row.region, by_service=True))
        except AwsError as error:
            log.warning("invocation %s can't be published to %s: %s", row.name, arn, error.message)

    def measure(self, row: Resource, variant: Variant, begin_ms: int) -> None:
        place = {"EndpointName": AsyncRequest.read(row.document).endpoint, "VariantName": variant.name}
        times = {"TimeInBacklog": begin_ms - row.created_ms, "TotalProcessingTime": now_ms() - row.created_ms}
        text, now = metrics.dimension_text(place), now_ms()
        data = [
            (
                MetricSeries(row.account, row.region, NAMESPACE, name, text),
                Datum.of_value(now, float(value), "Milliseconds"),
            )
            for name, value in times.items()
        ]
        with self._store.write() as connection:
            metrics.put(connection, data)

    def report_backlog(self, waiting: list[Resource]) -> None:
        """Puts the metrics that autoscaling follows: every few seconds during a backlog and once after it, else each minute."""
        now = time.monotonic()
        if now - self._reported_s < (BACKLOG_S if waiting or self._backlogged else IDLE_S):
            return
        self._reported_s, self._backlogged = now, bool(waiting)
        counts = Counter(one.parent for one in waiting)
        found = resources.of_kind(self._store, ENDPOINT)
        data = [one for endpoint in found for one in _backlog(endpoint, counts[endpoint.id])]
        if data:
            with self._store.write() as connection:
                metrics.put(connection, data)


def _backlog(endpoint: Resource, waiting: int) -> list[tuple[MetricSeries, Datum]]:
    """Returns the metrics of an asynchronous endpoint; none for any other. `waiting`: number of its unfinished invocations."""
    serving = [fleet for fleet in fleets.read(endpoint.document) if fleet.share]
    if not waiting and not any(fleet.asynchronous for fleet in serving):
        return []
    ready = sum(len(one.ready) for fleet in serving for one in fleet.variants)
    text = metrics.dimension_text({"EndpointName": endpoint.name})
    values = {
        "ApproximateBacklogSize": float(waiting),
        "ApproximateBacklogSizePerInstance": waiting / max(1, ready),
        "HasBacklogWithoutCapacity": float(bool(waiting) and not ready),
    }
    return [
        (
            MetricSeries(endpoint.account, endpoint.region, NAMESPACE, metric, text),
            Datum.of_value(now_ms(), value, "Count"),
        )
        for metric, value in values.items()
    ]


def _message(row: Resource, outcome: InvocationOutcome) -> dict[str, Any]:
    document = AsyncRequest.read(row.document)
    return {
        "awsRegion": row.region,
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "receivedTime": datetime.fromtimestamp(row.created_ms / 1000, UTC).isoformat().replace("+00:00", "Z"),
        "invocationStatus": outcome.value,
        "requestParameters": {
            "contentType": document.headers.get("Content-Type", ""),
            "endpointName": document.endpoint,
            "inputLocation": document.input,
        },
        "inferenceId": document.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
