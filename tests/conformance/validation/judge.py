"""Wrong requests put to a server that no client has checked, and whether it answers each as AWS does.

Source: the models of botocore, which are AWS's; "Common errors" of each service's API reference for the codes.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError
from services.target import REGION, Target

from sagewright.model.aws.shapes import OperationModel, StructureShape
from sagewright.services import registry
from sagewright.wire.models import SERVICES, operation_model
from validation.wrong import Wrong, wrong_requests

CODES = {
    "sagemaker": "ValidationException",
    "logs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "cloudwatch": "ValidationError",
    "events": "ValidationException",
    "application-autoscaling": "ValidationException",
    "kms": "ValidationException",
    "sqs": "InvalidParameterValue",
    "sns": "ValidationError",
    "sts": "ValidationError",
    "iam": "ValidationError",
    "lambda": "ValidationException",
    "scheduler": "ValidationException",
    "sagemaker-metrics": "ValidationException",
}
"""The code of a broken constraint."""
OTHERS = {
    ("sqs", "missing"): "MissingParameter",
    ("sqs", "enum"): "InvalidAttributeName",
    ("kms", "token"): "InvalidMarkerException",
    ("application-autoscaling", "token"): "InvalidNextTokenException",
    ("sns", "token"): "InvalidParameter",
    ("lambda", "token"): "InvalidParameterValueException",
    ("cloudwatch", "token"): "InvalidNextToken",
}
"""The code of a kind of wrong request, where it is another."""
OF_OPERATIONS = {("cloudwatch", "ListMetrics", "token"): "InvalidParameterValue"}
FORMS = frozenset({"sns", "sts", "iam"})
"""Services of the query protocol, in which every value is text: nothing can be of a wrong type."""
REST = frozenset({"lambda", "scheduler", "sagemaker-metrics"})
"""Services whose members stand in paths, queries and headers too: those are text, and those of paths have to be there."""
PLACED = "check"
"""Marker in a path whose wrong member is elsewhere."""
SIGNED_AS = {"cloudwatch": "monitoring", "sagemaker-metrics": "sagemaker"}
LEFT_OUT = frozenset({("sqs", name, "enum") for name in ("CreateQueue", "GetQueueAttributes", "ReceiveMessage")})
"""Requests that AWS does not refuse, unknown attribute names, and faults that follow from another."""


@dataclass(frozen=True)
class Told:
    """The answer to a wrong request. `header`: the code that it has as a header, "" for none."""

    status: int
    code: str
    message: str
    header: str = ""


def operations() -> list[tuple[str, str]]:
    """Those of resources that nobody can create are left out: they are checked by the same code as all others."""
    return sorted(key for key, entry in registry.load().items() if key[0] in CODES and not entry.absent)


def asked(service: str, name: str) -> Iterator[Wrong]:
    """The wrong requests that can be put to an operation."""
    for wrong in wrong_requests(model_of(service, name)):
        if (service, name, wrong.kind) in LEFT_OUT or (service in FORMS and wrong.kind == "type"):
            continue
        if service not in REST or (placed := _placed(service, name, wrong)) is not None:
            yield wrong if service not in REST else placed


def _placed(service: str, name: str, wrong: Wrong) -> Wrong | None:
    """The request with what its path needs; None for one that a client can't send, or that is another request then."""
    shape = model_of(service, name).input_shape
    assert isinstance(shape, StructureShape)
    where = {member: one.serialization.get("location") for member, one in shape.members.items()}
    first = wrong.member.partition(".")[0].partition("[")[0]
    if where.get(first) and (wrong.kind == "type" or wrong.request.get(first) in ("", "\n")):
        return None
    in_path = {member: PLACED for member, place in where.items() if place == "uri"}
    if wrong.kind == "missing" and not first and not any(where[one] is None for one in shape.required_members):
        return None
    if shape.serialization.get("payload") and first == shape.serialization["payload"]:
        return None
    return replace(wrong, request=in_path | wrong.request)


def model_of(service: str, name: str) -> OperationModel:
    model = operation_model(service, name)
    assert model is not None
    return model


def expected(service: str, name: str, wrong: Wrong) -> str:
    """The code that AWS answers with."""
    if wrong.kind == "type":
        return "SerializationException"
    special = OF_OPERATIONS.get((service, name, wrong.kind)) or OTHERS.get((service, wrong.kind))
    return special or CODES[service]


def ask(target: Target, service: str, name: str, wrong: Wrong) -> Told:
    if service in FORMS:
        return _ask_form(target, service, name, wrong)
    return (_ask_rest if service in REST else _ask_json)(target, service, name, wrong)


def _ask_json(target: Target, service: str, name: str, wrong: Wrong) -> Told:
    version = model_of(service, name).service_model.metadata["jsonVersion"]
    headers = {"X-Amz-Target": f"{SERVICES[service]}.{name}", "Content-Type": f"application/x-amz-json-{version}"}
    request = AWSRequest("POST", target.endpoint, data=json.dumps(wrong.request).encode(), headers=headers)
    return _sent(target, service, request)


def _ask_rest(target: Target, service: str, name: str, wrong: Wrong) -> Told:
    """By hand: botocore's serialiser can't write what is of a wrong type."""
    model = model_of(service, name)
    assert isinstance(model.input_shape, StructureShape)
    path, query, headers, body = model.http["requestUri"], [], {"Content-Type": "application/json"}, {}
    for member, value in wrong.request.items():
        placed = model.input_shape.members[member].serialization
        place, described = placed.get("location"), placed.get("name", member)
        if place == "uri":
            path = re.sub(rf"\{{{described}\+?\}}", quote(str(value), safe=""), path)
        elif place == "querystring":
            query += [(described, one) for one in (value if isinstance(value, list) else [value])]
        elif place == "header":
            headers[described] = str(value)
        else:
            body[described] = value
    url = f"{target.endpoint}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
    data = json.dumps(body).encode() if body or model.http["method"] in {"POST", "PUT"} else b""
    return _sent(target, service, AWSRequest(model.http["method"], url, data=data, headers=headers))


def _sent(target: Target, service: str, request: AWSRequest) -> Told:
    credentials = Credentials(target.access, target.secret)
    SigV4Auth(credentials, SIGNED_AS.get(service, service), REGION).add_auth(request)
    answer = _session.send(request.prepare())
    try:
        document: dict[str, Any] = json.loads(answer.content or b"{}")
    except ValueError:
        return Told(answer.status_code, "", "no JSON")
    kind = answer.headers.get("x-amzn-errortype", "").rpartition("#")[2]
    code = str(document["__type"]).rpartition("#")[2] if "__type" in document else kind.partition(":")[0]
    if earlier := answer.headers.get("x-amzn-query-error", "").partition(";")[0]:  # what clients tell of such services
        code = kind = earlier
    message = document.get("message") or document.get("Message") or ""
    return Told(answer.status_code, code, message, kind)


_session = URLLib3Session(
    timeout=30, socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
)  # else a request takes 40 ms


def _ask_form(target: Target, service: str, name: str, wrong: Wrong) -> Told:
    try:
        getattr(target.boto(service), xform_name(name))(**wrong.request)
    except ClientError as error:
        described = error.response["Error"]
        return Told(
            error.response["ResponseMetadata"]["HTTPStatusCode"], described["Code"], described.get("Message", "")
        )
    except (BotoCoreError, ResponseParserError) as error:  # an answer that can't be read
        return Told(0, "", type(error).__name__)
    return Told(200, "", "was not refused")


def camel(wrong: Wrong) -> str:
    """How the message names the member at which it begins."""
    first = wrong.member.partition(".")[0].partition("[")[0]
    return first[:1].lower() + first[1:]
