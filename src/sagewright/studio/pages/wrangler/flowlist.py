"""The list of flows, and the form that begins one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import tables
from sagewright.studio.tables import EmptyState, Listing, Row, TableCell, TableColumn
from sagewright.studio.visit import Done, Visit, form, page
from sagewright.studio.wrangling import saved
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType, new_id

PATH = "/studio/wrangler"
START = EmptyState(
    "No flow yet",
    'import sagemaker\n\nsagemaker.Session().upload_data("churn.csv", key_prefix="raw")\n# then “New flow” with its URI',
)
SOURCE, TYPES = "sagemaker.s3_source_0.1", "sagemaker.spark.infer_and_cast_type_0.1"
FORMATS = (
    ("csv", "CSV"),
    ("parquet", "Parquet"),
    ("json", "JSON"),
    ("jsonl", "JSON Lines"),
    ("orc", "ORC"),
    ("image", "Images"),
)
SAMPLE_ROWS = 50_000


@page("/wrangler", "list.html", "wrangler")
def flows(visit: Visit) -> Listing:
    """The flows in this account's bucket."""
    query = visit.query.get("q", "")
    found = [one for one in saved.listed(visit) if query.lower() in one[0].lower()]
    shown, position = tables.sliced(visit, found)
    columns = (TableColumn("Flow", "name"), TableColumn("Changed", "time"), TableColumn("Size", "size", "", 1))
    rows = tuple(
        Row(name, (tables.name(name, f"{PATH}/{name}"), tables.time(changed), TableCell(size, "size", look="soft")))
        for name, changed, size in shown
    )
    return Listing(
        "Data Wrangler",
        columns,
        rows,
        START,
        f"{len(found):,} flows" if len(found) != 1 else "1 flow",
        crumb="Data and tools",
        q=query,
        chips=(tables.Chip("Name contains", query, visit.link(q=None)),) if query else (),
        **position,
        new=("New flow", f"{PATH}/new"),
        sdk_code=(("CLI", "sagewright wrangle FLOW --input s3://BUCKET/DATA --output s3://BUCKET/PREFIX"),),
    )


@dataclass(frozen=True)
class NewFlowView:
    name: str
    uri: str
    format: str
    formats: tuple[tuple[str, str], ...]
    header: bool
    delimiter: str
    flow: str
    fault: str = ""


@page("/wrangler/new", "newflow.html", "wrangler")
def new_flow(visit: Visit) -> NewFlowView:
    """A form: a name, and the URI of the data or of an existing flow."""
    uri = visit.query.get("source", "")
    stem = re.sub(r"[^A-Za-z0-9-]+", "-", uri.rstrip("/").rpartition("/")[2].partition(".")[0]).strip("-")
    return NewFlowView(f"{stem}-prepare" if stem else "", uri, format_of(uri), FORMATS, True, ",", "")


@form("/wrangler/new", "newflow.html", "wrangler")
def create_flow(visit: Visit, fields: dict[str, str]) -> Done | NewFlowView:
    """Saves a new flow: one with a source and its columns' types, or a copy of a flow in S3."""
    name = fields.get("name", "").strip()
    given = NewFlowView(
        name,
        fields.get("uri", "").strip(),
        fields.get("format", "csv"),
        FORMATS,
        "header" in fields,
        fields.get("delimiter", ","),
        fields.get("flow", "").strip(),
    )
    try:
        saved.create(visit, name, _copied(visit, given.flow) if given.flow else begun(given))
    except AwsError as error:
        return NewFlowView(**vars(given) | {"fault": error.message})
    return Done(f"Created {name}", f"{PATH}/{name}")


def format_of(uri: str) -> str:
    """Returns the format that the name of an object suggests."""
    ending = uri.rstrip("/").rpartition(".")[2].lower()
    known = {"parquet": "parquet", "json": "json", "jsonl": "jsonl", "orc": "orc", "png": "image", "jpg": "image"}
    return known.get(ending, "csv")


def begun(given: NewFlowView) -> Flow:
    """Returns a flow with a source and a step that infers its types. Raises ValidationException."""
    source = source_node(given.uri, given.format, given.header, given.delimiter)
    types = Node(new_id(), NodeType.TRANSFORM, TYPES, {}, (FlowEdge("default", source.node_id),))
    return Flow((source, types) if given.format in ("csv", "json", "jsonl") else (source,))


def source_node(uri: str, content: str, header: bool, delimiter: str) -> Node:
    """Raises ValidationException."""
    if not re.fullmatch(r"s3://[^/\s]+/\S.*", uri):
        raise ValidationException(f"{uri!r} is not the URI of an object or a folder: it begins with s3://BUCKET/.")
    place = {"s3Uri": uri, "s3ContentType": content, "s3DirIncludesNested": False, "s3AddsFilenameColumn": False}
    if content == "csv":
        place |= {"s3HasHeader": header, "s3FieldDelimiter": delimiter or ","}
    definition = {
        "__typename": "S3CreateDatasetDefinitionOutput",
        "datasetSourceType": "S3",
        "name": uri.rstrip("/").rpartition("/")[2],
        "description": None,
        "s3ExecutionContext": place,
    }
    sampling = {"sampling_method": "sample_by_limit", "limit_rows": SAMPLE_ROWS}
    return Node(
        new_id(),
        NodeType.SOURCE,
        SOURCE,
        {"dataset_definition": definition},
        (),
        ({"name": "default", "sampling": sampling},),
    )


def _copied(visit: Visit, uri: str) -> Flow:
    """Raises AwsError."""
    matched = re.fullmatch(r"s3://([^/]+)/(.+)", uri)
    if matched is None:
        raise ValidationException(f"{uri!r} is not the URI of an object: it is s3://BUCKET/KEY.")
    return saved.parsed(visit.client.call("s3", "GetObject", Bucket=matched[1], Key=matched[2])["Body"])
