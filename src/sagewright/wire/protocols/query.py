"""The query protocol (STS, IAM, SNS, older clients of CloudWatch and SQS): form values as input, XML as output."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import AwsError, SerializationException
from sagewright.wire.protocols.members import read_scalar
from sagewright.wire.protocols.xmltree import escape
from sagewright.wire.queryforms import QUEUES, address

MAX_ITEMS = 10_000
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 can't contain, not even as a reference: they would make a message unreadable."""


class QueryProtocol:
    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
        form = form_values(request)
        if operation.input_shape is None:
            return {}
        decoded: dict[str, Any] = _read(operation.input_shape, "", form)
        if operation.service_model.service_name == QUEUES and request.path.strip("/"):
            address(operation, request.path, decoded)
        return decoded

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        out: list[str] = []
        namespace = operation.service_model.metadata.get("xmlNamespace", "")
        out.append(f'<{operation.name}Response xmlns="{escape(namespace)}">')
        shape = operation.output_shape
        if isinstance(shape, StructureShape):
            wrapper = shape.serialization.get("resultWrapper")
            body: list[str] = []
            for name, member in shape.members.items():
                if result.get(name) is not None:
                    _write(member, member.serialization.get("name", name), result[name], body)
            out.extend(_wrapped(wrapper, body) if wrapper else body)
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{operation.name}Response>")
        return xml_response(200, "".join(out), request_id)

    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse:
        namespace = operation.service_model.metadata.get("xmlNamespace", "") if operation else ""
        if error.code == "UnknownOperationException":  # for a queue's URL without an action
            return xml_response(error.status, f"<{error.code}/>", request_id)
        fault = "Sender" if error.status < 500 else "Receiver"
        words = escaped(error.message)
        message = f"<Message>{words}</Message>" if words else ""
        detail = "<Detail/>" if operation and operation.service_model.service_name == QUEUES else ""
        text = (
            f'<ErrorResponse xmlns="{escape(namespace)}"><Error><Type>{fault}</Type><Code>{escape(error.code)}</Code>'
            f"{message}{detail}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return xml_response(error.status, text, request_id)


def _wrapped(tag: str, body: list[str]) -> list[str]:
    return [f"<{tag}>", *body, f"</{tag}>"] if body else [f"<{tag}/>"]


def form_values(request: HttpRequest) -> dict[str, str]:
    """Returns all parameters of the form body and of the query string."""
    body = request.body.read()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        raise SerializationException("The request body is not form data") from None
    return dict(request.query_pairs()) | dict(pairs)


def escaped(text: str) -> str:
    """Returns a text for XML, without the characters that XML cannot contain."""
    return escape(_NO_XML.sub("\ufffd", text))


def xml_response(status: int, text: str, request_id: str) -> HttpResponse:
    headers = [("content-type", "text/xml"), ("x-amzn-requestid", request_id)]
    return HttpResponse(status, headers, text.encode())


def _present(prefix: str, form: dict[str, str]) -> bool:
    return prefix in form or any(key.startswith(prefix + ".") for key in form)


def _read(shape: Shape, prefix: str, form: dict[str, str]) -> Any:
    if isinstance(shape, StructureShape):
        result = {}
        for name, member in shape.members.items():
            key = _join(prefix, member.serialization.get("name", name))
            if _present(key, form) or _present(_items(member, key), form):
                result[name] = _read(member, key, form)
        return result
    if isinstance(shape, ListShape):
        return _read_list(shape, prefix, form)
    if isinstance(shape, MapShape):
        return _read_map(shape, prefix, form)
    return read_scalar(shape, form.get(prefix, ""))


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _items(shape: Shape, prefix: str) -> str:
    """Returns the prefix of a list's items: that of a flattened list replaces the list's, with its own name if it has one."""
    own = shape.member.serialization.get("name") if isinstance(shape, ListShape) else None
    return _join(prefix.rpartition(".")[0], own) if own and shape.serialization.get("flattened") else prefix


def _read_list(shape: ListShape, prefix: str, form: dict[str, str]) -> list[Any]:
    if shape.serialization.get("flattened"):
        base = _items(shape, prefix)
    else:
        base = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        if not _present(base, form):
            base = f"{prefix}.member"
    items: list[Any] = []
    while _present(f"{base}.{len(items) + 1}", form) and len(items) < MAX_ITEMS:
        items.append(_read(shape.member, f"{base}.{len(items) + 1}", form))
    return items


def _read_map(shape: MapShape, prefix: str, form: dict[str, str]) -> dict[str, Any]:
    base = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    result: dict[str, Any] = {}
    position = 1
    while f"{base}.{position}.{key_name}" in form and position < MAX_ITEMS:
        key = form[f"{base}.{position}.{key_name}"]
        result[key] = _read(shape.value, f"{base}.{position}.{value_name}", form)
        position += 1
    return result


def _write(shape: Shape, tag: str, value: Any, out: list[str]) -> None:
    if isinstance(shape, ListShape):
        flat = shape.serialization.get("flattened")
        name = shape.member.serialization.get("name", tag if flat else "member")
        if not flat:
            out.append(f"<{tag}>")
        for item in value:
            _write(shape.member, name, item, out)
        if not flat:
            out.append(f"</{tag}>")
        return
    if isinstance(shape, MapShape) and shape.serialization.get("flattened"):
        _write_entries(shape, tag, value, out)
        return
    out.append(f"<{tag}>")
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                _write(member, member.serialization.get("name", name), value[name], out)
    elif isinstance(shape, MapShape):
        _write_entries(shape, "entry", value, out)
    else:
        out.append(escape(_text(value)))
    out.append(f"</{tag}>")


def _write_entries(shape: MapShape, tag: str, value: dict[str, Any], out: list[str]) -> None:
    for key, item in value.items():
        out.append(f"<{tag}>")
        _write(shape.key, shape.key.serialization.get("name", "key"), key, out)
        _write(shape.value, shape.value.serialization.get("name", "value"), item, out)
        out.append(f"</{tag}>")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
