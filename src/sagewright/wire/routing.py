"""Routing of requests to services and operations. All services share one port; the order of checks is:

X-Amz-Target → credential scope s3 → REST paths of the JSON services → form `Action` → S3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import AwsError, NotImplementedYet
from sagewright.wire.encodings import beginning, is_compressed
from sagewright.wire.models import SERVICES, service_model
from sagewright.wire.protocols.query import form_values

REST_JSON = {
    "sagemaker-runtime": ("", "sagemaker"),
    "sagemaker-metrics": ("", "sagemaker"),
    "lambda": ("lambda",),
    "scheduler": ("scheduler",),
    "resource-groups": ("resource-groups",),
}
"""Services recognised by their paths, and the signing scopes that their clients use."""
CBOR_PATH = re.compile(r"/service/(?P<prefix>[A-Za-z0-9_]+)/operation/(?P<operation>[A-Za-z0-9]+)/?$")
QUERY_VERSIONS = {
    "2011-06-15": "sts",
    "2010-05-08": "iam",
    "2010-08-01": "cloudwatch",
    "2010-03-31": "sns",
    "2012-11-05": "sqs",
}
SCOPES = {"monitoring": "cloudwatch", "sts": "sts", "iam": "iam", "sns": "sns", "sqs": "sqs", "s3": "s3"}
XML_SCOPES = frozenset({"cloudfront", "route53"})
"""Scopes of unsupported services whose clients read only XML."""
FORMS = frozenset({"sts", "iam", "sns"})
"""Services that only use the query protocol."""
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
_ACTION_WITHIN = 1024
"""Number of bytes that contain the action of a compressed form; AWS's SDKs begin with it."""
_PREFIXES = {prefix: service for service, prefix in SERVICES.items() if prefix}


@dataclass(frozen=True)
class Route:
    """`operation` is None for S3, whose routes determine the operation. `protocol`: json, cbor, query, rest-json, rest-xml."""

    service: str
    operation: str | None
    protocol: str

    def unknown(self) -> AwsError:
        """Returns the error for an operation that the service lacks."""
        if (self.service, self.protocol) == ("sqs", "query"):
            return AwsError("InvalidAction", f"The action {self.operation} is not valid for this endpoint.")
        return AwsError("UnknownOperationException", f"The service {self.service} has no operation '{self.operation}'.")


def scope_service(request: HttpRequest) -> str:
    """Returns the service in the credential scope of the signature, "" if there is none."""
    authorization = request.headers.get("authorization", "")
    found = _CREDENTIAL.search(authorization)
    text = found.group(1) if found else dict(request.query_pairs()).get("X-Amz-Credential", "")
    parts = text.split("/")
    return parts[-2] if len(parts) >= 5 else ""


def route(request: HttpRequest) -> Route:
    """Raises AwsError for a request to an unsupported service."""
    target = request.headers.get("x-amz-target", "")
    if target:
        return _by_target(target, request)
    scope = scope_service(request)
    if scope == "s3":
        return Route("s3", None, "rest-xml")
    return _by_path(request) or _by_action(request, scope) or _otherwise(request, scope)


def route_of_head(request: HttpRequest) -> Route:
    """Returns the route as far as the request's head determines it; the operation can be in the body.

    Raises AwsError for a request to an unsupported service.
    """
    target = request.headers.get("x-amz-target", "")
    if target:
        return _by_target(target, request)
    scope = scope_service(request)
    if scope == "s3":
        return Route("s3", None, "rest-xml")
    by_path = _by_path(request)
    if by_path is not None:
        return by_path
    if _may_be_form(request, scope):
        return Route(SCOPES.get(scope, "sts"), None, "query")
    return _otherwise(request, scope)


def _by_target(target: str, request: HttpRequest) -> Route:
    prefix, _, operation = target.rpartition(".")
    service = _PREFIXES.get(prefix)
    if service is None:
        raise NotImplementedYet(scope_service(request) or prefix, operation)
    return Route(service, operation, "json")


def _by_path(request: HttpRequest) -> Route | None:
    found = CBOR_PATH.fullmatch(request.path)
    if found and found["prefix"] in _PREFIXES:
        return Route(_PREFIXES[found["prefix"]], found["operation"], "cbor")
    scope = scope_service(request)
    for service in [service for service, scopes in REST_JSON.items() if scope in scopes]:
        for method, pattern, name in _rest_patterns(service):
            if method == request.method and pattern.fullmatch(request.path):
                return Route(service, name, "rest-json")
    return None


@cache
def _rest_patterns(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    patterns = []
    model = service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].split("?")[0]
        regex = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))
        patterns.append((http["method"], re.compile(regex), name))
    return patterns


def _by_action(request: HttpRequest, scope: str) -> Route | None:
    if not _may_be_form(request, scope):
        return None
    data = request.body.read() if request.method == "POST" else b""
    request.body = BytesBody(data)
    if is_compressed(request):
        request.body = BytesBody(beginning(data, _ACTION_WITHIN))
    values = form_values(request)
    request.body = BytesBody(data)
    action = values.get("Action")
    if action is None and scope == "sqs":
        raise AwsError("UnknownOperationException", "The request to a queue names no action.", 404)
    if action is None and scope in FORMS:
        raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
    if action is None:
        return None
    service = SCOPES.get(scope) or QUERY_VERSIONS.get(values.get("Version", ""))
    if service is None:
        refused = NotImplementedYet(scope or "an unnamed service", action)
        raise AwsError("InvalidAction", refused.message)
    return Route(service, action, "query")


def _may_be_form(request: HttpRequest, scope: str) -> bool:
    if request.method not in {"POST", "GET"} or (scope != "sqs" and unquote(request.path) != "/"):
        return False
    return request.method == "GET" or scope in SCOPES or "x-www-form" in request.headers.get("content-type", "")


def likely_protocol(request: HttpRequest) -> str:
    """Returns the protocol in which to word an error for a request that could not be routed."""
    if "x-amz-target" in request.headers:
        return "json"
    scope = scope_service(request)
    if "x-www-form" in request.headers.get("content-type", "") or scope == "sqs":
        return "ec2" if scope == "ec2" else "query"
    return "rest-xml" if scope in {"", "s3"} or scope in XML_SCOPES else "rest-json"


def _otherwise(request: HttpRequest, scope: str) -> Route:
    if scope in {"", "s3"}:
        return Route("s3", None, "rest-xml")
    raise NotImplementedYet(scope, f"{request.method} {request.path}")
