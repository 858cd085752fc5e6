"""The server process: its lifecycle from locking its data directory to its last response."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import uvicorn

from sagewright.compute.sites import Site, open_site
from sagewright.docsite.application import DocsApplication
from sagewright.engine.jobs.reservations import Reservations
from sagewright.front.addressing import is_for_front
from sagewright.front.link.handshake import MAIN
from sagewright.http.connections import Connections
from sagewright.http.direct import DirectProtocol
from sagewright.http.passing import PassingServer
from sagewright.model import process_memory, titles
from sagewright.model.aws.regions import ANY
from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.model.settings import Settings
from sagewright.sandbox.choose import settled
from sagewright.server import credentials
from sagewright.server.application import Applications, is_beside_gateway, split
from sagewright.server.chores import OnceAside, chores, warm
from sagewright.server.fronting import Fronting
from sagewright.server.fronts import LOCAL_NAME, FoundFront, find
from sagewright.server.images import ImagesApi
from sagewright.server.internal import InternalApi
from sagewright.server.notebooks import NotebookDoor
from sagewright.server.notes import hold_lock, write_note
from sagewright.server.parts import Address, admin_key, build, connection_limits, forwarder, refusal_document
from sagewright.server.peers import Peers
from sagewright.server.relay import FrontRelay
from sagewright.server.sockets import same_or_bound, url_of
from sagewright.server.studio import StudioDoor
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.store import identity
from sagewright.tls.public import check_exposure, public_door
from sagewright.wire.gateway import Edge, Gateway
from sagewright.wire.quick import METHODS, QuickCalls
from sagewright.wire.sealing import Sealer
from sagewright.wire.signatures.authentication import Authenticator

MASTER_KEY = "SAGEWRIGHT_MASTER_KEY"
LOOK_S = 2.0
"""Interval at which a server checks that its data directory exists."""
log = logging.getLogger("sagewright.server")


class Server:
    """One server on one data directory. `run` blocks until SIGTERM or SIGINT."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = Address()
        self._studio: StudioDoor | None = None

    def run(self, ready: Callable[[str], None]) -> None:
        """Serves until signalled to end; `ready(url)` is called once it answers.

        Raises AlreadyRunning, OSError (port in use), NoBackend, BadSetting.
        """
        data = self.settings.data
        check_exposure(self.settings)
        process_memory.hide(MASTER_KEY)
        titles.show(titles.SERVER, data=data)
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        process_memory.hold(self.settings.server_memory, process_memory.start_again)
        with hold_lock(data / "lock"), self._listening(find(data)) as (bound, found):
            self.address.url = url_of(self.settings.plain_host, bound.getsockname()[1])
            if self.settings.backend == "local":  # the nodes of a cluster check themselves
                self.settings = replace(self.settings, sandbox=settled(self.settings.sandbox, data))
            site = open_site(self.settings)
            platform, peers = build(self.settings, self.address, site)
            key = admin_key(platform.store, self.settings.account)
            credentials.write(data / "credentials", key, self.settings.region, self.settings.account)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(platform, Meeting(peers, site, bound, found), ready))
            platform.engine.stop()
            site.close()
            platform.store.close()

    @contextlib.contextmanager
    def _listening(self, found: FoundFront | None) -> Iterator[tuple[socket.socket, FoundFront | None]]:
        """Returns the socket of the server's port; `found` is the front of the previous server. Raises OSError."""
        try:
            bound = same_or_bound(self.settings, found.sockets.pop(MAIN, None) if found else None)
        except OSError:
            if found:
                found.close()
            raise
        with bound:
            yield bound, found

    async def _serve(self, platform: Platform, meeting: Meeting, ready: Callable[[str], None]) -> None:
        connections = Connections(connection_limits(self.settings), refusal_document)
        hosts = NotebookHosts(self.settings.notebook_domain)
        server = MainServer(self._application(platform, connections, meeting), connections, hosts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.ask_to_end)
        endpoint = self.settings.data / "endpoint"
        platform.engine.start()
        fronting = Fronting(self.settings, platform, server, meeting.bound, meeting.found)
        server.leaving = partial(self._leave, fronting)
        await fronting.begin()
        watching = asyncio.create_task(connections.watch())
        dispatching = asyncio.create_task(fronting.run())
        noticing = asyncio.create_task(self._notice_loss(server))
        try:
            async with chores(platform, self.settings, meeting.peers):
                serving = asyncio.create_task(server.serve(sockets=[meeting.bound.dup()]))
                while not server.started and not serving.done():
                    await asyncio.sleep(0.002)
                warming = loop.run_in_executor(None, warm, meeting.site)  # the first response doesn't wait for it
                async with public_door(self.settings, server.passed_protocol, meeting.bound) as public:
                    write_note(endpoint, self.address.url + "\n")
                    ready(public or self.address.url)
                    await serving
                await warming
        finally:
            watching.cancel()
            dispatching.cancel()
            noticing.cancel()
            await fronting.close()
            endpoint.unlink(missing_ok=True)

    async def _notice_loss(self, server: MainServer) -> None:
        """Ends the server when its data directory is gone: it would otherwise go on in deleted files, and lose
        everything at its end."""
        lock = self.settings.data / "lock"
        while lock.exists():
            await asyncio.sleep(LOOK_S)
        log.error(
            "The data directory %s was deleted under the server, which ends. Its jobs are lost.", self.settings.data
        )
        server.ask_to_end()

    async def _leave(self, fronting: Fronting) -> None:
        """Ends connections that would keep the server from ending: streams of Studio, then the connections that move to the
        front."""
        if self._studio is not None:
            self._studio.close()
        await fronting.leave()

    def _application(self, platform: Platform, connections: Connections, meeting: Meeting) -> Any:
        store, limits = platform.store, connections.limits
        authenticator = Authenticator(
            lambda key_id: identity.find_key(store, key_id), self.settings.region, self.settings.regions == ANY
        )
        edge = Edge(limits, Sealer(admin_key(store, self.settings.account).secret), OnceAside(meeting.site.warm))
        gateway = Gateway(platform, registry.load(), authenticator, forwarder(self.settings), edge)
        images = ImagesApi(platform, authenticator.find_key, limits)
        relay = FrontRelay(self.settings.data / LOCAL_NAME, authenticator, limits)
        studio = self._studio = StudioDoor(platform, lambda: self.address.url, meeting.site, limits)
        shares = Reservations(store, meeting.site.machines, meeting.site.name)
        internal = InternalApi(platform, authenticator, limits, meeting.peers, shares)
        notebooks = NotebookDoor(NotebookHosts(self.settings.notebook_domain))
        connections.direct = QuickCalls(gateway, partial(is_beside_gateway, notebooks))
        connections.direct_methods = METHODS
        return split(Applications(gateway, internal, images, relay, studio, notebooks, DocsApplication()))


@dataclass(frozen=True)
class Meeting:
    """The state at a server's start: its peers, the machines, its port, and the front of the previous server."""

    peers: Peers
    site: Site
    bound: socket.socket
    found: FoundFront | None


class MainServer(PassingServer):
    """The HTTP server on the server's own port. Moves connections whose next request belongs to a front. Awaits `leaving` before it
    closes."""

    def __init__(self, application: Any, connections: Connections, hosts: NotebookHosts) -> None:
        moves = lambda _protocol, data: is_for_front(data, hosts)  # noqa: E731
        super().__init__(application, connections, moves, DirectProtocol, DirectProtocol)
        self.leaving: Callable[[], Awaitable[None]] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Prevents uvicorn from raising its signals again after it ends, which would end the process before its components are
        closed."""
        yield

    def ask_to_end(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.leaving is not None:
            await self.leaving()
        await super().shutdown(sockets)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Returns uvloop's event loop if it is installed: it halves the CPU time of responses."""
    return uvicorn.Config("", loop="auto").get_loop_factory() or asyncio.new_event_loop
