"""Routing of S3 requests to operation, bucket and key. Built from the botocore model at run time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sagewright.http.messages import HttpRequest
from sagewright.model.aws.shapes import OperationModel, StructureShape
from sagewright.model.errors import AwsError, SerializationException
from sagewright.wire.models import service_model
from sagewright.wire.protocols.rest import bindings, decode_uri

NOT_OURS = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse", "CreateSession"})
"""Operations of S3's other endpoints (directory buckets, object Lambda), whose requests look like those served here."""

POST_OBJECT = "PostObject"
"""An upload by an HTML form, which is not in the model."""

BASE_HOSTS = ("localhost", "s3.localhost")
_AWS_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")


def is_completion(request: HttpRequest) -> bool:
    """Returns True for the completion of an upload, the only request whose work grows with earlier requests."""
    return request.method == "POST" and "uploadId=" in request.query


@dataclass(frozen=True)
class S3Route:
    """`bucket` and `key` are decoded; None if the request names none. `virtual_host`: True if the host named the bucket."""

    operation: str
    bucket: str | None
    key: str | None
    virtual_host: bool = False

    def parameters(self) -> dict[str, Any]:
        """Returns the request members in the address."""
        members = {"Bucket": self.bucket, "Key": self.key}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True)
class _Candidate:
    """An operation, and the constants, parameters and headers that its requests must have."""

    name: str
    constants: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    headers: tuple[str, ...]

    @property
    def specificity(self) -> int:
        return len(self.constants) * 4 + len(self.parameters) + len(self.headers)

    def fits(self, query: dict[str, str], headers: dict[str, str]) -> bool:
        for name in self.headers:
            if name not in headers:
                return False
        for name in self.parameters:
            if name not in query:
                return False
        return all(name in query and (not value or query[name] == value) for name, value in self.constants)


def check_length(request: HttpRequest, route: S3Route) -> None:
    """Raises MissingContentLength, NotImplemented for an upload without a length.

    Source: AWS's answer as quoted in aws/aws-sdk-go#4944; streams of the SDKs send their length in `x-amz-decoded-content-length`.
    """
    if route.operation not in {"PutObject", "UploadPart"} or "content-length" in request.headers:
        return
    if "transfer-encoding" not in request.headers:
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if "x-amz-decoded-content-length" not in request.headers:
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, 501, {"Header": "Transfer-Encoding"})


class S3Router:
    """`base_hosts`: names before which a further label is a bucket (`bucket.localhost`)."""

    def __init__(self, base_hosts: Sequence[str] = BASE_HOSTS) -> None:
        self._base_hosts = sorted((host.lower() for host in base_hosts), key=len, reverse=True)
        self._candidates: dict[tuple[str, int], list[_Candidate]] = {}
        self._plain: dict[tuple[str, int], list[_Candidate]] = {}

    def match(self, request: HttpRequest) -> S3Route:
        """Raises AwsError: InvalidURI, MethodNotAllowed."""
        bucket, key, virtual_host = self.address(request)
        level = 0 if bucket is None else 1 if key is None else 2
        if request.method == "POST" and level == 1 and not request.query:
            return S3Route(POST_OBJECT, bucket, None, virtual_host)
        query = dict(request.query_pairs()) if request.query else {}
        table = self._table() if query else self._table_of_plain()
        for candidate in table.get((request.method, level), ()):
            if candidate.fits(query, request.headers):
                return S3Route(candidate.name, bucket, key, virtual_host)
        raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)

    def address(self, request: HttpRequest) -> tuple[str | None, str | None, bool]:
        """Returns the bucket, the key, and True if the host named the bucket. Raises InvalidURI."""
        bucket = self._bucket_in_host(request.host)
        path = request.path.removeprefix("/")
        virtual_host = bucket is not None
        if bucket is None:
            first, _, path = path.partition("/")
            bucket = unquote(first) or None
        try:
            return bucket, decode_uri(path) or None, virtual_host
        except SerializationException:
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None

    def _bucket_in_host(self, host: str) -> str | None:
        name = host.lower().partition(":")[0] if not host.startswith("[") else ""
        for base in self._base_hosts:
            if name == base:
                return None
            if name.endswith("." + base):
                return name[: -len(base) - 1]
        found = _AWS_HOST.fullmatch(name) if ".s3" in name else None
        return found["bucket"] if found else None

    def _table_of_plain(self) -> dict[tuple[str, int], list[_Candidate]]:
        """Returns the possible operations of a request without a query."""
        if not self._plain:
            self._plain = {where: list(filter(_is_plain, them)) for where, them in self._table().items()}
        return self._plain

    def _table(self) -> dict[tuple[str, int], list[_Candidate]]:
        if not self._candidates:
            self._candidates = _read_model()
        return self._candidates


def _is_plain(candidate: _Candidate) -> bool:
    return not candidate.constants and not candidate.parameters


def _read_model() -> dict[tuple[str, int], list[_Candidate]]:
    """Returns the operations by method and level, the most specific first."""
    model = service_model("s3")
    table: dict[tuple[str, int], list[_Candidate]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        if name in NOT_OURS or operation.deprecated:
            continue
        path, _, _ = operation.http["requestUri"].partition("?")
        level = 2 if "{Key+}" in path else 1 if "{Bucket}" in path else 0
        table.setdefault((operation.http["method"], level), []).append(_candidate(operation))
    return {where: sorted(them, key=lambda c: -c.specificity) for where, them in table.items()}


def _candidate(operation: OperationModel) -> _Candidate:
    _, _, constant_text = operation.http["requestUri"].partition("?")
    constants = tuple(
        (name, value) for name, _, value in (item.partition("=") for item in constant_text.split("&") if item)
    )
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    if isinstance(operation.input_shape, StructureShape):
        bound = bindings(operation.input_shape)
        required = set(operation.input_shape.required_members)
        parameters = tuple(n for n, b in bound.query.items() if b.member in required)
        headers = () if constants else tuple(n for n, b in bound.headers.items() if b.member in required)
    return _Candidate(operation.name, constants, parameters, headers)
