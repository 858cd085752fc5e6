"""REST bindings, shared by rest-xml and rest-json: members in the URI, the query and the headers.

The bindings are read from the botocore model; bodies are left to the protocols.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes
from urllib.request import parse_http_list

from sagewright.http.messages import HttpRequest, header_text
from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import SerializationException
from sagewright.wire.protocols.members import read_scalar, to_timestamp

STATUS = "__status__"
"""Member of a result that overrides the HTTP status of the model."""

_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class BoundMember:
    """A member and the shape of its value."""

    member: str
    shape: Shape


@dataclass(frozen=True)
class WrittenHeader:
    """The name of a header, and what writes a member's value as its text."""

    name: str
    text: Callable[[Any], str]


@dataclass(frozen=True)
class Bindings:
    """Locations of the members of one structure: wire name → member. Header names are lower-case.

    `header_of` is the inverse: member → header, as written.
    """

    labels: dict[str, BoundMember] = field(default_factory=dict)
    query: dict[str, BoundMember] = field(default_factory=dict)
    query_maps: list[BoundMember] = field(default_factory=list)
    headers: dict[str, BoundMember] = field(default_factory=dict)
    prefixes: dict[str, BoundMember] = field(default_factory=dict)
    status: list[BoundMember] = field(default_factory=list)
    body: dict[str, Shape] = field(default_factory=dict)
    header_of: dict[str, WrittenHeader] = field(default_factory=dict)
    payload: BoundMember | None = None


@cache
def bindings(shape: StructureShape) -> Bindings:
    """Returns the bindings of an input or output shape; `body` has members without another location that are not the payload."""
    found = Bindings(payload=_payload(shape))
    for name, member in shape.members.items():
        traits = member.serialization
        wire_name = traits.get("name", name)
        bound = BoundMember(name, member)
        match traits.get("location"):
            case "uri":
                found.labels[wire_name] = bound
            case "querystring" if isinstance(member, MapShape):
                found.query_maps.append(bound)
            case "querystring":
                found.query[wire_name] = bound
            case "header":
                found.headers[wire_name.lower()] = bound
                found.header_of[name] = WrittenHeader(wire_name, _writer(member))
            case "headers":
                found.prefixes[wire_name.lower()] = bound
            case "statusCode":
                found.status.append(bound)
            case _ if found.payload is None or found.payload.member != name:
                found.body[name] = member
    return found


def _payload(shape: StructureShape) -> BoundMember | None:
    name = shape.serialization.get("payload")
    return BoundMember(name, shape.members[name]) if name else None


def read_members(operation: OperationModel, request: HttpRequest, *, labels: bool = True) -> dict[str, Any]:
    """Returns the members of the request outside its body, without those of its path unless `labels`. Raises
    SerializationException."""
    if not isinstance(operation.input_shape, StructureShape):
        return {}
    bound = bindings(operation.input_shape)
    values = _read_labels(operation, bound, request.path) if labels and bound.labels else {}
    if request.query:
        _read_query(bound, request.query_pairs(), values)
    for name, text in request.headers.items():
        if (header := bound.headers.get(name)) is not None:
            values[header.member] = _read_header(header.shape, text)
    for prefix, target in bound.prefixes.items():
        found = {n[len(prefix) :]: header_text(v) for n, v in request.headers.items() if n.startswith(prefix)}
        if found:
            values[target.member] = found
    return values


def decode_uri(text: str) -> str:
    """Decodes percent-encoded UTF-8. Raises SerializationException."""
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise SerializationException("The URI is not UTF-8 once its percent-encoding is undone") from None


@cache
def _template(request_uri: str) -> re.Pattern[str]:
    """Returns `/{Bucket}/{Key+}?x` as a pattern; a greedy label includes slashes."""
    pattern = ""
    for piece in re.split(r"(\{[^}]+\})", request_uri.split("?", maxsplit=1)[0]):
        if piece.startswith("{"):
            greedy = piece.endswith("+}")
            pattern += f"(?P<{_group(piece.strip('{}+'))}>{'.+' if greedy else '[^/]+'})"
        else:
            pattern += re.escape(piece)
    return re.compile(pattern, re.DOTALL)


@cache
def _group(label: str) -> str:
    return "label_" + re.sub(r"\W", "_", label)


def _read_labels(operation: OperationModel, bound: Bindings, path: str) -> dict[str, Any]:
    found = _template(operation.http["requestUri"]).fullmatch(path)
    if found is None:
        return {}
    return {
        target.member: read_scalar(target.shape, decode_uri(found[_group(name)]))
        for name, target in bound.labels.items()
        if _group(name) in found.groupdict()
    }


def _read_query(bound: Bindings, pairs: list[tuple[str, str]], values: dict[str, Any]) -> None:
    for name, text in pairs:
        target = bound.query.get(name)
        if target is None:
            for extra in bound.query_maps:
                _read_query_map(extra, name, text, values)
        elif not text and target.shape.type_name in {"integer", "long"}:
            continue  # treated as missing
        elif isinstance(target.shape, ListShape):
            values.setdefault(target.member, []).append(read_scalar(target.shape.member, text))
        else:
            values[target.member] = read_scalar(target.shape, text)


def _read_query_map(target: BoundMember, name: str, text: str, values: dict[str, Any]) -> None:
    assert isinstance(target.shape, MapShape)
    entries = values.setdefault(target.member, {})
    if isinstance(target.shape.value, ListShape):
        entries.setdefault(name, []).append(text)
    else:
        entries[name] = text


def _read_header(shape: Shape, text: str) -> Any:
    if isinstance(shape, ListShape):
        return [read_scalar(shape.member, item.strip().strip('"')) for item in parse_http_list(text)]
    if shape.serialization.get("jsonvalue"):
        try:
            return json.loads(base64.b64decode(text))
        except ValueError:
            raise SerializationException(f"The header value of {shape.name} is not base64 of JSON") from None
    if shape.type_name == "string":
        return header_text(text)
    return read_scalar(shape, text)


def write_head(operation: OperationModel, result: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]]]:
    """Returns the HTTP status and the headers of the response for `result`."""
    status = int(operation.http.get("responseCode", 200))
    headers: list[tuple[str, str]] = []
    if isinstance(operation.output_shape, StructureShape):
        bound = bindings(operation.output_shape)
        for target in bound.status:
            status = result.get(target.member, status)
        for member, value in result.items():
            if value is not None and (header := bound.header_of.get(member)) is not None:
                headers.append((header.name, header.text(value)))
        for target in bound.prefixes.values():
            prefix = target.shape.serialization.get("name", "")
            headers.extend((prefix + name, _safe(value)) for name, value in (result.get(target.member) or {}).items())
    return int(result.get(STATUS, status)), headers


def _writer(shape: Shape) -> Callable[[Any], str]:
    """Returns the function that writes a member as header text, in a form that can always be sent."""
    if isinstance(shape, ListShape):
        item = _writer(shape.member)
        return lambda value: ", ".join(map(item, value))
    if shape.serialization.get("jsonvalue"):
        return lambda value: base64.b64encode(json.dumps(value).encode()).decode()
    if shape.type_name == "timestamp":
        form = shape.serialization.get("timestampFormat", "rfc822")
        return lambda value: format_timestamp(value, form)
    if shape.type_name == "boolean":
        return lambda value: "true" if value else "false"
    if shape.type_name == "blob":
        return lambda value: base64.b64encode(value).decode()
    return lambda value: _safe(str(value))


def _safe(value: str) -> str:
    """Replaces control characters; encodes non-ASCII text as UTF-8 bytes."""
    if value.isascii() and value.isprintable():
        return value
    value = _UNSAFE.sub(" ", value)
    return value if value.isascii() else value.encode().decode("latin-1")


def format_timestamp(value: Any, form: str) -> str:
    """`form`: iso8601 (milliseconds, Z), rfc822 (HTTP dates) or unixTimestamp."""
    return _formatted(to_timestamp(value), form)


@lru_cache(maxsize=10_000)
def _formatted(when: datetime, form: str) -> str:
    moment = when.astimezone(UTC)
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    if form == "unixTimestamp":
        return str(int(moment.timestamp()))
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
