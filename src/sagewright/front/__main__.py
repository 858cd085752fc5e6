"""`python -m sagewright.front`: the process. The sockets that it listens on, and the line to the server, are inherited.

One JSON argument: region, `server` (its host and port), `listen` (descriptors of sockets), `link` (a descriptor), `connections`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import uvicorn

from sagewright.front.admission import Admission
from sagewright.front.application import Invocations
from sagewright.front.capturing import Capturing
from sagewright.front.counting import Counting
from sagewright.front.dispatch import Dispatch
from sagewright.front.keys import Keys
from sagewright.front.link import Link
from sagewright.front.routes import Routes
from sagewright.front.tracking import Tracking, is_for_trackers
from sagewright.front.upstream import Upstream
from sagewright.http.connections import Connections
from sagewright.http.limits import Limits
from sagewright.http.takeover import TakeoverProtocol
from sagewright.model import titles

TELL_S = 0.5
"""How often the server is told what was counted."""
DRAIN_S = 5
REFRESH_S = 2.0
CONNECT_S = 2.0
log = logging.getLogger("sagewright.front")


class Front:
    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._counting, self._capturing = Counting(), Capturing()
        self._dispatch = Dispatch(self._counting, self._refresh)
        self._refreshes: dict[int, asyncio.Future[None]] = {}
        self._numbers = itertools.count()
        self._keys = Keys(lambda key_id: self._link.send({"key": key_id}))
        self._link: Link
        self._tracking: Tracking

    async def run(self) -> None:
        limits = Limits(connections=self._told["connections"], per_address=self._told["connections"])
        connections = Connections(limits)
        host, port = self._told["server"]
        server = Upstream(lambda: socket.create_connection((host, port), timeout=CONNECT_S))
        admission = Admission(self._keys, self._told["region"])
        invocations = Invocations(self._dispatch, admission, self._capturing, limits, server)
        tracking = self._tracking = Tracking(admission, limits, self._refresh)

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await (tracking if is_for_trackers(scope) else invocations)(scope, receive, send)

        configuration = uvicorn.Config(
            application, http=cast("type[asyncio.Protocol]", partial(TakeoverProtocol, connections=connections)), ws="none",
            lifespan="off", log_level="warning", access_log=False, server_header=False, proxy_headers=False, backlog=1024,
            timeout_graceful_shutdown=DRAIN_S,
        )  # fmt: skip
        serving = _QuietSignals(configuration)
        sockets = [socket.socket(fileno=descriptor) for descriptor in self._told["listen"]]
        self._link = await Link.open(socket.socket(fileno=self._told["link"]), self._take)
        telling = asyncio.create_task(self._tell())
        watching = asyncio.create_task(connections.watch())
        linked = asyncio.create_task(self._linked(serving))
        await serving.serve(sockets=sockets)
        for task in (telling, watching, linked):
            task.cancel()
        self._send_counts()
        await self._link.drained()

    async def _linked(self, server: _QuietSignals) -> None:
        """When the server has gone, so does its front."""
        self._link.send({"ready": True})
        await self._link.run()
        server.should_exit = True

    async def _refresh(self) -> None:
        """Returns when the routes are those of now, or when the server takes too long to say."""
        number = next(self._numbers)
        self._refreshes[number] = asyncio.get_running_loop().create_future()
        self._link.send({"refresh": number})
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._refreshes[number], REFRESH_S)
        finally:
            del self._refreshes[number]

    async def _take(self, document: dict[str, Any]) -> None:
        if "routes" in document:
            self._dispatch.take(Routes.read(document["routes"]))
            self._tracking.take(document["routes"]["tracking"])
            asked = self._refreshes.get(document.get("refresh", -1))
            if asked is not None and not asked.done():
                asked.set_result(None)
        elif "key" in document:
            self._keys.learn(document["key"], document["found"])

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            self._send_counts()
            await self._link.drained()

    def _send_counts(self) -> None:
        counted, captured = self._counting.taken(), self._capturing.taken()
        if counted or captured:
            self._link.send({"counted": counted, "captured": captured})
        if self._dispatch.wanted:
            wanted, self._dispatch.wanted = self._dispatch.wanted, set()
            self._link.send({"wanted": sorted(wanted)})


class _QuietSignals(uvicorn.Server):
    """Ends when the server does; the terminal's Ctrl-C is the server's affair."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    told = json.loads(sys.argv[1])
    titles.show(titles.FRONT)
    gc.freeze()
    loop = uvicorn.Config("", loop="auto").get_loop_factory() or asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(Front(told).run())
    os._exit(0)


if __name__ == "__main__":
    main()
