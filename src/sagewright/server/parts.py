"""A server's parts, made from its settings."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sagewright.compute.sites import Site
from sagewright.engine.control import Engine
from sagewright.engine.endpoints.async_invocations import AsyncInvocationDependencies as AsynchronousDependencies
from sagewright.engine.endpoints.async_invocations import AsyncInvocationReconciler
from sagewright.engine.endpoints.components import ComponentReconciler
from sagewright.engine.endpoints.reconciler import EndpointReconciler
from sagewright.engine.endpoints.shadow_tests import ShadowTestReconciler
from sagewright.engine.endpoints.tracking_servers import TrackingServerReconciler
from sagewright.engine.events.api_destinations import Hooks
from sagewright.engine.events.delivery import DeliveryReconciler
from sagewright.engine.events.deployments import DeploymentReconciler
from sagewright.engine.events.message_moves import MessageMoveReconciler
from sagewright.engine.events.router import EventRouter
from sagewright.engine.events.scheduler import Scheduler
from sagewright.engine.function_invocations import FunctionInvocationReconciler
from sagewright.engine.jobs.dependencies import JobDependencies
from sagewright.engine.jobs.environment_builds import EnvironmentBuilds
from sagewright.engine.jobs.launch_plan import LaunchContext
from sagewright.engine.jobs.leases import Leases
from sagewright.engine.jobs.queue import QUEUE, JobQueue
from sagewright.engine.jobs.reconciler import JobReconciler
from sagewright.engine.jobs.reservations import Reservations
from sagewright.engine.jobs.teardown import Teardown
from sagewright.engine.jobs.warmpools import WarmPools
from sagewright.engine.monitoring.alarms import AlarmReconciler, alarmed
from sagewright.engine.monitoring.autoscaling import AutoscalingReconciler
from sagewright.engine.pipelines.execution_pass import PipelineDependencies as PipelineMeans
from sagewright.engine.pipelines.reconciler import PipelineReconciler
from sagewright.engine.tuning.reconciler import TuningReconciler
from sagewright.engine.tuning.tuning_pass import TuningDependencies
from sagewright.http.limits import BodyPace, ConnectionLimits
from sagewright.http.refusals import Refusal
from sagewright.invoker.messages import InvokerObjects
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.aws.regions import ANY
from sagewright.model.disk_room import ClientRoom
from sagewright.model.settings import Settings
from sagewright.objects.access import Access, ObjectStore, external_access
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.external import ExternalStore
from sagewright.server.notes import server_id
from sagewright.server.peers import Peers
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey
from sagewright.tuning.client import SearcherClient
from sagewright.wire.calls import Calls
from sagewright.wire.forwarding import Forwarder
from sagewright.wire.protocols.rest_xml import PROLOGUE
from sagewright.wire.protocols.xmltree import escape

STRANGERS_RATE = 4096
SENDERS = 8
"""Threads that send targets of rules what they get: a slow one has one of them for some seconds."""
TUNERS = 4
"""Threads in which tuning jobs are brought forward, of which one may wait for its searcher, and so many for pipelines."""
FILES = 65536
"""Open files that are enough for any number of connections that the settings may allow."""


@dataclass
class Address:
    """Where the server answers; known once its socket is bound."""

    url: str = ""


def build(settings: Settings, address: Address, site: Site) -> tuple[Platform, Peers]:
    """The parts of a server, engine not yet started, and what it knows of the others that share its store."""
    store = Database(settings.database_url, settings.fsync)
    objects = object_store(settings, store)
    reservations = Reservations(store, site.machines, site.name)
    own_id = server_id(settings.data / "server-id")
    peers = Peers(store, own_id, lambda: site.endpoint(address.url))
    launch_context = LaunchContext(settings, store, objects, lambda: site.endpoint(address.url), peers.alive)
    engine = Engine()
    dependencies = JobDependencies(
        launch_context, site.backend, reservations, engine.wake, engine.wake_after, _builds(settings, site, engine)
    )
    add_reconcilers(engine, dependencies, own_id, peers.counts_as_alive)
    platform = Platform(settings, store, objects, engine)
    add_rules(platform, own_id, address)
    return platform, peers


def _builds(settings: Settings, site: Site, engine: Engine) -> EnvironmentBuilds | None:
    if site.environments is None:
        return None
    return EnvironmentBuilds(site.environments, settings.framework_versions, lambda: engine.wake(QUEUE, ""))


def add_rules(platform: Platform, owner: str, address: Address) -> None:
    """What follows from what happens: rules, what they send, and what they deploy."""
    store, engine, settings = platform.store, platform.engine, platform.settings
    call = Calls(platform, registry.load(), lambda: address.url)
    engine.add(
        EventRouter(store, call, (settings.account, settings.region), engine.wake, anywhere=settings.regions == ANY)
    )
    engine.add(Scheduler(store, engine.wake))
    engine.add(
        DeliveryReconciler(store, call, owner, engine.wake, Hooks(store, settings.hook_networks)), own_threads=SENDERS
    )
    engine.add(DeploymentReconciler(store, call, owner))
    engine.add(ShadowTestReconciler(store, call))
    engine.add(MessageMoveReconciler(store, engine.wake_after))
    engine.add(FunctionInvocationReconciler(store))
    engine.add(AsyncInvocationReconciler(_asynchronous(platform, call, owner, address)))
    autoscaling = AutoscalingReconciler(store, call)
    engine.add(autoscaling)
    engine.add(AlarmReconciler(store, call, autoscaling.scale))
    engine.add(PipelineReconciler(PipelineMeans(store, platform.objects, call, engine.wake_after)), own_threads=TUNERS)
    engine.add(
        TuningReconciler(TuningDependencies(store, call, SearcherClient(), engine.wake_after)), own_threads=TUNERS
    )


def _asynchronous(platform: Platform, call: Calls, owner: str, address: Address) -> AsynchronousDependencies:
    settings = platform.settings

    def objects() -> InvokerObjects:
        key = admin_key(platform.store, settings.account)
        own = Access(address.url, settings.region, key.id, key.secret)
        found = platform.objects.access(own)
        return InvokerObjects(found.endpoint, found.region, found.access_key, found.secret_key, found.session_token)

    return AsynchronousDependencies(
        platform.store, platform.objects, call, owner, platform.engine.wake, objects, settings.data / "async",
        settings.disk_stop_mb,
    )  # fmt: skip


def add_reconcilers(
    engine: Engine, dependencies: JobDependencies, owner: str, alive: Callable[[], bool] = lambda: True
) -> None:
    """`owner`: the server's name, under which it holds leases; `alive`: see Leases."""
    leases = Leases(dependencies.store, owner, alive)
    pools = WarmPools(dependencies.settings, dependencies.store, dependencies.reservations)
    endings = Teardown(dependencies, leases, pools)
    queueing = JobQueue(dependencies, leases, pools, endings)
    for reconciler in (
        JobReconciler(dependencies, leases, pools, endings, queueing),  # what runs says first which GPUs it has
        pools,
        queueing,
        EndpointReconciler(dependencies, partial(alarmed, dependencies.store)),
        ComponentReconciler(dependencies, partial(alarmed, dependencies.store)),
        TrackingServerReconciler(dependencies),
    ):
        engine.add(reconciler)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Also lets this process have as many files open as that takes. No more connections than it may have then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    room = max(64, most // 2 - 64)  # a connection whose body or file is under way has several
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
    """In S3's form: what it was to be can't be known."""
    inner = f"<Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
    return "application/xml", f"{PROLOGUE}<Error>{inner}</Error>".encode()


def object_store(settings: Settings, store: Database) -> ObjectStore:
    """The embedded store, or the S3 that the settings name. Raises BadSetting."""
    access = external_access(settings)
    if access is not None:
        return ExternalStore(access)
    room = ClientRoom(settings.data, settings.disk_floors_mb)
    root = settings.data / "objects"
    root.mkdir(mode=0o700, exist_ok=True)
    return BucketStore(store, root, settings.fsync, settings.account, settings.region, room)


def forwarder(settings: Settings) -> Forwarder | None:
    """Who answers S3's requests in place of the embedded store's operations, if anybody. Raises BadSetting."""
    access = external_access(settings)
    return None if access is None else Forwarder(access, settings.account)


def admin_key(store: Database, account: str) -> AccessKey:
    """The admin's access key, made at the first start. It is told as a session of the execution role: SDKs refuse a user."""
    arn = assumed_role_arn(account, ROLE_NAME, "admin")
    user = f"{identity.role_id(store, account, ROLE_NAME)}:admin"
    existing = identity.find_long_lived_key(store, arn)
    return identity.rename_key(store, existing, user) if existing else identity.create_key(store, NewKey(arn, user))
