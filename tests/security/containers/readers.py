"""All that reads a container, each asked in the same way for what it makes of an answer. A new one belongs into READERS."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from tests.security.containers.answers import ANSWERED, ATTEMPTS, AWAY, BROKEN, LATE, LONG, Attempt
from tests.security.containers.hostile import GOOD

from sagewright.agent.inputs import model_cache
from sagewright.agent.transform import invoking, serving
from sagewright.engine.apps import activity
from sagewright.front import application, tracking
from sagewright.front.application import InvocationApplication
from sagewright.front.invocations import dispatch, shelves
from sagewright.front.invocations.capturing import Capturing
from sagewright.front.invocations.counting import Counting
from sagewright.front.invocations.dispatch import Dispatch
from sagewright.front.invocations.routes import Endpoint, RouteFleet, RouteInstance, Routes, RouteVariant
from sagewright.front.invocations.routes import RouteContainer as Named
from sagewright.front.invocations.shadowing import Shadowing
from sagewright.front.invocations.spool import CaptureSpool
from sagewright.http.limits import ConnectionLimits
from sagewright.invoker.carrying import Carrying
from sagewright.invoker.messages import AsyncInvocation
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs import tracking_sessions as passes
from sagewright.model.jobs.brief import DataSet, Transform
from sagewright.server import relay
from sagewright.upstream.client import Broken, ContainerUnreachable, TooLong, Upstream, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

DEADLINE_S = 1.5
BODY = b"x" * 400_000
"""More than a socket takes that nobody reads."""
REFUSED = "refused"
SECRET = passes.secret_of("admin")
REQUEST = UpstreamRequest("POST", "/invocations", {}, BODY)


class Reader:
    """`ask` says how an exchange with the host in a directory ended; `allowed`: how it may end."""

    deadline_s = DEADLINE_S

    def __init__(self, site: Path, scratch: Path, patch: pytest.MonkeyPatch) -> None:
        self.site, self.scratch, self.patch = site, scratch, patch
        self.prepare()

    def prepare(self) -> None:
        """For who needs more."""

    async def ask(self, place: Path) -> str:
        raise NotImplementedError

    def allowed(self, attempt: Attempt) -> set[str]:
        return {REFUSED} | ({ANSWERED} & set(attempt.ends))

    async def close(self) -> None:
        """For who keeps something."""


class Asking(Reader):
    """The client itself: each attempt ends as what it is."""

    def prepare(self) -> None:
        self._upstreams: dict[Path, Upstream] = {}

    def upstream(self, place: Path) -> Upstream:
        return self._upstreams.setdefault(place, Upstream(ContainerAddress(place)))

    async def ask(self, place: Path) -> str:
        return await self.end(self.exchange(self.upstream(place)))

    async def exchange(self, upstream: Upstream) -> None:
        await upstream.ask(REQUEST, DEADLINE_S)

    async def end(self, exchange: Any) -> str:
        try:
            await exchange
        except TooLong:
            return LONG
        except Broken:
            return BROKEN
        except ContainerUnreachable:
            return AWAY
        except TimeoutError:
            return LATE
        return ANSWERED

    def allowed(self, attempt: Attempt) -> set[str]:
        return set(attempt.ends)

    async def close(self) -> None:
        for one in self._upstreams.values():
            one.close()


class Starting(Asking):
    """The client without a task, on a connection that waits for a request."""

    async def exchange(self, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Any] = loop.create_future()
        connection = await upstream._connected(loop.time() + DEADLINE_S)
        upstream._idle.append((loop.time(), connection))
        begun = upstream.start(REQUEST, DEADLINE_S, ended.set_result)
        if begun is None:  # closed while it waited, by bytes that nobody had asked for: whoever starts asks then
            await super().exchange(upstream)
        elif isinstance(result := await ended, Exception):
            raise result


class Streaming(Asking):
    """A stream has no limit on its bytes, but one on its time, which is reported as an interruption."""

    async def exchange(self, upstream: Upstream) -> None:
        stream = await upstream.begin(REQUEST, DEADLINE_S)
        try:
            async for _piece in stream.pieces():
                pass
        finally:
            stream.close()

    def allowed(self, attempt: Attempt) -> set[str]:
        return set(attempt.ends) | (set() if attempt.ends == (ANSWERED,) else {BROKEN}) | large(attempt)


class Fetching(Asking):
    """Into a file: as batch transform and asynchronous inference do."""

    async def exchange(self, upstream: Upstream) -> None:
        answer = await upstream.fetch(REQUEST, DEADLINE_S, invoking.spill(self.scratch, 32 << 20))
        if answer.file is not None:
            answer.file.close()

    def allowed(self, attempt: Attempt) -> set[str]:
        return set(attempt.ends) | (set() if attempt.ends == (ANSWERED,) else {BROKEN})


class Front(Reader):
    """InvokeEndpoint, as the front's application answers it."""

    path: ClassVar[str] = "invocations"

    def prepare(self) -> None:
        for name in ("TIMEOUT_S", "STREAM_TIMEOUT_S"):
            self.patch.setattr(dispatch, name, DEADLINE_S)
        self.patch.setattr(dispatch, "AWAY_S", 0.3)
        self.patch.setattr(application, "REFUSAL_S", 0.3)
        self.dispatch = Dispatch(Counting(), self._refresh)
        names = [GOOD, *(str(number) for number in range(len(ATTEMPTS)))]
        self.dispatch.take(Routes("0", "r", {name: self.endpoint(name) for name in names}))
        admission: Any = self
        server: Any = None
        capturing = Capturing(CaptureSpool(self.scratch / "spool"))
        self.application = InvocationApplication(
            self.dispatch, admission, capturing, ConnectionLimits(), server, self._refresh
        )

    def endpoint(self, name: str) -> Endpoint:
        variant = RouteVariant("v", 1.0, (Named("c"),), (RouteInstance(name, (str(self.site / name),)),))
        return Endpoint(name, name, "InService", (RouteFleet(100.0, (variant,)),))

    async def _refresh(self) -> None:
        return None

    async def admitted(self, incoming: Any, _service: str) -> bytes:
        """Stands for the checker of signatures."""
        return await incoming.whole(1 << 20, AssertionError)

    async def permit(self, _incoming: Any, *_asked: str) -> None:
        """Stands for the server's decision."""

    def region_of(self, _incoming: Any, _service: str) -> str:
        return self.dispatch.routes.region

    async def close(self) -> None:
        self.dispatch.take(Routes())

    async def ask(self, place: Path) -> str:
        sent = await asgi(self.application, "POST", f"/endpoints/{place.name}/{self.path}")
        return self.end(sent)

    def end(self, sent: list[dict[str, Any]]) -> str:
        return ANSWERED if sent[0]["status"] == 200 else REFUSED


class FrontStream(Front):
    path = "invocations-response-stream"

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | large(attempt)

    def end(self, sent: list[dict[str, Any]]) -> str:
        broken = any(b"ModelStreamError" in one.get("body", b"") for one in sent)
        return REFUSED if sent[0]["status"] != 200 or broken else ANSWERED


class Shadows(Front):
    def prepare(self) -> None:
        super().prepare()
        self.shadowing = Shadowing(self.dispatch, Capturing(CaptureSpool(self.scratch / "spool")))
        self._numbers = 0

    async def ask(self, place: Path) -> str:
        self._numbers += 1
        name = f"{place.name}-{self._numbers}"
        variant = self.endpoint(place.name).fleets[0].variants[0]
        fleet = RouteFleet(100.0, (variant,), shadow=variant)
        self.shadowing.copy(Endpoint(name, name, "InService", (fleet,)), fleet, variant, REQUEST)
        tally = self.dispatch.tally(name, variant)
        while not tally.invocations:
            await asyncio.sleep(0.01)
        return REFUSED if tally.server_errors else ANSWERED


class Invoker(Reader):
    """Asynchronous invocations, whose outputs go nowhere here."""

    def prepare(self) -> None:
        objects: Any = SimpleNamespace(write=lambda *_: None)
        self._carrying = Carrying(objects, self.scratch, 0)

    async def ask(self, place: Path) -> str:
        body = base64.b64encode(BODY).decode()
        asked = AsyncInvocation(str(place), place.name, (str(place),), ("primary",), {}, DEADLINE_S, "s3://b/k", body)
        return ANSWERED if (await self._carrying.carry_out(asked)).failure is None else REFUSED

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | large(attempt)

    async def close(self) -> None:
        self._carrying.close()


class Shelves(Reader):
    """The front, when it asks for a model of a multi-model container: nothing here is an answer to that."""

    def prepare(self) -> None:
        self.patch.setattr(shelves, "LOAD_S", DEADLINE_S)
        self._shelves = shelves.Shelves()

    async def ask(self, place: Path) -> str:
        try:
            await self._shelves.bring(str(place), "model")
        except AwsError:
            return REFUSED
        return ANSWERED

    def allowed(self, _attempt: Attempt) -> set[str]:
        return {REFUSED}


class Trackers(Reader):
    def prepare(self) -> None:
        self.patch.setattr(tracking, "TIMEOUT_S", DEADLINE_S)
        self.patch.setattr(tracking, "TOTAL_S", DEADLINE_S)
        admission: Any = None
        known: Any = self
        self._tracking = tracking.TrackingApplication(admission, ConnectionLimits(), self._refresh, known)
        names = [GOOD, *(str(number) for number in range(len(ATTEMPTS)))]
        self.take(names)

    def take(self, names: list[str]) -> None:
        trackers = [
            {"id": name, "name": name, "arn": name, "status": "Created", "directory": str(self.site / name)}
            for name in names
        ]
        self._tracking.take({"trackers": trackers, "secret": SECRET})

    async def look_up(self, _key_id: str) -> None:
        """Stands for the lookup of access keys, as `find` does."""

    def find(self, _key_id: str) -> Any:
        return SimpleNamespace(expires_ms=None)

    async def _refresh(self) -> None:
        return None

    async def close(self) -> None:
        self.take([])

    async def ask(self, place: Path) -> str:
        session = passes.written(passes.Pass(passes.SESSION, place.name, now_ms() + 60_000), SECRET)
        headers = [(b"cookie", f"{tracking.COOKIE}={session}".encode())]
        sent = await asgi(self._tracking, "POST", f"/mlflow/{place.name}/x", headers)
        return ANSWERED if sent[0]["status"] not in {503, 504} and ended(sent) else REFUSED

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | large(attempt)


class Relay(Reader):
    """The server's way to the front, whom it trusts."""

    def prepare(self) -> None:
        self.patch.setattr(relay, "WAIT_S", DEADLINE_S)
        self.patch.setattr(relay, "TOTAL_S", DEADLINE_S)

    async def ask(self, place: Path) -> str:
        authenticator: Any = self
        made = relay.FrontRelay(place / "ml" / "serving" / "http.sock", authenticator, ConnectionLimits())
        try:
            sent = await asgi(made, "POST", "/endpoints/x/invocations")
        except Broken:
            return REFUSED
        finally:
            made._front.close()
        return ANSWERED if sent[0]["status"] != 503 and ended(sent) else REFUSED

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | large(attempt)

    def vet(self, _request: Any, _service: str) -> None:
        """Stands for the checker of signatures."""


class Threads(Reader):
    """Readers of the agent's, which are threads."""

    def prepare(self) -> None:
        self._pool = ThreadPoolExecutor(len(ATTEMPTS) + 8)

    async def ask(self, place: Path) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.asked, place)

    def asked(self, place: Path) -> str:
        raise NotImplementedError

    async def close(self) -> None:
        self._pool.shutdown(wait=False)


class Ping(Threads):
    """The head says whether it is well."""

    def prepare(self) -> None:
        super().prepare()
        self.patch.setattr(serving, "PING_S", DEADLINE_S)

    def asked(self, place: Path) -> str:
        return ANSWERED if serving.ping(place) else REFUSED

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | (set() if attempt.in_head else {ANSWERED})


class Apps(Threads):
    """The engine, which asks an app whether it is used."""

    def prepare(self) -> None:
        super().prepare()
        self.patch.setattr(activity, "TOTAL_S", DEADLINE_S)
        self.patch.setattr(activity, "parse", lambda _body: {})  # the good one's answer is not JSON

    def asked(self, place: Path) -> str:
        return REFUSED if activity.observe_activity(place) is None else ANSWERED


class Models(Threads):
    """The agent of a multi-model container."""

    def prepare(self) -> None:
        super().prepare()
        self.patch.setattr(model_cache, "LOAD_S", DEADLINE_S)

    def asked(self, place: Path) -> str:
        archives: Any = self
        try:
            model_cache.ModelCache("s3://bucket/models", place, archives, lambda _line: None).bring("model")
        except model_cache.ModelRefused:
            return REFUSED
        return ANSWERED

    deadline_s = 2 * DEADLINE_S
    """A model that can't be loaded is unloaded."""

    def place(self, _uri: str, _place: str, _environment: Path) -> None:
        """Stands for the fetcher of models."""

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | (set() if attempt.in_head else {ANSWERED})


class Transforms(Threads):
    def asked(self, place: Path) -> str:
        transform = Transform(DataSet("s3://bucket/data"), "s3://bucket/out", timeout_s=2, retries=0)
        made = invoking.Invoking(place, transform, self.scratch, lambda: None)
        made.parameters()
        try:
            made.invoke(BODY).close()
            made.invoke(lambda: iter([BODY, BODY])).close()
        except invoking.RequestFailed:
            return REFUSED
        finally:
            made.close()
        return ANSWERED

    def allowed(self, attempt: Attempt) -> set[str]:
        return super().allowed(attempt) | large(attempt)

    deadline_s = 2.0 + 2 * DEADLINE_S

    def prepare(self) -> None:
        super().prepare()
        self.patch.setattr(invoking, "_ASK_S", DEADLINE_S)
        self.patch.setattr(invoking, "MOST_ANSWER", 32 << 20)


def large(attempt: Attempt) -> set[str]:
    """A body too long to be kept is streamed like any other."""
    return {ANSWERED} if LONG in attempt.ends and not attempt.in_head else set()


def ended(sent: list[dict[str, Any]]) -> bool:
    return sent[-1]["type"] == "http.response.body" and not sent[-1].get("more_body", False)


async def asgi(
    application: Any, method: str, path: str, headers: list[tuple[bytes, bytes]] | None = None
) -> list[dict[str, Any]]:
    """An application's answer; of bodies, only their beginning."""
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", str(len(BODY)).encode()), *(headers or [])],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY}

    async def send(message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        sent.append(message | {"body": body[:200]})
        if len(sent) > 100:
            del sent[50]

    await application(scope, receive, send)
    return sent


READERS: list[Callable[[Path, Path, pytest.MonkeyPatch], Reader]] = [
    Asking, Starting, Streaming, Fetching, Front, FrontStream, Shadows, Invoker, Shelves, Trackers, Relay, Ping, Apps, Models,
    Transforms,
]  # fmt: skip
