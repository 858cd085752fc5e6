"""Studio's door: builds the application at the first request, and gives it operations, sessions and the event log."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sagewright.compute.sites import Site
from sagewright.engine.calls import OperationRequest
from sagewright.engine.pipelines.cache_misses import cache_miss
from sagewright.http.limits import ConnectionLimits
from sagewright.model.aws.service_models import operation_model
from sagewright.model.errors import AwsError
from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.model.settings import Settings, load_settings
from sagewright.server.notebook_usage import NotebookUsages
from sagewright.server.studio_http import SERVICES, HttpCalls
from sagewright.server.wrangling import WranglerSessions
from sagewright.services import registry
from sagewright.services.aws.cloudtrail.lookups import count_events
from sagewright.services.aws.cloudwatch.alarms import count_alarms
from sagewright.services.aws.cloudwatch.metrics import count_metrics
from sagewright.services.aws.events.deployments import deployment_states
from sagewright.services.aws.events.rules import count_rules
from sagewright.services.aws.functions.functions import count_functions
from sagewright.services.aws.logs.groups import count_groups
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.reasons.reasons import reasons
from sagewright.services.sagemaker.registry.approvals import approval_history
from sagewright.services.sagemaker.search.search import count_matches
from sagewright.services.session_keys import StoredKeys
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor
from sagewright.store.jobs import reservations
from sagewright.store.logs import metrics, outlines
from sagewright.store.logs.metrics import MetricSeries
from sagewright.store.logs.outlines import Outlines
from sagewright.wire.calls import Calls

if TYPE_CHECKING:
    from sagewright.server.sign_on.oidc import OidcSignOn
    from sagewright.studio.application import Studio
    from sagewright.studio.operations import Caller, Holder, MachineLoad, MetricOfJob, MetricPoints, NotebookUsage

PREFIX = "/studio"
MOST_CHANGES = 1000
READERS = 2
"""Threads that read curves: the store works without Python's lock."""
MOST_NAMES = 10_000
"""Names of a namespace among which the metrics of one job are looked for."""
GIB = 1 << 30
AGENT = "Sagewright Studio"
"""Studio's name in the audit trail."""
_SIGNED = (b"x-amz-signature=", b"x-amz-credential=", b"awsaccesskeyid=")
MOST_COUNTED = 100_000
"""Rows up to which they are counted, in about 100 ms."""
MOST_METRICS = 20_000
"""Metrics up to which they are counted: each is one look-up in an index of their values."""
COUNTERS: dict[str, Callable[[Context, dict[str, Any]], int]] = {
    "LookupEvents": lambda context, request: count_events(context, request, MOST_COUNTED + 1),
    "DescribeAlarms": count_alarms,
    "ListMetrics": lambda context, request: count_metrics(context, request, MOST_METRICS + 1),
    "ListRules": count_rules,
    "ListFunctions": lambda context, _request: count_functions(context),
    "DescribeLogGroups": count_groups,
}
BOUNDS = {"LookupEvents": MOST_COUNTED, "ListMetrics": MOST_METRICS}


def count_rows(context: Context, operation: str, request: dict[str, Any]) -> int | None:
    """Returns the number of rows that a List operation returns on all its pages; None if it is not quickly known."""
    counter = COUNTERS.get(operation)
    if counter is None:
        return None
    try:
        found = counter(context, request)
    except AwsError:
        return None
    return found if found <= BOUNDS.get(operation, found) else None


def is_for_studio(scope: Any) -> bool:
    """Returns True for a browser's request, False for one to a bucket named `studio`: those are signed, or have a method that
    no page has."""
    path = scope["path"]
    if path == "/":
        return _is_page_of_a_browser(scope)
    if path != PREFIX and not path.startswith(f"{PREFIX}/") and path not in (f"{PREFIX}.json",):
        return False
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return False
    query = scope["query_string"].lower()
    return not any(one in query for one in _SIGNED) and all(name != b"authorization" for name, _ in scope["headers"])


def _is_page_of_a_browser(scope: Any) -> bool:
    """Distinguishes a browser at the server's root from ListBuckets: it accepts HTML, and signs nothing."""
    headers = dict(scope["headers"])
    return (
        scope["method"] == "GET"
        and b"text/html" in headers.get(b"accept", b"")
        and b"authorization" not in headers
        and not scope["query_string"]
    )


class StudioDoor:
    """The ASGI application under `/studio`. Templates and pages are loaded by the first request, not by the server's start."""

    def __init__(self, platform: Platform, url: Callable[[], str], site: Site, limits: ConnectionLimits) -> None:
        self._platform, self._url, self._site, self._limits = platform, url, site, limits
        self._call = Calls(platform, registry.load(), url)
        self._studio: Studio | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._building:
            if self._studio is None:
                self._studio = await asyncio.to_thread(self._built)  # imports for a third of a second
        await self._studio(scope, receive, send)

    def close(self) -> None:
        if self._studio is not None:
            self._studio.close()

    def _built(self) -> Studio:
        from sagewright.studio.application import Studio, StudioSettings, StudioSource

        settings = self._platform.settings
        store = self._platform.store
        hosts = {settings.host, socket.gethostname(), *settings.studio_hosts.split(",")}
        own = StudioSettings(
            settings.account,
            settings.region,
            frozenset(name.strip().lower() for name in hosts if name.strip()),
            open_to(settings),
            "" if settings.data == load_settings({}, {}).data else f" --data {shlex.quote(str(settings.data))}",
            NotebookHosts(settings.notebook_domain),
        )
        over_http = HttpCalls(store, self._platform.objects, self._url, settings.region)
        readings = StoredReadings(self._platform, self._site)
        operations = InProcess(self._call, over_http, WranglerSessions(self._call, store, settings))
        return Studio(
            own,
            StudioSource(operations, readings, StoredKeys(store), StoredChanges(store), self._sign_on()),
            self._limits,
        )

    def _sign_on(self) -> OidcSignOn | None:
        """Returns the provider that signs people in, if the settings name one."""
        from sagewright.server.sign_on.oidc import OidcSignOn

        settings = self._platform.settings
        return OidcSignOn(settings, self._platform, self._call) if settings.oidc_issuer else None


def open_to(settings: Settings) -> str:
    """Returns the principal of visitors that have not signed in: "" unless the server is for one user and bound to loopback."""
    from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn

    if settings.studio_sign_in == "none" and settings.host in ("127.0.0.1", "localhost", "::1"):
        return assumed_role_arn(settings.account, ROLE_NAME, "studio")
    return ""


def with_tokens(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Adds the idempotency tokens that boto3 would make."""
    model = operation_model(service, operation)
    names = model.idempotent_members if model is not None else ()
    return {**{name: str(uuid.uuid4()) for name in names}, **request}


class InProcess:
    """Operations without HTTP, with the checks of a client's request."""

    def __init__(self, call: Calls, over_http: HttpCalls, sessions: WranglerSessions) -> None:
        self._call, self._over_http, self._sessions = call, over_http, sessions

    def call(self, principal: str, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if service in SERVICES:
            return self._over_http(principal, service, operation, request)
        filled = with_tokens(service, operation, request)
        return self._call(OperationRequest(principal, service, operation, filled, agent=AGENT))

    def refusal(self, principal: str, service: str, operation: str, request: dict[str, Any]) -> str:
        action = self._call.foresee(OperationRequest(principal, service, operation, request))
        return f"{principal.rpartition('/')[2]} may not do {action}" if action else ""

    def object_url(self, principal: str, base: str, bucket: str, key: str, shown: bool = False) -> str:
        return self._over_http.object_url(principal, base, bucket, key, shown)

    def sign_in_url(self, caller: Caller, base: str, operation: str, request: dict[str, Any]) -> str:
        question = OperationRequest(
            caller.principal, "sagemaker", operation, request, base_url=base, access_key=caller.key
        )
        return str(self._call(question)["AuthorizedUrl"])

    def upload_form(self, principal: str, base: str, bucket: str, prefix: str, back: str) -> tuple[str, dict[str, str]]:
        return self._over_http.upload_form(principal, base, bucket, prefix, back)

    def wrangle(self, principal: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._sessions.ask(principal, path, request)


class StoredReadings:
    """Values that no operation returns: raw points of metrics, and the load of the machines."""

    def __init__(self, platform: Platform, site: Site) -> None:
        self._platform, self._site = platform, site
        self._outlines = Outlines(platform.store)
        self._notebooks = NotebookUsages(platform)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="studio-curves")

    def points(self, namespace: str, dimensions: dict[str, str], metric: str, most: int) -> MetricPoints:
        from sagewright.studio.operations import MetricPoints

        found = self._outlines.read(self._series(namespace, metric, dimensions), most)
        return MetricPoints(found.times, found.values, found.positions, found.count)

    def several(self, asked: Sequence[MetricOfJob], most: int) -> list[MetricPoints]:
        def points(one: MetricOfJob) -> MetricPoints:
            return self.points(one.namespace, {one.dimension: one.job}, one.name, most)

        return list(self._readers.map(points, asked))

    def metrics(self, namespace: str, dimensions: dict[str, str]) -> list[str]:
        return outlines.names(self._platform.store, self._series(namespace, "", dimensions), MOST_NAMES)

    def _series(self, namespace: str, metric: str, dimensions: dict[str, str]) -> MetricSeries:
        settings = self._platform.settings
        return MetricSeries(settings.account, settings.region, namespace, metric, metrics.dimension_text(dimensions))

    def _context(self) -> Context:
        settings = self._platform.settings
        return Context("", settings.account, settings.region, ANONYMOUS, self._platform)

    def matches(self, resource: str, expression: dict[str, Any]) -> int | None:
        return count_matches(self._context(), resource, expression)

    def rows(self, operation: str, request: dict[str, Any]) -> int | None:
        return count_rows(self._context(), operation, request)

    def deployments(self, rule: str) -> list[str]:
        found = deployment_states(self._context(), rule)
        return [
            " ".join(str(one[part]) for part in ("status", "message") if one.get(part)) or "waits for an approval"
            for one in found
        ]

    def cache_miss(self, execution: str, step: str) -> tuple[str, str, tuple[str, ...]]:
        settings = self._platform.settings
        found = cache_miss(self._platform.store, (settings.account, settings.region), execution, step)
        return ("", "", ()) if found is None else (found.reason, found.before, found.paths)

    def why(self, kind: str, name: str) -> str:
        try:
            return reasons(self._context(), kind, name)[0]["reason"]
        except AwsError:  # it was deleted meanwhile
            return ""

    def approvals(self, group: str, number: int) -> list[tuple[int, str, str, str]]:
        found = approval_history(self._context(), group, str(number))
        return [(one["at_ms"], one["by"], one["ModelApprovalStatus"], one["ApprovalDescription"]) for one in found]

    def notebooks(self) -> dict[tuple[str, str, str], NotebookUsage]:
        return self._notebooks.read()

    def holders(self) -> list[Holder]:
        from sagewright.services.sagemaker.jobs.overview import job_holders
        from sagewright.studio.operations import Holder

        found = job_holders(self._platform.store, self._platform.settings.account)
        return [
            Holder(
                one["owner"],
                one["role"],
                one["cpus"],
                int(one["memory_gb"] * GIB),
                one["gpus"],
                one["running"],
                one["waiting"],
                tuple((each["name"], each["used"], each["limit"]) for each in one["limits"] if each["unit"] != "None"),
            )
            for one in found
        ]

    def machine(self) -> MachineLoad:
        from sagewright.studio.operations import MachineLoad

        held = reservations.on(self._platform.store, self._site.name)
        whole = self._site.machines.together()
        disk = shutil.disk_usage(self._platform.settings.data)
        return MachineLoad(
            self._site.name,
            whole.cpus,
            sum(one.cpus for one in held),
            whole.gpus,
            sum(one.gpus for one in held),
            int(whole.memory_gb * GIB),
            int(sum(one.memory_gb for one in held) * GIB),
            disk.total,
            disk.used,
            str(self._platform.settings.data),
        )


class StoredChanges:
    """The event log as a stream of changed kinds."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def position(self) -> tuple[int, int]:
        cursor = events.last(self._store)
        return cursor.writer, cursor.seq

    def since(self, position: tuple[int, int]) -> tuple[frozenset[str], tuple[int, int]]:
        found = events.after(self._store, EventCursor(*position), MOST_CHANGES)
        if not found:
            return frozenset(), position
        last = found[-1].cursor
        return frozenset(one.subject.kind for one in found), (last.writer, last.seq)
