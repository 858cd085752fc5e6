"""Builds a server's components from its settings."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sagewright.compute.sites import Site
from sagewright.engine.apps.reconciler import AppReconciler
from sagewright.engine.control import Engine
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.endpoints.async_invocations import AsyncInvocationReconciler
from sagewright.engine.endpoints.components import ComponentReconciler
from sagewright.engine.endpoints.reconciler import EndpointReconciler
from sagewright.engine.endpoints.shadow_tests import ShadowTestReconciler
from sagewright.engine.endpoints.temporary_endpoints import TemporaryEndpointReconciler
from sagewright.engine.endpoints.tracking_servers import TrackingServerReconciler
from sagewright.engine.events.delivery import DeliveryReconciler
from sagewright.engine.events.deployments import DeploymentReconciler
from sagewright.engine.events.message_moves import MessageMoveReconciler
from sagewright.engine.events.router import EventRouter
from sagewright.engine.events.scheduler import Scheduler
from sagewright.engine.function_invocations import FunctionInvocationReconciler
from sagewright.engine.jobs.compute import JobCompute
from sagewright.engine.jobs.environment_builds import EnvironmentBuilds
from sagewright.engine.jobs.leases import Leases
from sagewright.engine.jobs.queue import QUEUE, JobQueue
from sagewright.engine.jobs.reconciler import JobReconciler
from sagewright.engine.jobs.reservations import Reservations
from sagewright.engine.jobs.teardown import Teardown
from sagewright.engine.jobs.warmpools import WarmPools
from sagewright.engine.model_monitors.executions import ExecutionReconciler
from sagewright.engine.model_monitors.schedules import ScheduleReconciler
from sagewright.engine.monitoring.alarms import AlarmReconciler, alarmed
from sagewright.engine.monitoring.autoscaling import AutoscalingReconciler
from sagewright.engine.pipelines.reconciler import PipelineReconciler
from sagewright.engine.tuning.reconciler import TuningReconciler
from sagewright.http.limits import BodyPace, ConnectionLimits
from sagewright.http.refusals import Refusal
from sagewright.invoker.messages import InvokerObjects
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.disk_room import ClientRoom
from sagewright.model.settings import Settings
from sagewright.objects.access import Access, ObjectStore, external_access
from sagewright.objects.bucketstore import BucketStore
from sagewright.server.notes import server_id
from sagewright.server.peers import Peers
from sagewright.services import registry
from sagewright.services.access.modes import is_enforced
from sagewright.services.access.questions import may
from sagewright.services.audit.trail import AuditTrail
from sagewright.services.aws.s3.beside import located
from sagewright.services.context import Platform
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.earlier_secrets import seal_earlier_secrets
from sagewright.store.identity import NewKey
from sagewright.store.sealing.master_keys import master_key_source
from sagewright.tuning.client import SearcherClient
from sagewright.wire.calls import Calls
from sagewright.wire.protocols.rest_xml import PROLOGUE
from sagewright.wire.protocols.xmltree import escape

if TYPE_CHECKING:
    from sagewright.wire.forwarding import Forwarder

STRANGERS_RATE = 4096
SENDERS = 8
"""Threads that deliver to targets of rules: a slow target can occupy one for several seconds."""
TUNERS = 4
"""Threads that reconcile tuning jobs, each of which can wait for its searcher; pipelines have the same number."""
MONITORS = 2
"""Threads that start monitoring executions: each looks for an hour's objects many times, in another S3 perhaps."""
APPS = 4
"""Threads that reconcile apps and notebook instances, whose programs may take seconds to answer."""
FILES = 65536
"""Open files that suffice for the maximum number of connections in the settings."""


@dataclass
class Address:
    """The server's URL, known once its socket is bound."""

    url: str = ""


def build(settings: Settings, address: Address, site: Site) -> tuple[Platform, Peers]:
    """Returns the server's platform, with the engine not yet started, and the peers that share its store."""
    store = Database(settings.database_url, settings.fsync, master_key_source(settings))
    seal_earlier_secrets(store)
    own_id, engine = server_id(settings.data / "server-id"), Engine()
    platform = Platform(settings, store, object_store(settings, store), engine, AuditTrail(settings, store))
    peers = Peers(store, own_id, lambda: site.endpoint(address.url))
    dependencies = Dependencies(
        settings, store, platform.objects, Calls(platform, registry.load(), lambda: address.url), own_id,
        engine.wake, engine.wake_after, lambda: site.endpoint(address.url), peers.alive, partial(may, platform),
        partial(located, platform),
    )  # fmt: skip
    compute = JobCompute(site.backend, Reservations(store, site.machines, site.name), _builds(settings, site, engine))
    add_job_reconcilers(engine, dependencies, compute, peers.counts_as_alive)
    add_event_reconcilers(engine, dependencies, partial(_invoker_objects, dependencies, address))
    return platform, peers


def _builds(settings: Settings, site: Site, engine: Engine) -> EnvironmentBuilds | None:
    if site.environments is None:
        return None
    return EnvironmentBuilds(site.environments, settings.framework_versions, lambda: engine.wake(QUEUE, ""))


def _invoker_objects(dependencies: Dependencies, address: Address) -> InvokerObjects:
    """Returns S3 as the invoker reaches it."""
    settings = dependencies.settings
    key = admin_key(dependencies.store, settings.account)
    found = dependencies.objects.access(Access(address.url, settings.region, key.id, key.secret))
    return InvokerObjects(found.endpoint, found.region, found.access_key, found.secret_key, found.session_token)


def add_job_reconcilers(
    engine: Engine, dependencies: Dependencies, compute: JobCompute, alive: Callable[[], bool] = lambda: True
) -> None:
    """Adds the reconcilers of jobs and of resources that run as jobs. `alive`: see Leases."""
    leases, pools = Leases(dependencies, alive), WarmPools(dependencies, compute.reservations)
    endings = Teardown(dependencies, compute, leases, pools)
    queueing = JobQueue(dependencies, compute, leases, pools, endings)
    # running jobs first report the GPUs that they use
    engine.add(JobReconciler(dependencies, compute, leases, pools, endings, queueing))
    engine.add(pools)
    engine.add(queueing)
    engine.add(EndpointReconciler(dependencies, partial(alarmed, dependencies.store)))
    engine.add(ComponentReconciler(dependencies, partial(alarmed, dependencies.store)))
    engine.add(TrackingServerReconciler(dependencies))
    engine.add(AppReconciler(dependencies), own_threads=APPS)


def add_event_reconcilers(
    engine: Engine, dependencies: Dependencies, invoker_objects: Callable[[], InvokerObjects]
) -> None:
    """Adds the reactions to events and requests: rules, their deliveries, invocations, alarms, pipelines and tuning jobs."""
    engine.add(EventRouter(dependencies))
    engine.add(Scheduler(dependencies))
    engine.add(DeliveryReconciler(dependencies), own_threads=SENDERS)
    engine.add(DeploymentReconciler(dependencies))
    engine.add(ShadowTestReconciler(dependencies))
    engine.add(ScheduleReconciler(dependencies))
    engine.add(ExecutionReconciler(dependencies), own_threads=MONITORS)
    engine.add(TemporaryEndpointReconciler(dependencies))
    engine.add(MessageMoveReconciler(dependencies))
    engine.add(FunctionInvocationReconciler(dependencies))
    engine.add(AsyncInvocationReconciler(dependencies, invoker_objects))
    autoscaling = AutoscalingReconciler(dependencies)
    engine.add(autoscaling)
    engine.add(AlarmReconciler(dependencies, autoscaling.scale))
    engine.add(PipelineReconciler(dependencies), own_threads=TUNERS)
    engine.add(TuningReconciler(dependencies, SearcherClient()), own_threads=TUNERS)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Returns the limits, and raises this process's limit of open files accordingly. Connections are limited to the files
    available."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    room = max(64, most // 2 - 64)  # a connection that transfers a body or a file uses several
    connections = min(settings.max_connections, room)
    return ConnectionLimits(
        head=settings.max_header_kb * 1024,
        head_s=settings.header_timeout_s,
        idle_s=settings.keep_alive_s,
        connections=connections,
        per_address=min(settings.max_connections_per_address, connections),
        unproven=min(1024, connections),
        pace=BodyPace(settings.body_idle_s, settings.body_idle_s, settings.body_rate),
        stranger_pace=BodyPace(settings.header_timeout_s, settings.header_timeout_s, STRANGERS_RATE),
    )


def refusal_document(refusal: Refusal) -> tuple[str, bytes]:
    """Returns a document in S3's form, since the intended service is unknown."""
    inner = f"<Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
    return "application/xml", f"{PROLOGUE}<Error>{inner}</Error>".encode()


def object_store(settings: Settings, store: Database) -> ObjectStore:
    """Returns the embedded store, or the S3 in the settings. Raises BadSetting."""
    access = external_access(settings)
    if access is not None:
        from sagewright.objects.external import ExternalStore  # imports botocore's client

        return ExternalStore(access, lambda: is_enforced(store, settings))
    room = ClientRoom(settings.data, settings.disk_floors_mb)
    root = settings.data / "objects"
    root.mkdir(mode=0o700, exist_ok=True)
    return BucketStore(store, root, settings.fsync, settings.account, settings.region, room)


def forwarder(settings: Settings) -> Forwarder | None:
    """Returns the forwarder that answers S3's requests in place of the embedded store, if configured. Raises BadSetting."""
    access = external_access(settings)
    if access is None:
        return None
    from sagewright.wire.forwarding import Forwarder

    return Forwarder(access, settings.account)


def admin_key(store: Database, account: str) -> AccessKey:
    """Returns the admin's access key, created at the first start. It appears as a session of the execution role: SDKs refuse a
    user."""
    arn = assumed_role_arn(account, ROLE_NAME, "admin")
    user = f"{identity.role_id(store, account, ROLE_NAME)}:admin"
    existing = identity.find_long_lived_key(store, arn)
    return identity.rename_key(store, existing, user) if existing else identity.create_key(store, NewKey(arn, user))
