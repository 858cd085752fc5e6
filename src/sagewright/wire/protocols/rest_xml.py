"""The rest-xml protocol of S3. Names in an error's `fields` that begin with `@` are sent as headers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import repeat
from typing import Any

from sagewright.http.messages import BodyReader, FileBody, HttpRequest, HttpResponse
from sagewright.model.aws.columns import Columns
from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import AwsError, SerializationException
from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.blobs import BlobSlice
from sagewright.wire.models import operation_model
from sagewright.wire.protocols import rest
from sagewright.wire.protocols.members import read_scalar
from sagewright.wire.protocols.xmltree import Element, escape, malformed, parse

MAX_DOCUMENT = 8 * 1024 * 1024
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
NUMBERS = frozenset({"integer", "long", "float", "double"})
MANY = 20
_BETWEEN = "|"
"""Between values that are escaped together; nothing that `escape` changes."""
OF_OBJECTS = frozenset({"CompleteMultipartUpload"})
"""Operations whose checksum headers apply to the object, not to their body."""
ENCRYPTION = "x-amz-server-side-encryption"
BODILESS = frozenset({204, 304})

ROOTS = {
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
}
"""Root elements of responses, which the model does not name; the default is `<operation>Result`."""


class RestXmlProtocol:
    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
        """Raises AwsError with S3's codes. The body of a streaming payload stays unread; bucket and key are those of the route."""
        try:
            values = rest.read_members(operation, request, labels=False)
        except SerializationException as error:
            raise AwsError("InvalidArgument", error.message) from None
        shape = operation.input_shape
        if isinstance(shape, StructureShape):
            if operation.name == "DeleteObjects":
                _need_digest(request)
            if operation.name in {"GetObject", "HeadObject"} and (requested := request.headers.get(ENCRYPTION)):
                message = f"{ENCRYPTION} header is not supported for this operation."
                fields = {"ArgumentName": ENCRYPTION, "ArgumentValue": requested}
                raise AwsError("InvalidArgument", message, 400, fields)
            _read_body(operation, shape, request, values)
        return values

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        status, headers = rest.write_head(operation, result)
        headers += identity(request_id)
        shape = operation.output_shape
        if status in BODILESS or not isinstance(shape, StructureShape):
            return HttpResponse(status, headers)
        body, content_type = _write_body(operation, shape, result)
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return HttpResponse(status, headers, body)

    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse:
        headers = identity(request_id)
        headers += [(name[1:], value) for name, value in error.fields.items() if name.startswith("@")]
        if error.status in BODILESS or (operation is not None and operation.http["method"] == "HEAD"):
            return HttpResponse(error.status, headers)
        fields = {"Code": error.code, "Message": error.message, **error.fields}
        if error.code == "MethodNotAllowed" and operation is not None:
            fields["Method"] = operation.http["method"]
        fields |= {"RequestId": request_id, "HostId": _host_id(request_id)}
        inner = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in fields.items() if not n.startswith("@"))
        headers.append(("Content-Type", "application/xml"))
        return HttpResponse(error.status, headers, f"{PROLOGUE}<Error>{inner}</Error>".encode())


@cache
def is_streamed(operation: str) -> bool:
    """Returns True if the body of the S3 operation is bytes to store, rather than a document."""
    model = operation_model("s3", operation)
    shape = model.input_shape if model else None
    payload = rest.bindings(shape).payload if isinstance(shape, StructureShape) else None
    return payload is not None and bool(payload.shape.serialization.get("streaming"))


def identity(request_id: str) -> list[tuple[str, str]]:
    """Returns the identifying headers of every S3 response."""
    return [("x-amz-request-id", request_id), ("x-amz-id-2", _host_id(request_id)), ("Server", "AmazonS3")]


def _host_id(request_id: str) -> str:
    return base64.b64encode(hashlib.sha256(request_id.encode()).digest()).decode()


def _read_body(operation: OperationModel, shape: StructureShape, request: HttpRequest, values: dict[str, Any]) -> None:
    bound = rest.bindings(shape)
    payload = bound.payload
    if payload is None:
        if bound.body and (data := read_document(request)):
            values.update(_read_structure(shape, parse(data)))
    elif payload.shape.type_name == "blob" and payload.shape.serialization.get("streaming"):
        values[payload.member] = request.body
        _name_trailer(shape, request, values)
    elif data := read_document(request, whose_checksums="object" if operation.name in OF_OBJECTS else "body"):
        if isinstance(payload.shape, StructureShape):
            values[payload.member] = _read_structure(payload.shape, parse(data))
        else:
            values[payload.member] = data if payload.shape.type_name == "blob" else _text(data)


def _need_digest(request: HttpRequest) -> None:
    """Raises InvalidRequest for deletions without a digest: as in S3, their body must be verifiable."""
    trailing = request.headers.get("x-amz-trailer", "")
    if "content-md5" not in request.headers and "x-amz-checksum-" not in f"{trailing} {' '.join(request.headers)}":
        raise AwsError("InvalidRequest", "Missing required header for this request: Content-MD5", 400)


def _name_trailer(shape: StructureShape, request: HttpRequest, values: dict[str, Any]) -> None:
    """Names a trailing checksum in `values`, since it must be known before the body is read."""
    name = request.headers.get("x-amz-trailer", "").strip().lower()
    if name.startswith("x-amz-checksum-") and "ChecksumAlgorithm" in shape.members:
        values.setdefault("ChecksumAlgorithm", name.removeprefix("x-amz-checksum-").upper())


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise AwsError("InvalidRequest", "The body is not UTF-8") from None


def read_document(request: HttpRequest, whose_checksums: str = "body") -> bytes:
    """Returns the body of a request that is not an object, checked against the digests sent with it, if those are the body's."""
    data = read_at_most(request.body, MAX_DOCUMENT)
    md5 = request.headers.get("content-md5")
    counted = hashlib.md5(data, usedforsecurity=False).digest()
    if md5 is not None and base64.b64encode(counted).decode() != md5:
        raise checksums.bad_md5(_unarmoured(md5).hex(), counted)
    if whose_checksums != "body":
        return data
    sent = {**request.headers, **getattr(request.body, "trailers", {})}
    for algorithm in checksums.ALGORITHMS:
        expected = sent.get(f"x-amz-checksum-{algorithm.lower()}")
        if expected is not None and checksums.of_bytes(algorithm, data) != expected:
            raise checksums.bad_digest(algorithm)
    return data


def _unarmoured(md5: str) -> bytes:
    """Decodes base64. Raises InvalidDigest."""
    try:
        return base64.b64decode(md5, validate=True)
    except ValueError:
        raise AwsError(
            "InvalidDigest", "The Content-MD5 you specified was invalid.", 400, {"Content-MD5": md5}
        ) from None


def read_at_most(body: BodyReader, limit: int) -> bytes:
    """Reads a whole body. Raises MaxMessageLengthExceeded for more than `limit` bytes."""
    pieces, size = [], 0
    while piece := body.read(limit + 1 - size):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise AwsError("MaxMessageLengthExceeded", f"Your request was too big: more than {limit} bytes.")
    return b"".join(pieces)


def element_name(name: str, shape: Shape) -> str:
    """Returns the element's name; a flattened list's elements use the name of the list's member if it has one."""
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        name_of_items = shape.member.serialization.get("name")
        if name_of_items:
            return str(name_of_items)
    return str(shape.serialization.get("name", name))


def _read_structure(shape: StructureShape, element: Element) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, member in shape.members.items():
        traits = member.serialization
        if "location" in traits:
            continue
        wire_name = element_name(name, member)
        if traits.get("xmlAttribute"):
            if wire_name in element.attributes:
                values[name] = element.attributes[wire_name]
        elif traits.get("flattened") and isinstance(member, ListShape):
            items = [_read(member.member, child) for child in element.all(wire_name)]
            if items:
                values[name] = items
        elif (child := element.first(wire_name)) is not None:
            values[name] = _read(member, child)
    return values


def _read(shape: Shape, element: Element) -> Any:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, element)
    if isinstance(shape, ListShape):
        item_name = shape.member.serialization.get("name", "member")
        return [_read(shape.member, child) for child in element.all(item_name)]
    if isinstance(shape, MapShape):
        return _read_map(shape, element)
    if element.children:
        raise malformed()
    text = element.text if shape.type_name == "string" else element.text.strip()
    try:
        return read_scalar(shape, text)
    except SerializationException:
        raise malformed() from None


def _read_map(shape: MapShape, element: Element) -> dict[str, Any]:
    entries = {}
    for entry in element.all("entry"):
        key = entry.first(shape.key.serialization.get("name", "key"))
        value = entry.first(shape.value.serialization.get("name", "value"))
        if key is None or value is None:
            raise malformed()
        entries[key.text] = _read(shape.value, value)
    return entries


Body = bytes | FileBody | Any


def _write_body(operation: OperationModel, shape: StructureShape, result: dict[str, Any]) -> tuple[Body, str]:
    bound = rest.bindings(shape)
    payload = bound.payload
    if payload is None:
        if not bound.body:
            return b"", "application/xml" if operation.name == "HeadBucket" else ""
        return _document(operation, bound.body, result), "application/xml"
    value = result.get(payload.member)
    if value is None:
        return b"", ""
    if isinstance(payload.shape, StructureShape):
        out: list[str] = []
        _write(payload.shape, element_name(payload.member, payload.shape), value, out, NAMESPACE)
        return (PROLOGUE + "".join(out)).encode(), "application/xml"
    if payload.shape.type_name == "string":
        return value.encode(), "application/json" if value.startswith("{") else "text/plain"
    if isinstance(value, BlobSlice):
        value = FileBody(value.path, value.offset, value.length)
    return value, "binary/octet-stream"


def _document(operation: OperationModel, members: dict[str, Shape], result: dict[str, Any]) -> bytes:
    root = ROOTS.get(operation.name, f"{operation.name}Result")
    if operation.name == "GetBucketLocation":  # the model can't express that the root itself contains the text
        where = escape(result.get("LocationConstraint") or "")
        end = f">{where}</{root}>" if where else "/>"
        return f'{PROLOGUE}<{root} xmlns="{NAMESPACE}"{end}'.encode()
    out = [f'{PROLOGUE}<{root} xmlns="{NAMESPACE}">']
    if operation.name == "ListBuckets":  # the SDK for Java expects the owner first
        members = {"Owner": members["Owner"]} | members
    for name, member in sorted(members.items(), key=_is_repeated):
        _write(member, element_name(name, member), result.get(name), out)
    out.append(f"</{root}>")
    return "".join(out).encode()


def _is_repeated(named: tuple[str, Shape]) -> bool:
    """Returns True for a flattened list. Those come last: the SDK for Java reads the bucket's name first."""
    return bool(isinstance(named[1], ListShape) and named[1].serialization.get("flattened"))


def _write(shape: Shape, name: str, value: Any, out: list[str], namespace: str = "") -> None:
    if value is None:
        return
    if isinstance(shape, StructureShape):
        _write_structure(shape, name, value, out, namespace)
    elif isinstance(shape, ListShape):
        flattened = shape.serialization.get("flattened")
        item_name = name if flattened else shape.member.serialization.get("name", "member")
        if not flattened:
            out.append(f"<{name}>")
        if len(value) >= MANY and isinstance(shape.member, StructureShape) and _is_bare(shape.member):
            out += (
                _columns_written(shape.member, item_name, value)
                if isinstance(value, Columns)
                else [_written(shape.member, item_name, item) for item in value]
            )
        else:
            for item in value:
                _write(shape.member, item_name, item, out)
        if not flattened:
            out.append(f"</{name}>")
    elif isinstance(shape, MapShape):
        out.append(f"<{name}>")
        for key, item in value.items():
            out.append(f"<entry><key>{escape(key)}</key>")
            _write(shape.value, shape.value.serialization.get("name", "value"), item, out)
            out.append("</entry>")
        out.append(f"</{name}>")
    else:
        out.append(f"<{name}>{_scalar(shape, value)}</{name}>")


def _write_structure(shape: StructureShape, name: str, value: dict[str, Any], out: list[str], namespace: str) -> None:
    attributes = f' xmlns="{namespace}"' if namespace else ""
    own = shape.serialization.get("xmlNamespace", {})
    if own.get("prefix"):
        attributes += f' xmlns:{own["prefix"]}="{escape(own["uri"])}"'
    in_tag, inside = _members(shape)
    for key, _, member, _ in in_tag:
        if (item := value.get(key)) is not None:
            attributes += f' {member.serialization["name"]}="{escape(str(item))}"'
    out.append(f"<{name}{attributes}>")
    for key, wire_name, member, kind in inside:
        item = value.get(key)
        if item is None:
            continue
        if kind in NUMBERS:
            out.append(f"<{wire_name}>{item}</{wire_name}>")
        elif kind == "string":
            out.append(f"<{wire_name}>{escape(str(item))}</{wire_name}>")
        else:
            _write(member, wire_name, item, out)
    out.append(f"</{name}>")


_Member = tuple[str, str, Shape, str]
_Fill = tuple[str, Callable[[Any], str]]


def _written(shape: StructureShape, name: str, item: dict[str, Any]) -> str:
    """Serializes an item of a long list; the parts that are the same for all items are assembled once."""
    there = tuple([key for key, value in item.items() if value is not None])
    text, fills = _template(shape, name, there)
    return text % tuple([fill(item[key]) for key, fill in fills])


def _columns_written(shape: StructureShape, name: str, items: Columns) -> list[str]:
    """Serializes the items of a long list column by column."""
    if any(None in column for column in items.columns.values()):  # these have different templates
        return [_written(shape, name, item) for item in items]
    text, fills = _template(shape, name, (*items.columns, *items.same))
    filled: list[Iterable[Any]] = [
        _column_filled(fill, items.columns[key]) if key in items.columns else repeat(fill(items.same[key]), len(items))
        for key, fill in fills
    ]
    return [text % row for row in zip(*filled, strict=True)]


def _column_filled(fill: Callable[[Any], str], column: Sequence[Any]) -> Iterable[Any]:
    if fill is str:
        return column  # the template's placeholder does it
    if fill is not escape:
        known = {value: fill(value) for value in set(column)}
        return [known[value] for value in column]
    text = _BETWEEN.join(column)
    return escape(text).split(_BETWEEN) if text.count(_BETWEEN) == len(column) - 1 else map(fill, column)


@cache
def _template(shape: StructureShape, name: str, there: tuple[str, ...]) -> tuple[str, list[_Fill]]:
    """Returns the template of an item with the members `there`, and functions for its placeholders; it includes the tags of
    scalars."""
    members = [member for member in _members(shape)[1] if member[0] in there]
    places = [f"<{wire_name}>%s</{wire_name}>" if _is_scalar(member) else "%s" for _, wire_name, member, _ in members]
    return f"<{name}>{''.join(places)}</{name}>", [(member[0], _filler(member)) for member in members]


def _filler(member: _Member) -> Callable[[Any], str]:
    _, wire_name, shape, kind = member
    if kind == "string":
        return escape
    if kind in NUMBERS:
        return str
    if _is_scalar(shape):
        return partial(_scalar, shape)

    def element(value: Any) -> str:
        out: list[str] = []
        _write(shape, wire_name, value, out)
        return "".join(out)

    return element


def _is_scalar(shape: Shape) -> bool:
    return not isinstance(shape, (StructureShape, ListShape, MapShape))


@cache
def _is_bare(shape: Shape) -> bool:
    """Returns True for a structure whose tag has no attributes."""
    bare = isinstance(shape, StructureShape) and not shape.serialization.get("xmlNamespace")
    return bare and not _members(shape)[0]


@cache
def _members(shape: StructureShape) -> tuple[list[_Member], list[_Member]]:
    """Returns name, element, shape and type of each member: first the attributes of the tag, then the elements."""
    in_tag: list[_Member] = []
    inside: list[_Member] = []
    for key, member in shape.members.items():
        group = in_tag if member.serialization.get("xmlAttribute") else inside
        group.append((key, element_name(key, member), member, member.type_name))
    return in_tag, inside


def _scalar(shape: Shape, value: Any) -> str:
    kind = shape.type_name
    if kind == "timestamp":
        return rest.format_timestamp(value, shape.serialization.get("timestampFormat", "iso8601"))
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return base64.b64encode(value).decode()
    return escape(str(value))
