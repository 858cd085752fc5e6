"""Asynchronous invocations: stored until they are done, carried out by a separate process, at least once.

Source: AWS's developer guide, "Asynchronous inference".
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints import fleets
from sagewright.engine.endpoints.async_documents import AsyncRequest, InvocationStatus
from sagewright.engine.endpoints.async_reports import AsyncReports
from sagewright.engine.endpoints.fleets import Fleet, Instance, Variant
from sagewright.invoker.client import InvokerClient, Workshop
from sagewright.invoker.messages import AsyncInvocation, InvokerObjects, Result
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store import servers
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "async-invocation"
DEFAULT_TTL_S, DEFAULT_TIMEOUT_S = 21_600, 900
DEFAULT_CONCURRENCY = 4
"""Concurrent requests to one instance if ClientConfig does not say."""
MOST_DEATHS = 3
"""Number of deaths of the invoker during an invocation after which the invocation has failed."""
log = logging.getLogger("sagewright.engine.endpoints.async_invocations")


@dataclass(frozen=True)
class _Held:
    """A running invocation and the instance that serves it."""

    fleet: Fleet
    variant: Variant
    instance: Instance
    since_ms: int


class AsyncInvocationReconciler:
    """See engine.control.Reconciler for the guarantees. A step hands work to the invoker, or applies its results.

    `access()`: S3 as the invoker reaches it.
    """

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies, access: Callable[[], InvokerObjects]) -> None:
        self._dependencies, settings = dependencies, dependencies.settings
        self._reports = AsyncReports(dependencies)
        workshop = Workshop(settings.data / "async", access, settings.disk_stop_mb)
        self._invoker = InvokerClient(workshop, self._note, self._note_lost)
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._busy: Counter[str] = Counter()
        self._results: dict[str, Result] = {}
        self._deaths: Counter[str] = Counter()

    def active(self) -> list[tuple[str, str]]:
        found = resources.of_kind(self._dependencies.store, KIND)
        self._reports.report_backlog(found)
        return [(KIND, one.id) for one in found]

    def reconcile(self, subject_id: str) -> None:
        row = resources.get(self._dependencies.store, subject_id)
        with self._lock:
            result = self._results.pop(subject_id, None)
            held = self._held.get(subject_id) if result is None else self._let_go(subject_id)
        if row is None or (held is not None and result is None):
            return
        if result is not None and held is not None:
            self._end(row, held, result)
            return
        endpoint = resources.get(self._dependencies.store, row.parent)
        if now_ms() > row.created_ms + AsyncRequest.read(row.document).ttl_s * 1000:
            self._end_badly(row, "The request was not processed within its RequestTTLSeconds.")
        elif endpoint is None or endpoint.status in {EndpointStatus.DELETING, EndpointStatus.FAILED}:
            self._end_badly(row, "The endpoint is gone.")
        elif endpoint.status in {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING}:
            self._begin(row, endpoint)

    def _begin(self, row: Resource, endpoint: Resource) -> None:
        chosen = self._chosen(endpoint)
        if chosen is None:
            return
        if self._deaths[row.id] >= MOST_DEATHS:
            self._end_badly(row, f"The process that carried out the request died {MOST_DEATHS} times.")
            return
        claimed = self._claimed(row)
        if claimed is None:
            return
        fleet, variant, instance = chosen
        with self._lock:
            self._held[row.id] = _Held(fleet, variant, instance, now_ms())
            self._busy[instance.id] += 1
        if not self._invoker.send(_invocation(claimed, variant, instance)):
            with self._lock:
                self._let_go(row.id)

    def _chosen(self, endpoint: Resource) -> tuple[Fleet, Variant, Instance] | None:
        """Returns the instance with the most free capacity, if any has some."""
        serving = [fleet for fleet in fleets.read(endpoint.document) if fleet.share]
        for fleet in sorted(serving, key=lambda one: -one.share):
            client = (fleet.asynchronous or {}).get("ClientConfig") or {}
            most = client.get("MaxConcurrentInvocationsPerInstance") or DEFAULT_CONCURRENCY
            for variant in fleet.variants:
                free = [one for one in variant.ready if self._busy[one.id] < most]
                if free:
                    return fleet, variant, min(free, key=lambda one: self._busy[one.id])
        return None

    def _claimed(self, row: Resource) -> Resource | None:
        """Returns the invocation claimed for this server; None if another live server has claimed it."""
        owner = AsyncRequest.read(row.document).holder
        if owner not in {"", self._dependencies.owner} and servers.lives(self._dependencies.store, owner):
            return None

        def claim(current: Resource) -> Resource | None:
            document = AsyncRequest.read(current.document)
            if document.holder not in {owner, "", self._dependencies.owner}:
                return None
            claimed = replace(document, owner=self._dependencies.owner)
            return replace(current, status=InvocationStatus.RUNNING.value, document=claimed.write(current.document))

        return resources.alter(self._dependencies.store, row.id, claim)

    def _note(self, result: Result) -> None:
        with self._lock:
            self._results[result.id] = result
        self._dependencies.wake(KIND, result.id)

    def _note_lost(self, ids: list[str]) -> None:
        """Releases the invocations of a dead invoker, so that they are repeated."""
        with self._lock:
            for one in ids:
                self._let_go(one)
                self._deaths[one] += 1
        for one in ids:
            self._dependencies.wake(KIND, one)

    def _let_go(self, invocation_id: str) -> _Held | None:
        held = self._held.pop(invocation_id, None)
        if held is not None:
            self._busy[held.instance.id] -= 1
            if self._busy[held.instance.id] <= 0:
                del self._busy[held.instance.id]
        return held

    def _end(self, row: Resource, held: _Held, result: Result) -> None:
        if result.failure is not None:
            self._end_badly(row, result.failure)
            return
        self._reports.measure(row, held.variant, held.since_ms)
        self._reports.completed(row, held.fleet, result.content_type)
        self._forget(row)

    def _end_badly(self, row: Resource, reason: str) -> None:
        endpoint = resources.get(self._dependencies.store, row.parent)
        fleet = next((one for one in fleets.read(endpoint.document) if one.share), None) if endpoint else None
        if failure := AsyncRequest.read(row.document).failure:
            place = read_s3_uri(failure)
            try:
                self._dependencies.objects.write_bytes(place.bucket, place.key, reason.encode(), "text/plain")
            except AwsError as error:
                log.warning("the failure of invocation %s can't be written: %s", row.name, error.message)
        self._reports.failed(row, fleet, reason)
        self._forget(row)

    def _forget(self, row: Resource) -> None:
        self._deaths.pop(row.id, None)
        resources.remove(self._dependencies.store, row, f"async:{row.id}")


def _invocation(row: Resource, variant: Variant, instance: Instance) -> AsyncInvocation:
    document, count = AsyncRequest.read(row.document), len(instance.servers)
    names = ["primary"] if count == 1 else [fleets.container_name(variant, number) for number in range(count)]
    return AsyncInvocation(
        row.id,
        document.endpoint,
        tuple(instance.servers),
        tuple(names),
        document.headers,
        document.timeout_s,
        document.output,
        document.body,
        document.input,
    )
