"""Sagewright's own paths, in addition to AWS's: health, certificates of topics, and agents' reports."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.exc import DataError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sagewright.engine.jobs import inputs, reports
from sagewright.engine.jobs.hostreports import UnreadableReport, read_report
from sagewright.engine.jobs.launch_plan import demand_of
from sagewright.engine.jobs.reservations import Reservations
from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.body import BytesBody
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.http.pools import CallPool, Full
from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.server.peers import Peers
from sagewright.services.access.authorizer import authorize
from sagewright.services.aws.events.deployments import deployment_states
from sagewright.services.aws.iam.signin import one_time_token
from sagewright.services.aws.s3.beside import authorize_beside, reading_as
from sagewright.services.aws.sns.signing import PATH, certificate
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.quotas.changes import decide, set_limit, unset_limit
from sagewright.services.sagemaker.jobs.interruption import interrupt_training_job
from sagewright.services.sagemaker.jobs.overview import overview, quota_limits, start_times
from sagewright.services.sagemaker.reasons.reasons import reasons
from sagewright.services.sagemaker.registry.approvals import approval_history
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.hosts import Host
from sagewright.wire.origins import origin_of
from sagewright.wire.signatures.authentication import ONCE, Authenticator

PREFIX = "/_sagewright"
HEALTH = "/health"
PARTS = ("model", "output")
SMALL = 64 * 1024
MOST_QUESTION = 8 * 1024 * 1024
MOST_REPORT = 64 * 1024 * 1024
WAITING, AWAY = 4096, 256
GONE = orjson.dumps({"desired": "gone"})
MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, DataError)
"""Errors of parsing a document whose members have unexpected types."""

_HOST = re.compile(r"algo-[0-9]{1,6}")
log = logging.getLogger("sagewright.server")
Answer = Callable[[Request, Incoming], Awaitable[Response]]
SameRight = tuple[str, str, dict[str, Any]]
"""A service, an operation and its request."""
SAGEMAKER = "sagemaker"
LISTING: SameRight = (SAGEMAKER, "ListTrainingJobs", {})


class InternalApi:
    """The ASGI application under `/_sagewright`. An agent sends the token of its host, valid only for that host's job.

    No body is read before its token is verified, and agents' calls have dedicated threads.
    """

    def __init__(
        self,
        platform: Platform,
        authenticator: Authenticator,
        limits: ConnectionLimits | None = None,
        peers: Peers | None = None,
        shares: Reservations | None = None,
    ) -> None:
        self._peers, self._shares = peers, shares
        self._platform, self._authenticator = platform, authenticator
        self._limits = limits or ConnectionLimits()
        self._pool = CallPool("internal", 16, WAITING, AWAY)
        self._entry = CallPool("internal-entry", 4, WAITING)
        self.app = Starlette(
            routes=[
                Route(f"{PREFIX}/health", self._health),
                Route(HEALTH, self._health),
                Route(f"{PATH}/{{name}}", self._described(self._certificate)),
                Route(f"{PREFIX}/jobs/{{name}}/interrupt", self._described(self._interrupt), methods=["POST"]),
                Route(f"{PREFIX}/jobs/{{kind}}/starts", self._described(self._starts)),
                Route(f"{PREFIX}/overview", self._described(self._overview)),
                Route(f"{PREFIX}/model-packages/{{group}}/{{version}}/history", self._described(self._history)),
                Route(f"{PREFIX}/why/{{kind}}/{{name:path}}", self._described(self._why)),
                Route(f"{PREFIX}/quotas", self._described(self._quotas)),
                Route(f"{PREFIX}/quotas/{{quota}}", self._described(self._set_quota), methods=["PUT", "DELETE"]),
                Route(f"{PREFIX}/quota-requests/{{id}}", self._described(self._decide_quota), methods=["POST"]),
                Route(f"{PREFIX}/sign-in/{{user}}", self._described(self._sign_in), methods=["POST"]),
                Route(f"{PREFIX}/deployments/{{rule}}", self._described(self._deployments)),
                Route(f"{PREFIX}/hosts/{{host_id}}/report", self._described(self._report), methods=["POST"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/objects", self._described(self._objects), methods=["POST"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/parts/{{part}}", self._described(self._put_part), methods=["PUT"]),
                Route(f"{PREFIX}/hosts/{{host_id}}/parts/{{part}}/{{other}}", self._described(self._get_part)),
            ]
        )

    def _described(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """Wraps `answer`, converting its exceptions to responses."""

        async def described(request: Request) -> Response:
            try:
                return await answer(request, asgi.read_head(request.scope, request.receive, self._limits, ONCE))
            except AwsError as error:
                return _error(error.code, error.message, error.status)
            except Full:
                return _error("ServiceUnavailable", "Try again later.", 503)
            except ClientGone:
                return Response(status_code=400)  # no client reads it

        return described

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _certificate(self, request: Request, _incoming: Incoming) -> Response:
        """Returns the certificate that verifies topics' messages; needs no authentication."""
        settings, name = self._platform.settings, request.path_params["name"]
        place = (settings.account, settings.region)
        found = await self._entry.run(certificate, self._platform.store, place, name)
        if found is None:
            return Response(status_code=404)
        return Response(found, media_type="application/x-pem-file")

    async def _report(self, request: Request, incoming: Incoming) -> Response:
        if await self._authorised(request, incoming) is None:
            return Response(GONE, media_type="application/json")
        try:
            report = read_report(await incoming.whole(MOST_REPORT, _too_long))
        except UnreadableReport as error:
            return _error("BadRequest", str(error), 400)
        store, host_id = self._platform.store, request.path_params["host_id"]
        answer = await self._pool.run(reports.apply, store, host_id, _token(request), report)
        if answer.wake and answer.job:
            self._platform.engine.wake(answer.job.kind, answer.job.id)
        others = await self._pool.run(self._peers.alive) if self._peers and not store.embedded else []
        content = {"desired": answer.desired, **({"servers": others} if others else {})}
        return Response(orjson.dumps(content), media_type="application/json")

    async def _interrupt(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line; signed with the admin's key like an AWS request, for a service named `sagewright`."""
        incoming.request.body = BytesBody(await incoming.whole(SMALL, _too_long))
        await self._pool.run(self._interrupt_as, incoming.request, request.path_params["name"])
        incoming.prove()
        return Response(status_code=204)

    def _interrupt_as(self, received: HttpRequest, name: str) -> None:
        context = self._command(received, "interrupt jobs")
        authorize(context, SAGEMAKER, "StopTrainingJob", {"TrainingJobName": name})
        interrupt_training_job(context, name)

    async def _history(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: the history of changes to a version of a model package group."""
        path = request.path_params
        same = (SAGEMAKER, "DescribeModelPackageGroup", {"ModelPackageGroupName": path["group"]})
        return await self._tell(
            incoming, same, lambda context: approval_history(context, path["group"], path["version"])
        )

    async def _deployments(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: the progress of those targets of a rule that are endpoints."""
        rule = request.path_params["rule"]
        same = ("events", "DescribeRule", {"Name": rule})
        return await self._tell(incoming, same, lambda context: deployment_states(context, rule))

    async def _starts(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: when jobs left the queue, by name; `names`: separated by commas."""
        kind, names = request.path_params["kind"], request.query_params.get("names", "").split(",")
        return await self._tell(incoming, LISTING, lambda context: start_times(context, kind, names))

    async def _overview(self, _request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: the machine, the running jobs and the queue."""
        shares = self._shares
        if shares is None:
            return Response(status_code=404)
        return await self._tell(incoming, LISTING, lambda context: overview(context.platform, shares))

    async def _why(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: why the resources of a name are in their status."""
        path = request.path_params
        return await self._tell(incoming, LISTING, lambda context: reasons(context, path["kind"], path["name"]))

    async def _quotas(self, _request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: the limits that are set, and what is used of them."""
        return await self._tell(incoming, LISTING, quota_limits)

    async def _set_quota(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: sets a limit, or removes it."""
        quota, given = request.path_params["quota"], request.query_params
        subject, value = given.get("subject", ""), given.get("value", "")
        if request.method == "DELETE":
            return await self._tell(incoming, None, lambda context: unset_limit(context, quota, subject))
        return await self._tell(incoming, None, lambda context: set_limit(context, quota, subject, value))

    async def _decide_quota(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: approves or denies a request for a larger quota."""
        name, approve = request.path_params["id"], request.query_params.get("decision") == "approve"
        return await self._tell(incoming, None, lambda context: decide(context, name, approve=approve))

    async def _sign_in(self, request: Request, incoming: Incoming) -> Response:
        """Serves the command line, as above: the token of a URL that signs a user in to Studio once."""
        name, seconds = request.path_params["user"], request.query_params.get("seconds", "300")
        valid_s = int(seconds) if seconds.isascii() and seconds.isdecimal() and len(seconds) < 9 else 0
        return await self._tell(incoming, None, lambda context: one_time_token(context, name, valid_s))

    async def _tell(self, incoming: Incoming, same: SameRight | None, tell: Callable[[Context], object]) -> Response:
        """`same`: the operation whose right the caller needs; None if `tell` decides."""
        received = incoming.request
        received.body = BytesBody(await incoming.whole(SMALL, _too_long))

        def told() -> object:
            context = self._command(received, "ask this")
            if same is not None:
                authorize(context, *same)
            return tell(context)

        described = await self._pool.run(told)
        incoming.prove()
        return Response(orjson.dumps(described), media_type="application/json")

    def _command(self, received: HttpRequest, what: str) -> Context:
        """Raises AwsError for a request that the command line has not signed."""
        key = self._authenticator.authenticate(received, "sagewright")
        if key.job_id is not None:
            raise AwsError("AccessDeniedException", f"The credentials of a job can not {what}.", 403)
        settings = self._platform.settings
        principal, origin = (
            Principal(key.principal_arn, key.user_id, key.id, key.session),
            origin_of(received, form=False),
        )
        return Context("", settings.account, settings.region, principal, self._platform, origin=origin)

    async def _objects(self, request: Request, incoming: Incoming) -> Response:
        host = await self._authorised(request, incoming)
        if host is None:
            return Response(status_code=403)
        objects = self._platform.objects
        try:
            requested = orjson.loads(await incoming.whole(MOST_QUESTION, _too_long))
            if not isinstance(objects, BucketStore):
                raise inputs.NotBeside
            found = await self._pool.run(self._located, host, objects, requested)
        except inputs.NotBeside:
            return _error("NotBeside", "the proof is wrong", 409)
        except AwsError as error:
            what = error.fields.get("Key") or error.fields.get("BucketName", "")
            return _error(error.code, f"{error.message} ({what})" if what else error.message, 404)
        except MALFORMED:
            return _error("BadRequest", "a question is a JSON object", 400)
        return Response(orjson.dumps(found), media_type="application/json")

    def _located(self, host: Host, objects: BucketStore, requested: dict[str, Any]) -> dict[str, Any]:
        """Returns the files of the objects that the host's job may read."""
        found = inputs.look_up(self._platform.settings, objects, requested)
        job = jobs.get(self._platform.store, host.job_id)
        if job is None:
            raise inputs.NotBeside
        authorize_beside(reading_as(self._platform, job, demand_of(job).role_arn), requested, found)
        return found

    async def _put_part(self, request: Request, incoming: Incoming) -> Response:
        host = await self._authorised(request, incoming)
        if host is None or request.path_params["part"] not in PARTS:
            return Response(status_code=403)
        path, pulled = self._part_path(host, request.path_params["part"], host.name), incoming.rest()
        incoming.request.body = pulled
        try:
            await asgi.answered(incoming.request, pulled, self._pool, lambda received: _keep_part(received, path))
        except OSError as error:
            log.warning("a part for %s could not be kept: %s", host.job_id, error)
            return _error("InsufficientStorage", "the part could not be kept", 507)
        return Response(status_code=204)

    async def _get_part(self, request: Request, incoming: Incoming) -> Response:
        host = await self._authorised(request, incoming)
        other = request.path_params["other"]
        if host is None or request.path_params["part"] not in PARTS or not _HOST.fullmatch(other):
            return Response(status_code=403)
        path = self._part_path(host, request.path_params["part"], other)
        return FileResponse(path) if path.is_file() else Response(status_code=404)

    async def _authorised(self, request: Request, incoming: Incoming) -> Host | None:
        if incoming.crowded:
            raise Full
        store, host_id = self._platform.store, request.path_params["host_id"]
        host = hosts.find(store, host_id) if store.embedded else await self._entry.run(hosts.find, store, host_id)
        if host is None or not hosts.token_matches(host, _token(request)):
            return None
        incoming.prove()
        return host

    def _part_path(self, host: Host, part: str, name: str) -> Path:
        return self._platform.settings.data / "jobs" / host.job_id / str(host.attempt) / f"{name}.{part}.tar"


def _keep_part(received: HttpRequest, path: Path) -> HttpResponse:
    """Writes a whole body to a file of this name. Raises AwsError for a body that breaks off, OSError for a full disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    try:
        with partial.open("wb") as file:
            while piece := received.body.read(asgi.PIECE):
                file.write(piece)
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return HttpResponse(204)


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _error(code: str, message: str, status: int) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=status)


def _too_long(most: int) -> AwsError:
    return AwsError("RequestEntityTooLarge", f"the body has more than {most} bytes", 413)
