"""The server's side of the data plane: it starts the front, tells it routes and keys, and keeps what the front counted.

The front's port is bound here, so that it stays the same while fronts come and go. A front is started when there is an endpoint, or
when somebody connects, and again when it has died.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
import time
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagewright.engine.routing import routes_of, trackers_of
from sagewright.engine.scaling import asleep, awake, scale
from sagewright.front.link import Link
from sagewright.http.limits import Limits
from sagewright.kinds.serving import COMPONENT, ENDPOINT
from sagewright.kinds.tracking import TRACKER
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.s3uris import read_s3_uri
from sagewright.model.settings import Settings
from sagewright.model.trackingsessions import secret_of
from sagewright.server.notes import write_note
from sagewright.server.parts import admin_key
from sagewright.server.sockets import bind_like_before, url_of
from sagewright.services.context import Platform
from sagewright.store import events, identity, metrics, resources
from sagewright.store.events import Cursor
from sagewright.store.metrics import Datum, Series

ROUTED = frozenset({ENDPOINT, COMPONENT, TRACKER})
LOOK_S = 0.05
"""Between two looks at what has happened to endpoints, inference components and tracking servers."""
AGAIN_S = 0.5
"""Before a front that has died is started again."""
PAGE = 500
NAMESPACE = "AWS/SageMaker"
LOCAL = "front.sock"
log = logging.getLogger("sagewright.server.fronting")


class Fronting:
    """One server's front. To be used from its event loop; `close` ends the front."""

    def __init__(self, settings: Settings, platform: Platform, limits: Limits, url: str) -> None:
        """`url`: of the server itself, as clients on this machine reach it."""
        self._settings, self._platform, self._limits = settings, platform, limits
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._bound = bind_like_before(settings, "runtime-port", 0)
        self._bound.listen(1024)
        self.url = url_of(settings.host, self._bound.getsockname()[1])
        self._local = _local_socket(settings.data / LOCAL)
        self._link: Link | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._routes = ""
        self._endpoints: list[dict[str, Any]] = []
        self._secret = secret_of(admin_key(platform.store, settings.account).secret)
        self._writes: set[asyncio.Task[None]] = set()
        self._used: dict[tuple[str, str], float] = {}
        self._slept = 0.0

    async def run(self) -> None:
        """Until it is cancelled."""
        write_note(self._settings.data / "runtime-endpoint", self.url + "\n")
        cursor = await asyncio.to_thread(self._end_of_log)
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
                if (self._process is None or self._process.returncode is not None) and self._needed():
                    await self._start()
                    fresh = True
            except AwsError as error:
                log.warning("endpoints are looked at later: %s", error.message)
                fresh = True
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """End the front, once it has answered what it was asked."""
        with contextlib.suppress(OSError):
            (self._settings.data / "runtime-endpoint").unlink(missing_ok=True)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 8)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._writes:
            await asyncio.wait(self._writes, timeout=5)
        self._bound.close()
        self._local.close()

    def _needed(self) -> bool:
        """Whether there is an endpoint, or somebody waits for an answer."""
        if self._endpoints:
            return True
        waiting, _, _ = select.select([self._bound, self._local], [], [], 0)
        return bool(waiting)

    async def _let_sleep(self) -> None:
        """Serverless variants that nobody has asked for a while give back what they hold."""
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

    def _end_of_log(self) -> Cursor:
        cursor = Cursor()
        while page := events.after(self._platform.store, cursor, 10_000):
            cursor = page[-1].cursor
        return cursor

    def _changed(self, cursor: Cursor) -> tuple[bool, Cursor]:
        """Whether anything has happened to what is routed since, and where the log has got to."""
        changed = False
        while page := events.after(self._platform.store, cursor, PAGE):
            changed = changed or any(one.subject.kind in ROUTED for one in page)
            cursor = page[-1].cursor
        return changed, cursor

    async def _tell_routes(self) -> None:
        """A front that is started later is told then."""
        routes = await asyncio.to_thread(self._read_routes)
        if routes != self._routes and self._link is not None:
            self._link.send({"routes": json.loads(routes)})
        self._know(routes)

    def _know(self, routes: str) -> None:
        self._routes, self._endpoints = routes, json.loads(routes)["endpoints"]

    def _read_routes(self) -> str:
        settings = self._settings
        store, place = self._platform.store, (settings.account, settings.region)
        found = routes_of(resources.of_kind(store, ENDPOINT), resources.of_kind(store, COMPONENT), *place)
        trackers = trackers_of(resources.of_kind(store, TRACKER), *place)
        return json.dumps(found | {"tracking": {"trackers": trackers, "secret": self._secret}})

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        told = {
            "region": self._settings.region,
            "server": self._server,
            "listen": [self._bound.fileno(), self._local.fileno()],
            "link": theirs.fileno(),
            "connections": self._limits.connections,
        }
        with (self._settings.data / "front.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sagewright.front", json.dumps(told),
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=(*told["listen"], theirs.fileno()), start_new_session=True,  # type: ignore[misc]
            )  # fmt: skip
        theirs.close()
        self._link = await Link.open(ours, self._take)
        self._link.send({"routes": json.loads(self._routes or await asyncio.to_thread(self._read_routes))})
        following = asyncio.create_task(self._follow(self._link, self._process))
        self._writes.add(following)
        following.add_done_callback(self._writes.discard)

    async def _follow(self, link: Link, process: asyncio.subprocess.Process) -> None:
        await link.run()
        status = await process.wait()
        if self._link is link:
            self._link = None
        if status:
            log.warning("the front ended with %d; see front.log in the data directory", status)
            await asyncio.sleep(AGAIN_S)

    async def _take(self, document: dict[str, Any]) -> None:
        if "key" in document:
            found = await asyncio.to_thread(identity.find_key, self._platform.store, document["key"])
            if self._link is not None:
                self._link.send({"key": document["key"], "found": asdict(found) if found else None})
        elif "refresh" in document:
            self._know(await asyncio.to_thread(self._read_routes))
            if self._link is not None:
                self._link.send({"routes": json.loads(self._routes), "refresh": document["refresh"]})
        elif "counted" in document:
            self._write(document)
        elif "wanted" in document:
            for endpoint_id in document["wanted"]:
                await asyncio.to_thread(scale, self._platform.store, endpoint_id, awake)
                self._platform.engine.wake(ENDPOINT, endpoint_id)

    def _write(self, document: dict[str, Any]) -> None:
        self._used |= {(one["endpoint"], one["variant"]): time.monotonic() for one in document["counted"]}
        task = asyncio.create_task(asyncio.to_thread(self._keep, document))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    def _keep(self, document: dict[str, Any]) -> None:
        """Never raises: what cannot be kept is lost, and said."""
        try:
            self._keep_counts(document["counted"])
        except Exception:
            log.exception("what was counted of invocations could not be kept")
        for one in document["captured"]:
            try:
                self._keep_captured(one)
            except Exception as error:
                log.warning("captured data of endpoint %s could not be kept: %s", one["endpoint"], error)

    def _keep_counts(self, counted: list[dict[str, Any]]) -> None:
        settings, at_ms = self._settings, now_ms()
        data = []
        for one in counted:
            for dimensions, datum in product(_dimensions(one), one["data"]):
                text = metrics.dimension_text(dimensions)
                series = Series(settings.account, settings.region, NAMESPACE, datum["name"], text)
                kept = Datum(at_ms, datum["samples"], datum["total"], datum["least"], datum["most"], datum["unit"])
                data.append((series, kept))
        with self._platform.store.write() as connection:
            metrics.put(connection, data)

    def _keep_captured(self, one: dict[str, Any]) -> None:
        """Source: AWS's developer guide, "Capture data from real-time endpoint": the form of the keys."""
        place, now = read_s3_uri(one["destination"]), datetime.now(UTC)
        name = f"{now:%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        steps = [place.key.strip("/"), one["endpoint"], one["variant"], f"{now:%Y/%m/%d/%H}", name]
        key = "/".join(step for step in steps if step)
        self._platform.objects.write_bytes(place.bucket, key, one["lines"].encode() + b"\n", "application/json")


def _dimensions(counted: dict[str, Any]) -> list[dict[str, str]]:
    """What is counted of an inference component counts for its variant too."""
    variant = {"EndpointName": counted["endpoint"], "VariantName": counted["variant"]}
    return [{"InferenceComponentName": counted["component"]}, variant] if counted["component"] else [variant]


def _local_socket(path: Path) -> socket.socket:
    """Where the server hands on what comes to its own port. Its name lies in the data directory, which is the server's alone."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        made.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
    path.chmod(0o600)
    made.listen(1024)
    return made
