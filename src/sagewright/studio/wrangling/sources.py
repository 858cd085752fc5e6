"""Sources of flows: data in S3. The delimiter and the header of CSV are found from its first lines unless they are given."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio.objects.previews import preview
from sagewright.studio.visit import Visit
from sagewright.wrangler.flows import ENCODINGS, Node, NodeType, new_id
from sagewright.wrangler.packed import is_packed

SOURCE = "sagemaker.s3_source_0.1"
FORMATS = (
    ("csv", "CSV"),
    ("parquet", "Parquet"),
    ("json", "JSON"),
    ("jsonl", "JSON Lines"),
    ("orc", "ORC"),
    ("image", "Images"),
)
FOUND = "found"
"""A delimiter, or whether there is a header, that the first lines say."""
SAMPLE_ROWS = 50_000
_HEAD = 64 * 1024
_LISTED = 20
_ENDINGS = {"parquet": "parquet", "json": "json", "jsonl": "jsonl", "orc": "orc", "png": "image", "jpg": "image"}


@dataclass(frozen=True)
class SourceForm:
    """`header`: found, on or off; `delimiter`: found, or one character."""

    uri: str
    format: str
    header: str = FOUND
    delimiter: str = FOUND

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> SourceForm:
        uri = fields.get("uri", "").strip()
        header, delimiter = fields.get("header", FOUND), fields.get("delimiter", FOUND)
        return cls(uri, fields.get("format") or format_of(uri), header, delimiter or FOUND)


def format_of(uri: str) -> str:
    """Returns the format that the name of an object suggests."""
    return _ENDINGS.get(uri.rstrip("/").rpartition(".")[2].lower(), "csv")


def source_node(visit: Visit, given: SourceForm) -> Node:
    """Raises ValidationException."""
    uri = given.uri
    if not re.fullmatch(r"s3://[^/\s]+/\S.*", uri):
        raise ValidationException(f"{uri!r} is not the URI of an object or a folder: it begins with s3://BUCKET/.")
    place = {"s3Uri": uri, "s3ContentType": given.format, "s3DirIncludesNested": False, "s3AddsFilenameColumn": False}
    if given.format == "csv":
        place |= _csv_shape(visit, given)
    definition = {
        "__typename": "S3CreateDatasetDefinitionOutput",
        "datasetSourceType": "S3",
        "name": uri.rstrip("/").rpartition("/")[2],
        "description": None,
        "s3ExecutionContext": place,
    }
    sampling = {"sampling_method": "sample_by_limit", "limit_rows": SAMPLE_ROWS}
    parameters = {"dataset_definition": definition}
    return Node(new_id(), NodeType.SOURCE, SOURCE, parameters, (), ({"name": "default", "sampling": sampling},))


def _csv_shape(visit: Visit, given: SourceForm) -> dict[str, bool | str]:
    """Returns the members that say how CSV is read; a header, commas and UTF-8 if the data can't be read yet, or is compressed."""
    if len(given.delimiter) != 1 and given.delimiter != FOUND:
        raise ValidationException(f"A delimiter is one character, not {given.delimiter[:20]!r}.")
    begun, whole = _first_bytes(visit, given.uri)
    encoding = _encoding(begun, whole=whole)
    text = begun.decode(ENCODINGS[encoding], "ignore").encode()
    seen = preview("first.csv", text, len(text) if whole else len(text) + 1)
    header = given.header == "on" if given.header != FOUND else seen.headed or seen.kind != "csv"
    delimiter = given.delimiter if given.delimiter != FOUND else seen.delimiter or ","
    found: dict[str, bool | str] = {"s3HasHeader": header, "s3FieldDelimiter": delimiter}
    return found if encoding == "UTF_8" else found | {"s3CsvEncodingType": encoding}


def _encoding(begun: bytes, *, whole: bool) -> str:
    """Returns the encoding of a file by its first bytes: what is neither UTF-16 nor UTF-8 is taken for ISO 8859-1."""
    if begun.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF_16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begun, final=whole)
    except UnicodeDecodeError:
        return "ISO_8859_1"
    return "UTF_8"


def _first_bytes(visit: Visit, uri: str) -> tuple[bytes, bool]:
    """Returns the first bytes of an object, or of the first that is not empty in a folder, and whether they are all; none of one
    that is compressed, or can't be read."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    folder = f"{prefix.rstrip('/')}/"
    try:
        found = visit.client.aside("s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, MaxKeys=_LISTED)
        inside = (one for one in found.get("Contents", ()) if one["Key"] == prefix or one["Key"].startswith(folder))
        first = next((one for one in inside if one["Size"]), None)
        if first is None:
            return b"", True
        last = min(first["Size"], _HEAD) - 1
        body = visit.client.aside("s3", "GetObject", Bucket=bucket, Key=first["Key"], Range=f"bytes=0-{last}")["Body"]
    except AwsError:
        return b"", True
    return (b"", True) if is_packed(body) else (body, last + 1 == first["Size"])
