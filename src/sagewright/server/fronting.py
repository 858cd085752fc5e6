"""The server's side of the data plane: finds or starts the front, sends it routes and keys, and stores the front's counts.

The server also keeps the front's sockets, so that they stay open while fronts come and go. A front is started when there is an
endpoint, or when a client connects, and again when it has died. It outlives the server: see docs/explanation/hosting.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import select
import socket
import subprocess
import time
from dataclasses import asdict
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from sagewright.engine.endpoints.routing import routes_of, trackers_of
from sagewright.engine.endpoints.serverless import asleep, awake, scale
from sagewright.front.link.handshake import LOCAL, NOTEBOOKS, RUNTIME, FrontDirectory
from sagewright.front.link.messages import Link
from sagewright.http.passing import PassingServer
from sagewright.kinds.serving import COMPONENT, ENDPOINT
from sagewright.kinds.tracking import TRACKER
from sagewright.model.aws.regions import ANY, read_routed
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.tracking_sessions import secret_of
from sagewright.model.notebooks.origins import APP, INSTANCE
from sagewright.model.settings import Settings
from sagewright.server.captured import Captured
from sagewright.server.fronts import END_S, START_S, FoundFront, Listeners, find, take_over
from sagewright.server.notebooks import NotebookAccess, session_keys
from sagewright.server.notes import write_note
from sagewright.server.parts import admin_key
from sagewright.server.sockets import bind_like_before, url_of
from sagewright.services.access.kinds import USER
from sagewright.services.access.modes import is_enforced
from sagewright.services.access.questions import AccessQuestions
from sagewright.services.context import Platform
from sagewright.store import events, identity
from sagewright.store.events import EventCursor
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries
from sagewright.store.resources import resources

ROUTED = frozenset({ENDPOINT, COMPONENT, TRACKER, APP, INSTANCE, USER})
LOOK_S = 0.05
"""Interval of checks for events of endpoints, inference components, tracking servers, notebooks and users."""
AGAIN_S = 0.5
"""Pause before a dead front is restarted."""
PAGE = 500
NAMESPACE = "AWS/SageMaker"
log = logging.getLogger("sagewright.server.fronting")


class Fronting:
    """The front of one server. To be used from its event loop."""

    def __init__(
        self,
        settings: Settings,
        platform: Platform,
        serving: PassingServer,
        main: socket.socket,
        found: FoundFront | None,
    ) -> None:
        """`main`: the socket of the server's own port; `found`: the front that the previous server has left."""
        self._settings, self._platform, self._serving = settings, platform, serving
        self._questions = AccessQuestions(platform)
        self._main, self._found = main, found
        self._server = _address(main)
        sockets = found.sockets if found else {}
        runtime = sockets.get(RUNTIME) or bind_like_before(settings, "runtime-port", 0)
        runtime.listen(1024)
        second, self._other_port = _second_port(settings, sockets.get(NOTEBOOKS))
        self._listeners = Listeners(settings.data, runtime, sockets.get(LOCAL), second)
        self.url = url_of(settings.plain_host, runtime.getsockname()[1])
        self._link: Link | None = None
        self._before: Link | None = None
        self._links: list[Link] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._retry_s = 0.0
        self._routes = ""
        self._notebooks = NotebookAccess(settings, platform.store, lambda: url_of(*main.getsockname()[:2]))
        self._endpoints: list[dict[str, Any]] = []
        self._served: list[dict[str, Any]] = []
        self._secret = secret_of(admin_key(platform.store, settings.account).secret)
        self._writes: set[asyncio.Task[None]] = set()
        self._captured = Captured(FrontDirectory(settings.data).spool, platform.objects)
        self._used: dict[tuple[str, str], float] = {}
        self._slept = 0.0
        self._closing = False

    async def begin(self) -> None:
        """Must be awaited before the server accepts: from then on a found front answers only on its own port."""
        write_note(self._settings.data / "runtime-endpoint", self.url + "\n")
        self._know(await asyncio.to_thread(self._read_routes))
        if self._found is not None:
            self._before = await self._linked(self._found) or await self._found_again()

    async def _found_again(self) -> Link | None:
        """Returns the link to the front that was found, if it still runs: it waits a few seconds for a server's first words, and on
        a busy machine a start takes longer."""
        again = await asyncio.to_thread(find, self._settings.data)
        if again is None:
            return None
        self._found = again
        link = await self._linked(again)
        for one in again.sockets.values():  # the listeners have those that were found first
            one.close()
        return link

    async def run(self) -> None:
        """Runs until cancelled."""
        self._captured.look()
        cursor = await asyncio.to_thread(events.last, self._platform.store)
        replaced = self._found is not None and (not self._found.is_current or self._other_port)
        if self._before is not None and replaced and await self._start():
            self._before.send({"retire": True})  # it ends after its clients have their responses
        fresh = True
        seen: int | None = -1
        while True:
            try:
                version, changed = self._platform.store.version, False
                if version is None or version != seen:
                    changed, cursor = await asyncio.to_thread(self._changed, cursor)
                    seen = version
                if changed or fresh:
                    await self._tell_routes()
                    fresh = False
                await self._let_sleep()
                if self._link is None and time.monotonic() > self._retry_s and self._needed():
                    await self._start()
            except AwsError as error:
                log.warning("endpoints are looked at later: %s", error.message)
                fresh = True
            await asyncio.sleep(LOOK_S)

    async def leave(self) -> None:
        """Announces that the server is about to stop accepting. A front that serves endpoints goes on; any other
        ends, and is awaited."""
        link, process = self._link, self._process
        if link is not None:
            link.send({"leaving": True})
            await link.drained()
        if process is not None and not self._serves:
            await asyncio.to_thread(_ended, process)

    async def close(self) -> None:
        """Closes the link to the front."""
        self._closing = True
        if not self._serves or self._link is None:
            with contextlib.suppress(OSError):
                (self._settings.data / "runtime-endpoint").unlink(missing_ok=True)
        for link in self._links:
            link.close()
        if self._writes:
            await asyncio.wait(self._writes, timeout=5)
        await self._captured.end(5)
        self._serving.use_passage(None)
        self._listeners.close()

    @property
    def _serves(self) -> bool:
        return bool(self._served)

    def _needed(self) -> bool:
        """Returns True if there is an endpoint or a notebook, or a client is waiting for a response."""
        if self._endpoints or self._served:
            return True
        waiting, _, _ = select.select(self._listeners.all, [], [], 0)
        return bool(waiting)

    async def _let_sleep(self) -> None:
        """Releases the resources of serverless variants that have been idle for a while."""
        now = time.monotonic()
        if now - self._slept < 1.0 or not self._endpoints:
            return
        self._slept = now
        for endpoint in self._endpoints:
            for variant in (one for fleet in endpoint["fleets"] for one in fleet["variants"]):
                key = endpoint["name"], variant["name"]
                if not (variant["scales_from_zero"] and variant["instances"]):
                    self._used.pop(key, None)
                elif now - self._used.setdefault(key, now) > self._settings.serverless_idle_s:
                    names = frozenset({variant["name"]})
                    if await asyncio.to_thread(scale, self._platform.store, endpoint["id"], asleep, names):
                        self._platform.engine.wake(ENDPOINT, endpoint["id"])

    def _changed(self, cursor: EventCursor) -> tuple[bool, EventCursor]:
        """Returns True if any event since `cursor` concerns routing, and the new cursor."""
        changed, last = False, None
        while cursor != last:
            last = cursor
            kinds, cursor = events.kinds_after(self._platform.store, cursor, PAGE)
            changed = changed or not ROUTED.isdisjoint(kinds)
        return changed, cursor

    async def _tell_routes(self) -> None:
        """Sends the routes; a front that is started later gets them at its start."""
        routes = await asyncio.to_thread(self._read_routes)
        if routes != self._routes:
            self._send({"routes": json.loads(routes)})
        self._know(routes)

    def _know(self, routes: str) -> None:
        document = json.loads(routes)
        self._routes, self._endpoints = routes, document["endpoints"]
        others = document["tracking"]["trackers"] + document["notebooks"]["notebooks"]
        self._served = [one for one in self._endpoints if one["fleets"]] + [one for one in others if one["directory"]]

    def _read_routes(self) -> str:
        settings = self._settings
        store, place = self._platform.store, (settings.account, settings.region)
        found = routes_of(resources.of_kind(store, ENDPOINT), resources.of_kind(store, COMPONENT), *place)
        trackers = trackers_of(resources.of_kind(store, TRACKER), settings.account)
        found["anywhere"] = settings.regions == ANY
        found["enforced"] = is_enforced(store, settings)
        tracking = {"trackers": trackers, "secret": self._secret}
        return json.dumps(found | {"tracking": tracking, "notebooks": self._notebooks.routes()})

    async def _start(self) -> bool:
        """Returns True if a new front answers."""
        settings = {"region": self._settings.region, "connections": self._serving.connections.limits.connections}
        log_file = self._settings.data / "front.log"
        try:
            self._process = await asyncio.to_thread(self._listeners.start, settings, log_file)
        except OSError as error:  # the disk is full, or no process can be started
            self._retry_s = time.monotonic() + AGAIN_S
            log.warning("the front can't be started now: %s", error)
            return False
        found = await asyncio.to_thread(find, self._settings.data, START_S)
        link = None if found is None else await self._linked(found)
        for one in found.sockets.values() if found is not None else ():
            one.close()
        if link is None:
            self._retry_s = time.monotonic() + AGAIN_S
            log.warning("the front does not answer; see front.log in the data directory")
        return link is not None

    async def _linked(self, found: FoundFront) -> Link | None:
        """Returns the link to a front, which then has the current routes; None if it has died meanwhile."""
        try:
            passage = await asyncio.to_thread(take_over, found, self._server, self._main)
        except OSError as error:
            log.warning("the front that was found does not answer: %s", error)
            found.connection.close()
            return None
        found.connection.setblocking(False)
        link = self._link = await Link.open(found.connection, self._take)
        self._links.append(link)
        self._serving.use_passage(passage)
        link.send({"routes": json.loads(self._routes)})
        following = asyncio.create_task(self._follow(link, self._process))
        self._writes.add(following)
        following.add_done_callback(self._writes.discard)
        return link

    async def _follow(self, link: Link, process: subprocess.Popen[bytes] | None) -> None:
        await link.run()
        self._links.remove(link)
        if self._link is not link or self._closing:
            return
        self._link = None
        self._serving.use_passage(None)
        self._captured.look()
        if process is not None and process is self._process:
            status = await asyncio.to_thread(_ended, process)
            if status:
                self._retry_s = time.monotonic() + AGAIN_S if status > 0 else 0.0
                log.warning("the front ended with %d; see front.log in the data directory", status)

    async def _take(self, document: dict[str, Any]) -> None:
        if "key" in document:
            await self._send_key(document["key"])
        elif "refresh" in document:
            self._know(await asyncio.to_thread(self._read_routes))
            self._send({"routes": json.loads(self._routes), "refresh": document["refresh"]})
        elif "may" in document:
            self._send(await asyncio.to_thread(self._questions.answer, document["may"]))
        elif "open" in document:
            found_session = await asyncio.to_thread(self._notebooks.open, document["token"])
            for key_id in session_keys(found_session):  # known from the start, if the server is killed now
                await self._send_key(key_id)
            self._send({"opened": document["open"], "found": found_session})
        elif "end-session" in document:
            await asyncio.to_thread(self._notebooks.end, document["end-session"])
            self._send({"key": document["end-session"], "found": None})
        elif "counted" in document:
            self._write(document)
        elif "spooled" in document:
            self._captured.look()
        elif "wanted" in document:
            for endpoint_id in document["wanted"]:
                await asyncio.to_thread(scale, self._platform.store, endpoint_id, awake)
                self._platform.engine.wake(ENDPOINT, endpoint_id)

    async def _send_key(self, key_id: str) -> None:
        found = await asyncio.to_thread(identity.find_key, self._platform.store, key_id)
        self._send({"key": key_id, "found": asdict(found) if found else None})

    def _send(self, document: dict[str, Any]) -> None:
        for link in self._links:
            link.send(document)

    def _write(self, document: dict[str, Any]) -> None:
        self._used |= {(one["endpoint"], one["variant"]): time.monotonic() for one in document["counted"]}
        task = asyncio.create_task(asyncio.to_thread(self._keep, document))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    def _keep(self, document: dict[str, Any]) -> None:
        """Stores counts. Never raises: counts that can't be stored are dropped and logged."""
        try:
            self._keep_counts(document["counted"])
        except Exception:
            log.exception("the counts of invocations could not be stored")

    def _keep_counts(self, counted: list[dict[str, Any]]) -> None:
        settings, at_ms = self._settings, now_ms()
        data = []
        for one in counted:
            region, one["endpoint"] = read_routed(one["endpoint"], settings.region)
            for dimensions, datum in product(_dimensions(one), one["data"]):
                text = metrics.dimension_text(dimensions)
                series = MetricSeries(settings.account, region, NAMESPACE, datum["name"], text)
                kept = Datum(at_ms, datum["samples"], datum["total"], datum["least"], datum["most"], datum["unit"])
                data.append((series, kept))
        with self._platform.store.write() as connection:
            metrics.put(connection, data)


def _dimensions(counted: dict[str, Any]) -> list[dict[str, str]]:
    """Returns the dimensions: counts of an inference component also count for its variant."""
    variant = {"EndpointName": counted["endpoint"], "VariantName": counted["variant"]}
    return [{"InferenceComponentName": counted["component"]}, variant] if counted["component"] else [variant]


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Waits for the process to end, and returns its status."""
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _address(main: socket.socket) -> tuple[str, int]:
    """Returns the address at which this machine reaches a port."""
    parts = urlsplit(url_of(*main.getsockname()[:2]))
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def _second_port(settings: Settings, held: socket.socket | None) -> tuple[socket.socket | None, bool]:
    """Returns the socket of the second port of notebooks, None without one, and True if the front that was found has another one.
    `held`: that front's. Raises OSError."""
    if held is not None and held.getsockname()[1] == settings.notebook_port:
        return held, False
    if held is not None:
        held.close()
    if not settings.notebook_port:
        return None, held is not None
    second = bind_like_before(settings, "notebook-port", settings.notebook_port)
    second.listen(1024)
    return second, True
