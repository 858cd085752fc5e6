"""The server process: its life from the lock of its data directory to the end of its last answer."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast

import uvicorn

from sagewright.compute.sites import Site, open_site
from sagewright.http.connections import Connections
from sagewright.http.takeover import TakeoverProtocol
from sagewright.model import titles
from sagewright.model.settings import Settings
from sagewright.sandbox.choose import settled
from sagewright.server import credentials
from sagewright.server.application import split
from sagewright.server.chores import chores, warm
from sagewright.server.fronting import LOCAL, Fronting
from sagewright.server.images import ImagesApi
from sagewright.server.internal import InternalApi
from sagewright.server.notes import hold_lock, write_note
from sagewright.server.parts import Address, admin_key, build, connection_limits, forwarder, refusal_document
from sagewright.server.peers import Peers
from sagewright.server.relay import Relay
from sagewright.server.sockets import bind_like_before, url_of
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.store import identity
from sagewright.wire.authentication import Authenticator
from sagewright.wire.gateway import Edge, Gateway
from sagewright.wire.sealing import Sealer

BACKLOG = 1024
DRAIN_S = 5


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
        titles.show(titles.SERVER, data=data)
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        with hold_lock(data / "lock"), bind_like_before(self.settings) as bound:
            self.address.url = url_of(self.settings.host, bound.getsockname()[1])
            if self.settings.backend == "local":  # nodes of a cluster look for themselves
                self.settings = replace(self.settings, sandbox=settled(self.settings.sandbox, data))
            site = open_site(self.settings)
            platform, peers = build(self.settings, self.address, site)
            key = admin_key(platform.store, self.settings.account)
            credentials.write(data / "credentials", key, self.settings.region, self.settings.account)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(platform, peers, site, bound, ready))
            platform.engine.stop()
            site.close()
            platform.store.close()

    async def _serve(
        self, platform: Platform, peers: Peers, site: Site, bound: socket.socket, ready: Callable[[str], None]
    ) -> None:
        connections = Connections(connection_limits(self.settings), refusal_document)
        server = _QuietSignals(_configuration(self._application(platform, connections, peers), connections))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.ask_to_end)
        endpoint = self.settings.data / "endpoint"
        platform.engine.start()
        fronting = Fronting(self.settings, platform, connections.limits, self.address.url)
        warming = loop.run_in_executor(None, warm, site)
        watching = asyncio.create_task(connections.watch())
        dispatching = asyncio.create_task(fronting.run())
        try:
            async with chores(platform, self.settings, peers):
                serving = asyncio.create_task(server.serve(sockets=[bound]))
                while not server.started and not serving.done():
                    await asyncio.sleep(0.002)
                write_note(endpoint, self.address.url + "\n")
                ready(self.address.url)
                await serving
                await warming
        finally:
            watching.cancel()
            dispatching.cancel()
            await fronting.close()
            endpoint.unlink(missing_ok=True)

    def _application(self, platform: Platform, connections: Connections, peers: Peers) -> Any:
        store, limits = platform.store, connections.limits
        authenticator = Authenticator(lambda key_id: identity.find_key(store, key_id), self.settings.region)
        edge = Edge(limits, Sealer(admin_key(store, self.settings.account).secret))
        gateway = Gateway(platform, registry.load(), authenticator, forwarder(self.settings), edge)
        images = ImagesApi(platform, authenticator.find_key, limits)
        relay = Relay(self.settings.data / LOCAL, authenticator, limits)
        return split(gateway, InternalApi(platform, authenticator, limits, peers), images, relay)


class _QuietSignals(uvicorn.Server):
    """uvicorn raises the signal that ended it again, which would end the process before its parts are closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_end(self) -> None:
        self.should_exit = True


def _configuration(application: Any, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", partial(TakeoverProtocol, connections=connections)),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # http.asgi reads the one that counts; the middleware takes a quarter of HTTP's time
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_S,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's event loop where it is installed: the same answers for half of the CPU."""
    return uvicorn.Config("", loop="auto").get_loop_factory() or asyncio.new_event_loop
