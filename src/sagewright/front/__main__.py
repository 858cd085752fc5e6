"""`python -m sagewright.front`: the process. It inherits its listening sockets, which outlive the server that opened them.

One JSON argument: `region`, `connections` (the maximum number), `data` (the data directory), and `listen`: descriptors of the
sockets `runtime`, `local`, `control` and, if there is one, `notebooks`, by name. Servers find it on `control`: see
`front.link.handshake`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from sagewright.front import faults
from sagewright.front.admission import Admission
from sagewright.front.application import InvocationApplication
from sagewright.front.invocations.capturing import Capturing
from sagewright.front.invocations.counting import Counting
from sagewright.front.invocations.direct import PREFIX, DirectInvocations
from sagewright.front.invocations.dispatch import Dispatch
from sagewright.front.invocations.routes import Routes
from sagewright.front.invocations.spool import CaptureSpool
from sagewright.front.keys import Keys, Permissions
from sagewright.front.link.handshake import LOCAL, NOTEBOOKS, RUNTIME, FrontDirectory
from sagewright.front.link.main_port import answer_while_away
from sagewright.front.link.server_link import ServerLink
from sagewright.front.link.serving import FROM_MAIN, FrontServer
from sagewright.front.link.survival import Survival
from sagewright.front.notebooks.application import NotebookApplication
from sagewright.front.notebooks.routes import NotebookRoutes
from sagewright.front.notebooks.sessions import NotebookSessions
from sagewright.front.tracking import TrackingApplication, is_for_trackers
from sagewright.http.connections import Connections
from sagewright.http.limits import ConnectionLimits
from sagewright.http.takeover import EXTENSION
from sagewright.model import process_memory, titles
from sagewright.model.settings import load_settings
from sagewright.upstream.client import Upstream
from sagewright.upstream.connecting import TcpPort

TELL_S = 0.5
"""Interval at which counts are sent to the server."""
SERVER_WAIT_S = 10.0
"""Maximum time that a request that needs the server waits for its restart."""
log = logging.getLogger("sagewright.front")


class Front:
    """The front's components and the messages between them; see the module."""

    def __init__(self, started: dict[str, Any]) -> None:
        self._started = started
        self._place = FrontDirectory(Path(started["data"]))
        self._sockets = {name: socket.socket(fileno=number) for name, number in started["listen"].items()}
        self._counting, self._capturing = Counting(), Capturing(CaptureSpool(self._place.spool))
        self._limits = ConnectionLimits(connections=started["connections"], per_address=started["connections"])
        self._connections = Connections(self._limits)
        self._server = ServerLink(self._sockets["control"], self._heard)
        self._dispatch = Dispatch(self._counting, self._server.refresh)
        self._keys = Keys(lambda key_id: self._server.send({"key": key_id}), self._server.present)
        self._permissions = Permissions(lambda name: self._server.send({"may": name}), self._server.present)
        admission = self._admission = Admission(self._keys, self._permissions, started["region"])
        upstream = Upstream(self._connected)
        self._tracking = TrackingApplication(admission, self._limits, self._server.refresh, self._keys)
        self._invocations = InvocationApplication(
            self._dispatch, admission, self._capturing, self._limits, upstream, self._server_is_back
        )
        second = self._sockets.get(NOTEBOOKS)
        self._notebooks = NotebookRoutes(port=second.getsockname()[1] if second else 0)
        self._notebook_sessions = NotebookSessions(self._keys, self._server.send, self._server.present)
        self._proxy = NotebookApplication(self._notebooks, self._notebook_sessions, self._limits, self._server.refresh)
        self._direct = DirectInvocations(self._dispatch, admission, self._proxy.takes)
        self._connections.direct, self._connections.direct_prefix = self._direct, PREFIX
        self._serving = FrontServer(self._application, self._connections, lambda: self._notebooks.hosts)
        self._survival = Survival(self._place.control, self._serving, self._server)

    async def run(self) -> None:
        survival = self._survival
        tasks = [
            asyncio.create_task(work)
            for work in (self._tell(), self._connections.watch(), self._server.run(survival.linked, survival.alone))
        ]
        tasks.append(asyncio.create_task(survival.watch(lambda: self._serves_somebody)))
        own = [name for name in (RUNTIME, LOCAL, NOTEBOOKS) if name in self._sockets]
        listening = [self._sockets[name].dup() for name in own]
        self._server.offer = {name: self._sockets[name] for name in own}
        await self._serving.serve(sockets=listening)
        for task in tasks:
            task.cancel()
        self._send_counts()
        await self._server.drained()

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self._proxy.takes(scope):
            await self._proxy(scope, receive, send)
        elif is_for_trackers(scope):
            await self._tracking(scope, receive, send)
        elif FROM_MAIN in scope and not self._invocations.takes(scope):
            if not scope[EXTENSION].move(scope):
                await answer_while_away(scope, send)
        else:
            await self._invocations(scope, receive, send)

    @property
    def _serves_somebody(self) -> bool:
        routed = any(endpoint.fleets for endpoint in self._dispatch.routes.endpoints.values())
        return routed or self._tracking.serves or self._notebooks.serves

    async def _connected(self) -> socket.socket:
        if self._server.address is None:
            raise OSError("no server runs")
        return await TcpPort(*self._server.address)()

    async def _server_is_back(self) -> None:
        """Raises ServiceUnavailable."""
        if not await self._server.present(SERVER_WAIT_S):
            raise faults.unavailable("The server is away now; try again later.")

    async def _heard(self, document: dict[str, Any]) -> None:
        if "routes" in document:
            routes = document["routes"]
            self._admission.serve(routes["region"], anywhere=routes.get("anywhere", False))
            self._permissions.is_enforced = routes.get("enforced", False)
            self._dispatch.take(Routes.read(routes))
            self._tracking.take(routes["tracking"])
            self._notebooks.apply(routes["notebooks"])
        elif "key" in document:
            self._keys.learn(document["key"], document["found"])
        elif "may" in document:
            self._permissions.learn(document["may"], document["answer"], document["of_job"])
        elif "opened" in document:
            self._notebook_sessions.opened(document["opened"], document["found"])
        elif "leaving" in document:
            await self._survival.leaving(self._serves_somebody)
        elif "retire" in document:
            self._survival.retire()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            self._send_counts()
            await self._server.drained()

    def _send_counts(self) -> None:
        if not self._server.is_present:
            self._keys.give_up()
            self._permissions.give_up()
            return
        if self._capturing.close_segment():
            self._server.send({"spooled": True})
        counted = self._counting.taken()
        if counted:
            self._server.send({"counted": counted})
        if self._dispatch.requested:
            requested, self._dispatch.requested = self._dispatch.requested, set()
            self._server.send({"wanted": sorted(requested)})


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    started = json.loads(sys.argv[1])
    titles.show(titles.FRONT, data=Path(started["data"]))
    process_memory.hold(load_settings({}).front_memory, process_memory.give_up)
    gc.freeze()
    loop = uvicorn.Config("", loop="auto").get_loop_factory() or asyncio.new_event_loop

    async def run() -> None:
        await Front(started).run()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())
    os._exit(0)


if __name__ == "__main__":
    main()
