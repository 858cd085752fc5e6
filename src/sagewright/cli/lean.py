"""Signed requests to the running server without boto3, whose import takes longer than a whole query may take.

Serves the services with AWS's JSON protocols. Methods and paginators are named as boto3's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from sagewright.cli.exchange import BrokenExchange, HttpExchange
from sagewright.cli.options import FAILURE, fail
from sagewright.door.environment import NoServer, ServerTarget, find_target
from sagewright.model.settings import Settings

Document = dict[str, Any]
TIMEOUT_S = 60.0
_PAGE = 100


@dataclass(frozen=True)
class JsonService:
    """`signed`: name in signatures; `target`: prefix of X-Amz-Target; `seconds`: moments are seconds since the epoch."""

    signed: str
    target: str
    version: str = "1.1"
    seconds: bool = True


SERVICES = {
    "sagemaker": JsonService("sagemaker", "SageMaker"),
    "logs": JsonService("logs", "Logs_20140328", seconds=False),
    "events": JsonService("events", "AWSEvents"),
    "service-quotas": JsonService("servicequotas", "ServiceQuotasV20190624"),
    "cloudtrail": JsonService("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
}


class ServiceError(Exception):
    """An error that the server answered."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class SignedConnection:
    """One connection to a server, kept between requests. A command ends if the server does not answer."""

    def __init__(self, target: ServerTarget) -> None:
        self.target = target
        self._host = urlsplit(target.endpoint).netloc
        self._http = HttpExchange(target.endpoint, TIMEOUT_S, target.authority)

    def send(self, method: str, path: str, service: str, headers: Mapping[str, str], body: bytes = b"") -> Any:
        """Returns the parsed response, None for an empty one. Raises ServiceError."""
        signed = self._signed(method, path, service, headers, body)
        try:
            status, content = self._http.request(method, path, signed, body)
        except BrokenExchange as error:
            fail(f"The server at {self.target.endpoint} does not answer: {error}", FAILURE)
        if status >= 400:
            raise _error(content, status)
        return orjson.loads(content) if content else None

    def _signed(self, method: str, path: str, service: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Adds a signature of version 4 to the headers."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        named = {name.lower(): value for name, value in headers.items()} | {"host": self._host, "x-amz-date": moment}
        names = ";".join(sorted(named))
        lines = "".join(f"{name}:{named[name]}\n" for name in sorted(named))
        plain, _, query = path.partition("?")
        pairs = "&".join(sorted(query.split("&")))
        canonical = "\n".join([method, quote(plain), pairs, lines, names, hashlib.sha256(body).hexdigest()])
        scope = f"{moment[:8]}/{self.target.region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.target.secret_access_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{self.target.access_key_id}/{scope}"
        named["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
        return named


class ServiceClient:
    """Operations of one service by boto3's names, and paginators over them."""

    def __init__(self, connection: SignedConnection, service: str) -> None:
        self._connection, self._service = connection, SERVICES[service]

    @property
    def region_name(self) -> str:
        return self._connection.target.region

    def call(self, operation: str, **members: Any) -> Document:
        """Returns the answer, with its moments as datetimes. Raises ServiceError."""
        headers = {
            "content-type": f"application/x-amz-json-{self._service.version}",
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        answer = self._connection.send("POST", "/", self._service.signed, headers, orjson.dumps(members))
        found: Document = _with_moments(answer or {}) if self._service.seconds else answer or {}
        return found

    def pages(self, operation: str, *, most: int | None = None, **members: Any) -> Iterator[Document]:
        """Yields pages. `most`: number of entries after which no page is requested. Raises ServiceError."""
        token, seen, name = None, 0, "nextToken" if self._service.target.startswith("Logs") else "NextToken"
        while True:
            sized = members if most is None else members | {"MaxResults": min(_PAGE, most - seen)}
            page = self.call(operation, **sized, **({name: token} if token else {}))
            yield page
            token = page.get(name)
            seen += max((len(value) for value in page.values() if isinstance(value, list)), default=0)
            if not token or (most is not None and seen >= most):
                return

    def get_paginator(self, method: str) -> Paginator:
        return Paginator(self, _operation(method))

    def __getattr__(self, method: str) -> Callable[..., Document]:
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda **members: self.call(_operation(method), **members)


@dataclass(frozen=True)
class Paginator:
    """`client`'s pages of one operation, requested as with boto3."""

    client: ServiceClient
    operation: str

    def paginate(self, PaginationConfig: Mapping[str, int] | None = None, **members: Any) -> Iterator[Document]:  # noqa: N803
        most = (PaginationConfig or {}).get("MaxItems")
        return self.client.pages(self.operation, most=most, **members)


def connect(settings: Settings) -> SignedConnection:
    """Connects to the server of a data directory; ends the command if none runs."""
    try:
        return SignedConnection(find_target(settings.data, settings.region, settings.account))
    except NoServer as error:
        fail(str(error))


def lean_client(settings: Settings, service: str) -> ServiceClient:
    """Returns a client of a service in SERVICES; ends the command if no server runs."""
    return ServiceClient(connect(settings), service)


def request(settings: Settings, method: str, path: str) -> Any:
    """Sends a request for which AWS has no operation; ends the command if the server refuses it."""
    try:
        return connect(settings).send(method, f"/_sagewright/{path}", "sagewright", {})
    except ServiceError as error:
        fail(error.message, FAILURE)


def _operation(method: str) -> str:
    return "".join(part.capitalize() for part in method.split("_"))


def _error(content: bytes, status: int) -> ServiceError:
    try:
        document = orjson.loads(content)
        code = str(document.get("__type") or document.get("code") or status).rpartition("#")[2]
        return ServiceError(code, str(document.get("message") or document.get("Message") or code))
    except (ValueError, AttributeError):
        return ServiceError(str(status), f"The server answered {status}.")


_MOMENT = re.compile(r"(?:.*Time|.*Timestamp|TimeStamp|Created|LastUpdated)")
"""Names of members that are points in time; durations have their unit at the end of the name."""


def _with_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: datetime.fromtimestamp(one, UTC)
            if isinstance(one, int | float) and not isinstance(one, bool) and _MOMENT.fullmatch(name)
            else _with_moments(one)
            for name, one in value.items()
        }
    return [_with_moments(one) for one in value] if isinstance(value, list) else value
