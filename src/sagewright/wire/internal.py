"""Sagewright's own paths beside AWS's: health, and what agents report. Nothing a user's client needs is here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sagewright.engine import inputs, reports
from sagewright.engine.hostreports import UnreadableReport, read_report
from sagewright.model.errors import AwsError, ServiceUnavailable
from sagewright.objects.bucketstore import BucketStore
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.interruption import interrupt_training_job
from sagewright.store import hosts
from sagewright.store.hosts import Host
from sagewright.wire import asgi
from sagewright.wire.authentication import Authenticator
from sagewright.wire.http import HttpRequest
from sagewright.wire.registry import RegistryApi, is_for_registry

PREFIX = "/_sagewright"
PARTS = ("model", "output")


class InternalApi:
    """The ASGI application under `/_sagewright`. An agent shows the token of its host, good for that host's job alone."""

    def __init__(self, platform: Platform, authenticator: Authenticator) -> None:
        self._platform, self._authenticator = platform, authenticator
        self.app = Starlette(
            routes=[
                Route(f"{PREFIX}/health", self._health),
                Route(f"{PREFIX}/jobs/{{name}}/interrupt", self._interrupt, methods=["POST"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/report", self._report, methods=["POST"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/objects", self._objects, methods=["POST"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/parts/{{part}}", self._put_part, methods=["PUT"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/parts/{{part}}/{{other}}", self._get_part),
            ],
            exception_handlers={ServiceUnavailable: _try_again},
        )

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _report(self, request: Request) -> Response:
        try:
            report = read_report(await request.body())
        except UnreadableReport as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        store, host_id = self._platform.store, request.path_params["host_id"]
        answer = await asyncio.to_thread(reports.apply, store, host_id, _token(request), report)
        if answer.wake:
            self._platform.engine.wake(answer.job_id)
        return Response(orjson.dumps({"desired": answer.desired}), media_type="application/json")

    async def _interrupt(self, request: Request) -> Response:
        """For the command; signed with the admin's key as AWS requests are, for a service named `sagewright`."""
        received = await asgi.read_request(request.scope, request.receive)
        try:
            await asyncio.to_thread(self._interrupt_as, received, request.path_params["name"])
        except AwsError as error:
            return JSONResponse({"code": error.code, "message": error.message}, status_code=error.status)
        return Response(status_code=204)

    def _interrupt_as(self, received: HttpRequest, name: str) -> None:
        key = self._authenticator.authenticate(received, "sagewright")
        if key.job_id is not None:
            raise AwsError("AccessDeniedException", "The credentials of a job can not interrupt jobs.", 403)
        settings = self._platform.settings
        principal = Principal(key.principal_arn, key.user_id, key.id)
        interrupt_training_job(Context("", settings.account, settings.region, principal, self._platform), name)

    async def _objects(self, request: Request) -> Response:
        if await self._authorised(request) is None:
            return Response(status_code=403)
        settings, objects, body = self._platform.settings, self._platform.objects, await request.body()
        try:
            if not isinstance(objects, BucketStore):
                raise inputs.NotBeside
            found = await asyncio.to_thread(inputs.look_up, settings, objects, orjson.loads(body))
        except inputs.NotBeside:
            return JSONResponse({"code": "NotBeside", "message": "the proof is wrong"}, status_code=409)
        except AwsError as error:
            what = error.fields.get("Key") or error.fields.get("BucketName", "")
            return JSONResponse({"code": error.code, "message": f"{error.message} ({what})"}, status_code=404)
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"code": "BadRequest", "message": "a question is a JSON object"}, status_code=400)
        return Response(orjson.dumps(found), media_type="application/json")

    async def _put_part(self, request: Request) -> Response:
        host = await self._authorised(request)
        if host is None or request.path_params["part"] not in PARTS:
            return Response(status_code=403)
        path = self._part_path(host, request.path_params["part"], host.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            async for chunk in request.stream():
                await asyncio.to_thread(file.write, chunk)
        partial.rename(path)
        return Response(status_code=204)

    async def _get_part(self, request: Request) -> Response:
        host = await self._authorised(request)
        other = request.path_params["other"]
        if host is None or request.path_params["part"] not in PARTS or not other.startswith("algo-"):
            return Response(status_code=403)
        path = self._part_path(host, request.path_params["part"], other)
        return FileResponse(path) if path.is_file() else Response(status_code=404)

    async def _authorised(self, request: Request) -> Host | None:
        host = await asyncio.to_thread(hosts.find, self._platform.store, request.path_params["host_id"])
        return host if host is not None and hosts.token_matches(host, _token(request)) else None

    def _part_path(self, host: Host, part: str, name: str) -> Path:
        return self._platform.settings.data / "jobs" / host.job_id / str(host.attempt) / f"{name}.{part}.tar"


async def _try_again(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=503, headers={"Retry-After": "1"})


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def split(gateway: Any, internal: InternalApi, registry: RegistryApi) -> Any:
    """One ASGI application of all: paths under `/_sagewright` here, `/v2/` to the registry, all others to the gateway."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(PREFIX):
            await internal.app(scope, receive, send)
        elif is_for_registry(scope):
            await registry(scope, receive, send)
        else:
            await gateway(scope, receive, send)

    return app
