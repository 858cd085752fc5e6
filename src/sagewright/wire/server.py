"""The server process: its parts put together, its port, its life."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn

from sagewright.compute.capacity import Reservations
from sagewright.compute.sites import Site, open_site
from sagewright.engine.control import Engine
from sagewright.engine.training import Machinery, TrainingReconciler
from sagewright.engine.warmpools import WarmPools
from sagewright.http.connections import Connections
from sagewright.http.limits import Limits, Pace
from sagewright.http.refusals import Refusal
from sagewright.model.arns import ROLE_NAME, assumed_role_arn
from sagewright.model.settings import Settings
from sagewright.objects.access import ObjectStore, external_access
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.external import ExternalStore
from sagewright.objects.housekeeping import Chore, Housekeeper
from sagewright.sandbox.choose import settled
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import AccessKey, NewKey
from sagewright.store.logsweep import sweep
from sagewright.wire import credentials
from sagewright.wire.authentication import Authenticator
from sagewright.wire.forwarding import Forwarder
from sagewright.wire.gateway import Edge, Gateway
from sagewright.wire.internal import InternalApi, split
from sagewright.wire.models import service_model
from sagewright.wire.protocols.rest_xml import PROLOGUE
from sagewright.wire.protocols.xmltree import escape
from sagewright.wire.registry import RegistryApi, collect
from sagewright.wire.sealing import Sealer
from sagewright.wire.takeover import TakeoverProtocol

BACKLOG = 1024
DRAIN_S = 5
COLLECT_S = 3600
SWEEP_S = 1.0
STRANGERS_RATE = 4096
FILES = 65536
"""Open files that are enough for any number of connections that the settings may allow."""

LAYER_GRACE_S = 24 * 3600.0


class AlreadyRunning(RuntimeError):
    """Another server holds the data directory."""


@dataclass
class Address:
    """Where the server answers; known once its socket is bound."""

    url: str = ""


class Server:
    """One server on one data directory. `run` blocks until SIGTERM or SIGINT."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = Address()

    def run(self, ready: Callable[[str], None]) -> None:
        """Serve until told to end; `ready(url)` is called once it answers.

        Raises AlreadyRunning, OSError (port taken), NoBackend, BadSetting.
        """
        data = self.settings.data
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        with _lock(data / "lock"), _bind_like_before(self.settings) as bound:
            self.address.url = _url(self.settings.host, bound.getsockname()[1])
            if self.settings.backend == "local":  # nodes of a cluster look for themselves
                self.settings = replace(self.settings, sandbox=settled(self.settings.sandbox, data))
            site = open_site(self.settings)
            platform = build(self.settings, self.address, site)
            key = admin_key(platform.store, self.settings.account)
            credentials.write(data / "credentials", key)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(platform, site, bound, ready))
            platform.engine.stop()
            site.close()
            platform.store.close()

    async def _serve(self, platform: Platform, site: Site, bound: socket.socket, ready: Callable[[str], None]) -> None:
        store = platform.store
        authenticator = Authenticator(lambda key_id: identity.find_key(store, key_id))
        limits = connection_limits(self.settings)
        edge = Edge(limits, Sealer(admin_key(store, self.settings.account).secret))
        gateway = Gateway(platform, registry.load(), authenticator, forwarder(self.settings), edge)
        images = RegistryApi(platform, authenticator.find_key, limits)
        connections = Connections(limits, refusal_document)
        config = uvicorn.Config(
            split(gateway, InternalApi(platform, authenticator, limits), images),
            http=cast("type[asyncio.Protocol]", partial(TakeoverProtocol, connections=connections)),
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # wire.asgi reads the one that counts; the middleware takes a quarter of HTTP's time
            backlog=BACKLOG,
            timeout_graceful_shutdown=DRAIN_S,
        )
        server = _QuietSignals(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.ask_to_end)
        endpoint = self.settings.data / "endpoint"
        platform.engine.start()
        warming = loop.run_in_executor(None, _warm, site)
        chores = [asyncio.create_task(_collect(platform)), asyncio.create_task(connections.watch())]
        keeper = platform.objects.housekeeper(self.settings)
        keeper.start()
        sweeping = threading.Event()
        sweeper = Housekeeper(
            [Chore("removing deleted logs", SWEEP_S, partial(sweep, store, sweeping.is_set))], sweeping
        )
        sweeper.start()
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.002)
        _write_atomically(endpoint, self.address.url + "\n")
        ready(self.address.url)
        try:
            await serving
            await warming
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.to_thread(keeper.end)
            await asyncio.to_thread(sweeper.end)
            endpoint.unlink(missing_ok=True)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's event loop where it is installed: the same answers for half of the CPU."""
    return uvicorn.Config("", loop="auto").get_loop_factory() or asyncio.new_event_loop


def _own_id(path: Path) -> str:
    """The name under which this data directory's servers hold leases: one that restarts takes up its jobs at once."""
    if not path.exists():
        _write_atomically(path, uuid.uuid4().hex)
    return path.read_text()


class _QuietSignals(uvicorn.Server):
    """uvicorn raises the signal that ended it again, which would end the process before its parts are closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_end(self) -> None:
        self.should_exit = True


def build(settings: Settings, address: Address, site: Site) -> Platform:
    """The parts of a server, engine not yet started."""
    store = Database(settings.database_url, settings.fsync)
    objects = object_store(settings, store)
    reservations = Reservations(site.machines)
    machinery = Machinery(settings, store, objects, site.backend, reservations, lambda: site.endpoint(address.url))
    pools = WarmPools(settings, store, machinery.reservations)
    training = TrainingReconciler(machinery, owner=_own_id(settings.data / "server-id"))
    engine = Engine([training, pools])  # what runs says first which GPUs it has
    return Platform(settings, store, objects, engine)


def connection_limits(settings: Settings) -> Limits:
    """Also lets this process have as many files open as that takes. No more connections than it may have then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    room = max(64, most // 2 - 64)  # a connection whose body or file is under way has several
    connections = min(settings.max_connections, room)
    return Limits(
        head=settings.max_header_kb * 1024,
        head_s=settings.header_timeout_s,
        idle_s=settings.keep_alive_s,
        connections=connections,
        per_address=min(settings.max_connections_per_address, connections),
        unproven=min(1024, connections),
        pace=Pace(settings.body_idle_s, settings.body_idle_s, settings.body_rate),
        stranger_pace=Pace(settings.header_timeout_s, settings.header_timeout_s, STRANGERS_RATE),
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
    return BucketStore(store, settings.data / "objects", settings.fsync, settings.account, settings.region)


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


async def _collect(platform: Platform) -> None:
    """Clear now and then credentials that have long expired, and layers of images that are no more."""
    while True:
        await asyncio.to_thread(collect, platform, LAYER_GRACE_S)
        await asyncio.to_thread(identity.delete_expired_keys, platform.store)
        await asyncio.sleep(COLLECT_S)


def _warm(site: Site) -> None:
    """Load the large service models, and what starts agents, before the first request needs them."""
    site.warm()
    for service in ("sagemaker", "s3", "logs", "sts"):
        service_model(service)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"Another server runs on {path.parent}.") from None
        os.set_inheritable(file.fileno(), False)
        yield


def _bind_like_before(settings: Settings) -> socket.socket:
    """Port 0 takes the port it had the last time, if that is free: jobs that outlived the server know that one."""
    note = settings.data / "port"
    if settings.port == 0 and note.exists():
        with contextlib.suppress(OSError, ValueError):
            return _bind(settings.host, int(note.read_text()))
    bound = _bind(settings.host, settings.port)
    _write_atomically(note, f"{bound.getsockname()[1]}\n")
    return bound


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so named, asyncio turns Nagle's delay off
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _url(host: str, port: int) -> str:
    """What clients on this machine use: a server that listens everywhere is reached by loopback."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.rename(path)
