"""Asynchronous invocations: kept until they are done, carried out by threads of their own, at least once.

Source: AWS's developer guide, "Asynchronous inference"; the form of its notifications is published there.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagewright.engine import fleets
from sagewright.engine.asking import Call, Question
from sagewright.engine.fleets import Fleet, Instance, Variant
from sagewright.model.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.lives import EndpointStatus
from sagewright.model.s3uris import read_s3_uri
from sagewright.model.servingplaces import connected
from sagewright.objects.access import ANY_TYPE, ObjectStore
from sagewright.store import metrics, resources
from sagewright.store.database import Database
from sagewright.store.metrics import Datum, Series
from sagewright.store.resources import Resource

KIND = "async-invocation"
WAITING, RUNNING = "Waiting", "Running"
DEFAULT_TTL_S, DEFAULT_TIMEOUT_S = 21_600, 900
MOST_BYTES = 1 << 30
LARGE_BYTES = 16 << 20
"""Of payloads and answers with more, those of one invocation are in memory at a time."""
MOST_THREADS = 32
DEFAULT_CONCURRENCY = 4
"""Requests to one instance at a time where ClientConfig doesn't say."""
UNKNOWN_TYPE = "application/octet-stream"
LEASE_MS = 60_000
CONNECT_S = 5.0
log = logging.getLogger("sagewright.engine.asynchronous")


@dataclass(frozen=True)
class Parts:
    store: Database
    objects: ObjectStore
    call: Call
    owner: str


class _Failed(Exception):
    """The invocation has failed; the message is what S3FailurePath gets."""


class Asynchronous:
    """See engine.control.Reconciler for the guarantees. A step hands the work to a thread, and waits for nothing."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pool = ThreadPoolExecutor(MOST_THREADS, "asynchronous")
        self._lock = threading.Lock()
        self._large = threading.RLock()
        self._running: set[str] = set()
        self._busy: Counter[str] = Counter()
        self._told = 0.0

    def recover(self) -> None:
        """Nothing: what this server had under way is taken up when it is looked at."""

    def active(self) -> list[tuple[str, str]]:
        found = resources.of_kind(self._parts.store, KIND)
        if found:
            self._tell_backlog(found)
        return [(KIND, one.id) for one in found]

    def reconcile(self, subject_id: str) -> None:
        row = resources.get(self._parts.store, subject_id)
        if row is None or subject_id in self._running:
            return
        endpoint = resources.get(self._parts.store, row.parent)
        if now_ms() > row.created_ms + row.document["TtlSeconds"] * 1000:
            self._end_badly(row, "The request was not processed within its RequestTTLSeconds.")
        elif endpoint is None or endpoint.status in {EndpointStatus.DELETING, EndpointStatus.FAILED}:
            self._end_badly(row, "The endpoint is gone.")
        elif endpoint.status in {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING}:
            self._begin(row, endpoint)

    def _begin(self, row: Resource, endpoint: Resource) -> None:
        chosen = self._chosen(endpoint)
        if chosen is None or not self._claimed(row):
            return
        fleet, variant, instance = chosen
        with self._lock:
            self._running.add(row.id)
            self._busy[instance.id] += 1
        self._pool.submit(self._carry_out, row, fleet, variant, instance)

    def _chosen(self, endpoint: Resource) -> tuple[Fleet, Variant, Instance] | None:
        """An instance with room, the one that has most of it."""
        serving = [fleet for fleet in fleets.read(endpoint.document) if fleet.share]
        for fleet in sorted(serving, key=lambda one: -one.share):
            client = (fleet.asynchronous or {}).get("ClientConfig") or {}
            most = client.get("MaxConcurrentInvocationsPerInstance") or DEFAULT_CONCURRENCY
            for variant in fleet.variants:
                free = [one for one in variant.ready if self._busy[one.id] < most]
                if free:
                    return fleet, variant, min(free, key=lambda one: self._busy[one.id])
        return None

    def _claimed(self, row: Resource) -> bool:
        """Whether the invocation is this server's to carry out."""

        def how(current: Resource) -> Resource | None:
            lease = current.document.get("Lease") or {"Owner": "", "UntilMs": 0}
            if lease["Owner"] not in {"", self._parts.owner} and lease["UntilMs"] > now_ms():
                return None
            until = now_ms() + LEASE_MS + current.document["TimeoutSeconds"] * 1000
            document = {**current.document, "Lease": {"Owner": self._parts.owner, "UntilMs": until}}
            return replace(current, status=RUNNING, document=document)

        return resources.alter(self._parts.store, row.id, how) is not None

    def _carry_out(self, row: Resource, fleet: Fleet, variant: Variant, instance: Instance) -> None:
        try:
            self._invoke(row, fleet, variant, instance)
        except _Failed as failed:
            self._end_badly(row, str(failed))
        except AwsError as error:
            self._end_badly(row, f"{error.code}: {error.message}")
        except Exception as error:
            log.exception("the asynchronous invocation %s failed", row.name)
            self._end_badly(row, f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._running.discard(row.id)
                self._busy[instance.id] -= 1

    def _invoke(self, row: Resource, fleet: Fleet, variant: Variant, instance: Instance) -> None:
        document = row.document
        begin = now_ms()
        size = self._size(document)
        with ExitStack() as held:
            if size > LARGE_BYTES:
                held.enter_context(self._large)
            body, headers = self._read(document), {"Content-Type": self._type(document)} | document["Headers"]
            for number, place in enumerate(instance.directories):
                name = "primary" if len(variant.containers) == 1 else fleets.container_name(variant, number)
                body, headers["Content-Type"] = _asked(
                    Path(place),
                    headers,
                    body,
                    document["TimeoutSeconds"],
                    name,
                    lambda: held.enter_context(self._large),
                )
            output = read_s3_uri(document["OutputLocation"])
            self._parts.objects.write_bytes(output.bucket, output.key, body, headers["Content-Type"])
        self._measure(row, variant, begin)
        self._finish(row, fleet, self._message(row, "Completed", {"contentType": headers["Content-Type"]}), good=True)

    def _size(self, document: dict[str, Any]) -> int:
        if "Body" in document:
            return len(document["Body"])
        place = read_s3_uri(document["InputLocation"])
        found = next(
            (size for key, size in self._parts.objects.list_keys(place.bucket, place.key) if key == place.key), None
        )
        if found is None:
            raise _Failed(f"Unable to access the input at {document['InputLocation']}: there is no such object.")
        return found

    def _type(self, document: dict[str, Any]) -> str:
        """Of a request that names none: that of the object, as SDK v2's AsyncPredictor expects."""
        if "InputLocation" not in document:
            return UNKNOWN_TYPE
        place = read_s3_uri(document["InputLocation"])
        told = self._parts.objects.content_type(place.bucket, place.key)
        return UNKNOWN_TYPE if told == ANY_TYPE else told

    def _read(self, document: dict[str, Any]) -> bytes:
        if "Body" in document:
            return base64.b64decode(document["Body"])
        place = read_s3_uri(document["InputLocation"])
        return self._parts.objects.read_bytes(place.bucket, place.key, MOST_BYTES)

    def _end_badly(self, row: Resource, why: str) -> None:
        endpoint = resources.get(self._parts.store, row.parent)
        fleet = next((one for one in fleets.read(endpoint.document) if one.share), None) if endpoint else None
        if "FailureLocation" in row.document:
            place = read_s3_uri(row.document["FailureLocation"])
            try:
                self._parts.objects.write_bytes(place.bucket, place.key, why.encode(), "text/plain")
            except AwsError as error:
                log.warning("the failure of invocation %s can't be written: %s", row.name, error.message)
        self._finish(row, fleet, self._message(row, "Failed", {}) | {"failureReason": why}, good=False)

    def _finish(self, row: Resource, fleet: Fleet | None, message: dict[str, Any], *, good: bool) -> None:
        output = ((fleet.asynchronous if fleet else None) or {}).get("OutputConfig") or {}
        topic = (output.get("NotificationConfig") or {}).get("SuccessTopic" if good else "ErrorTopic")
        if topic:
            self._notify(row, topic, message)
        resources.remove(self._parts.store, row, f"async:{row.id}")

    def _notify(self, row: Resource, topic: str, message: dict[str, Any]) -> None:
        principal = assumed_role_arn(row.account, ROLE_NAME, "SageMaker")
        request = {"TopicArn": topic, "Message": json.dumps(message)}
        try:
            self._parts.call(Question(principal, "sns", "Publish", request))
        except AwsError as error:
            log.warning("invocation %s can't be told to %s: %s", row.name, topic, error.message)

    def _message(self, row: Resource, status: str, answer: dict[str, Any]) -> dict[str, Any]:
        document = row.document
        told: dict[str, Any] = {
            "awsRegion": row.region,
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "receivedTime": datetime.fromtimestamp(row.created_ms / 1000, UTC).isoformat().replace("+00:00", "Z"),
            "invocationStatus": status,
            "requestParameters": {
                "contentType": document["Headers"].get("Content-Type", ""),
                "endpointName": document["EndpointName"],
                "inputLocation": document.get("InputLocation", ""),
            },
            "inferenceId": document["InferenceId"],
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        if status == "Completed":
            told["responseParameters"] = {**answer, "outputLocation": document["OutputLocation"]}
        elif "FailureLocation" in document:
            told["responseParameters"] = {"failureLocation": document["FailureLocation"]}
        return told

    def _measure(self, row: Resource, variant: Variant, begin_ms: int) -> None:
        place = {"EndpointName": row.document["EndpointName"], "VariantName": variant.name}
        times = {"TimeInBacklog": begin_ms - row.created_ms, "TotalProcessingTime": now_ms() - row.created_ms}
        text, now = metrics.dimension_text(place), now_ms()
        data = [
            (
                Series(row.account, row.region, "AWS/SageMaker", name, text),
                Datum.of_value(now, float(value), "Milliseconds"),
            )
            for name, value in times.items()
        ]
        with self._parts.store.write() as connection:
            metrics.put(connection, data)

    def _tell_backlog(self, found: list[Resource]) -> None:
        """Every few seconds while there is one: what autoscaling goes by."""
        if time.monotonic() - self._told < 5.0:
            return
        self._told = time.monotonic()
        by_endpoint = Counter((one.account, one.region, one.document["EndpointName"], one.parent) for one in found)
        data = []
        for (account, region, name, endpoint_id), waiting in by_endpoint.items():
            endpoint = resources.get(self._parts.store, endpoint_id)
            ready = (
                sum(len(one.ready) for fleet in fleets.read(endpoint.document) for one in fleet.variants)
                if endpoint
                else 0
            )
            text = metrics.dimension_text({"EndpointName": name})
            values = {
                "ApproximateBacklogSize": float(waiting),
                "ApproximateBacklogSizePerInstance": waiting / max(1, ready),
                "HasBacklogWithoutCapacity": float(not ready),
            }
            data += [
                (Series(account, region, "AWS/SageMaker", metric, text), Datum.of_value(now_ms(), value, "Count"))
                for metric, value in values.items()
            ]
        with self._parts.store.write() as connection:
            metrics.put(connection, data)


def _asked(
    place: Path, headers: dict[str, str], body: bytes, timeout_s: float, container: str, large: Callable[[], object]
) -> tuple[bytes, str]:
    """The answer of one model server, and its content type. `large` is called before more than LARGE_BYTES are read of it.
    Raises _Failed."""
    connection = http.client.HTTPConnection("localhost")
    try:
        connection.sock = connected(place, CONNECT_S)
        connection.sock.settimeout(timeout_s)
        connection.request("POST", "/invocations", body, {"Host": "localhost", **headers})
        answer = connection.getresponse()
        data = answer.read(LARGE_BYTES)
        if len(data) == LARGE_BYTES:
            large()
            data += answer.read(MOST_BYTES + 1 - LARGE_BYTES)
    except TimeoutError:
        raise _Failed(f"Your invocation timed out while waiting for a response from container {container}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Failed(f"Received server error (0) from {container}: {error}") from None
    finally:
        connection.close()
    if len(data) > MOST_BYTES:
        raise _Failed(f"The answer of {container} has more than {MOST_BYTES} bytes.")
    if not 200 <= answer.status < 300:
        side = "client" if 400 <= answer.status < 500 else "server"
        text = data[:3000].decode(errors="replace")
        raise _Failed(f'Received {side} error ({answer.status}) from {container} with message "{text}".')
    return data, answer.headers.get("Content-Type") or UNKNOWN_TYPE
