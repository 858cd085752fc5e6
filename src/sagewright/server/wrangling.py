"""The client of Data Wrangler's session: an app of type Canvas, found or made as the caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from sagewright.engine.apps.app_routes import routes_of
from sagewright.engine.calls import OperationRequest
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.services.sagemaker.studio.domains import own_domain_id
from sagewright.store.database import Database
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Answer, Broken, ContainerUnreachable, TooLong, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress
from sagewright.wire.calls import Calls
from sagewright.wrangler import release

APP_TYPE, APP_NAME, PROFILE = "Canvas", "default", "default"
TIMEOUT_S = 90.0
MOST_ANSWER = 64 * 1024 * 1024
STARTING = "The session of Data Wrangler starts"
_ENDED = ("Deleted", "Failed")


class WranglerSessions:
    """`call`: operations in process. A session of another release is ended once, so that the next one has this server's code."""

    def __init__(self, call: Calls, store: Database, settings: Settings) -> None:
        self._call, self._store, self._settings = call, store, settings
        self._upstreams: dict[Path, BlockingUpstream] = {}
        self._ended_releases: set[str] = set()

    def ask(self, principal: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the session's answer; `starting` says why it waits. Raises AwsError."""
        domain = own_domain_id(self._settings.account, self._settings.region)
        identity = {"DomainId": domain, "UserProfileName": PROFILE, "AppType": APP_TYPE, "AppName": APP_NAME}
        try:
            app = self._operation(principal, "DescribeApp", identity)
        except AwsError as error:
            if "NotFound" not in error.code:
                raise
            app = {"Status": "Deleted"}
        if app["Status"] in _ENDED:
            if app["Status"] == "Failed":
                self._operation(principal, "DeleteApp", identity)
                raise AwsError("InternalFailure", f"The session failed: {app.get('FailureReason', 'see its log')}", 503)
            self._operation(principal, "CreateApp", identity)
            return {"starting": f"{STARTING}…"}
        directory = self._directory(app["AppArn"])
        if directory is None:
            return {"starting": f"{STARTING} ({app['Status']}); the first time its packages are installed…"}
        answer = self._answer(directory, path, request)
        if answer is None:
            return {"starting": f"{STARTING} again…"}
        if self._is_outdated(answer.headers.get(release.HEADER, "")):
            self._operation(principal, "DeleteApp", identity)
            return {"starting": f"{STARTING} again, with this server's release…"}
        return _document(answer)

    def _is_outdated(self, found: str) -> bool:
        """True at the first answer of another release. If sessions keep reporting it, as after an upgrade of only the files, it
        is accepted."""
        if found == release.digest() or found in self._ended_releases:
            return False
        self._ended_releases.add(found)
        return True

    def _operation(self, principal: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._call(OperationRequest(principal, "sagemaker", operation, request))

    def _directory(self, arn: str) -> Path | None:
        for route in routes_of(self._store, self._settings.account):
            if route["arn"] == arn and route["directory"]:
                return Path(route["directory"])
        return None

    def _answer(self, directory: Path, path: str, request: dict[str, Any]) -> Answer | None:
        """Returns the session's answer, None while it can't be reached. Raises AwsError."""
        upstream = self._upstreams.get(directory)
        if upstream is None:
            for old in self._upstreams.values():
                old.close()
            self._upstreams = {directory: (upstream := BlockingUpstream(ContainerAddress(directory)))}
        body = orjson.dumps(request)
        ask = UpstreamRequest("POST", f"/{path}", {"Content-Type": "application/json"}, body)
        try:
            return upstream.ask(ask, TIMEOUT_S, MOST_ANSWER)
        except TooLong:
            raise AwsError(
                "InternalFailure", f"The session's answer has more than {MOST_ANSWER:,} bytes.", 502
            ) from None
        except (ContainerUnreachable, Broken):
            return None
        except TimeoutError:
            raise AwsError("RequestTimeout", f"The session did not answer within {TIMEOUT_S:g} s.", 504) from None


def _document(answer: Answer) -> dict[str, Any]:
    """Returns the JSON object of an answer. Raises AwsError."""
    try:
        document = read_json(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AwsError("InternalFailure", "The session's answer is not a JSON object.", 502)
    if answer.status != 200:
        raise AwsError("ValidationException", str(document.get("message", "The session refused the request.")))
    return document
