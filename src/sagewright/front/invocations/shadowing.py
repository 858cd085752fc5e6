"""Copies of requests for shadow variants. Their responses are counted, captured and never returned. Copies wait for nothing, and
nothing waits for them: a slow shadow gets fewer copies."""

from __future__ import annotations

import asyncio
import time

from sagewright.front.invocations.capturing import Capturing, Exchanged
from sagewright.front.invocations.dispatch import Dispatch
from sagewright.front.invocations.routes import Endpoint, InvocationTarget, RouteFleet, RouteVariant
from sagewright.model.errors import AwsError
from sagewright.upstream.messages import UpstreamRequest

MOST_COPIES = 16
"""Maximum number of copies in progress per shadow; further ones are dropped and counted."""


class Shadowing:
    def __init__(self, dispatch: Dispatch, capturing: Capturing) -> None:
        self._dispatch, self._capturing = dispatch, capturing
        self._due: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, int] = {}

    def copy(self, endpoint: Endpoint, fleet: RouteFleet, production: RouteVariant, ask: UpstreamRequest) -> None:
        """Sends copies in the ratio of the weights, at most one per request."""
        shadow = fleet.shadow
        if shadow is None or not shadow.instances:
            return
        ratio = min(1.0, shadow.weight / production.weight) if production.weight else 1.0
        due = self._due.get(endpoint.name, 0.0) + ratio
        self._due[endpoint.name] = due - int(due)
        if due < 1.0:
            return
        if self._under_way.get(endpoint.name, 0) >= MOST_COPIES:
            self._dispatch.tally(endpoint.name, shadow).dropped += 1
            return
        self._under_way[endpoint.name] = self._under_way.get(endpoint.name, 0) + 1
        task = asyncio.get_running_loop().create_task(self._send(endpoint, fleet, shadow, ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, endpoint: Endpoint, fleet: RouteFleet, shadow: RouteVariant, ask: UpstreamRequest) -> None:
        begin = time.monotonic()
        try:
            served = await self._dispatch.ask(endpoint, fleet, shadow, ask, InvocationTarget())
            self._dispatch.tally(endpoint.name, shadow).timed("ModelLatency", (time.monotonic() - begin) * 1e6)
            capture = fleet.capture
            if capture is not None and self._capturing.sample(capture):
                exchanged = Exchanged.of(ask, served.answer)
                self._capturing.keep(capture, self._dispatch.where(endpoint.name).endpoint, shadow.name, exchanged)
        except AwsError as error:
            tally = self._dispatch.tally(endpoint.name, shadow)
            tally.model_errors += error.code == "ModelError"
            tally.server_errors += 1
        finally:
            self._dispatch.tally(endpoint.name, shadow).invocations += 1
            self._under_way[endpoint.name] -= 1
