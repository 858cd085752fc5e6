"""The list of flows, and the form that begins one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import tables
from sagewright.studio.tables import EmptyState, Listing, Row, TableCell, TableColumn
from sagewright.studio.visit import Done, Visit, form, page
from sagewright.studio.wrangling import saved
from sagewright.studio.wrangling.sources import FORMATS, SourceForm, format_of, source_node
from sagewright.wrangler.flows import Flow, FlowEdge, Node, NodeType, new_id

PATH = "/studio/wrangler"
START = EmptyState(
    "No flow yet",
    'import sagemaker\n\nsagemaker.Session().upload_data("churn.csv", key_prefix="raw")\n# then “New flow” with its URI',
)
TYPES = "sagemaker.spark.infer_and_cast_type_0.1"
UPLOADS = "uploads/"


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
    source: SourceForm
    flow: str
    fault: str = ""
    formats: tuple[tuple[str, str], ...] = FORMATS


@page("/wrangler/new", "newflow.html", "wrangler")
def new_flow(visit: Visit) -> NewFlowView:
    """A form: a name, and the URI of the data or of an existing flow. S3 names what was uploaded by bucket and key."""
    uri = visit.query.get("source", "")
    if visit.query.get("key"):
        uri = f"s3://{visit.query.get('bucket', '')}/{visit.query['key']}"
    stem = re.sub(r"[^A-Za-z0-9-]+", "-", uri.rstrip("/").rpartition("/")[2].partition(".")[0]).strip("-")
    return NewFlowView(f"{stem}-prepare" if stem else "", SourceForm(uri, format_of(uri)), "")


@form("/wrangler/new", "newflow.html", "wrangler")
def create_flow(visit: Visit, fields: dict[str, str]) -> Done | NewFlowView:
    """Saves a new flow: one with a source and its columns' types, or a copy of a flow in S3."""
    given = NewFlowView(fields.get("name", "").strip(), SourceForm.read(fields), fields.get("flow", "").strip())
    try:
        saved.create(visit, given.name, _copied(visit, given.flow) if given.flow else begun(visit, given.source))
    except AwsError as error:
        return replace(given, fault=error.message)
    return Done(f"Created {given.name}", f"{PATH}/{given.name}")


@form("/wrangler/upload")
def begin_upload(visit: Visit, _fields: dict[str, str]) -> Done:
    """Opens the page that uploads a file into this account's bucket, which is made first, and comes back to a new flow."""
    saved.make_bucket(visit)
    asked = {"bucket": saved.bucket_of(visit), "prefix": UPLOADS, "then": "flow"}
    return Done("", f"/studio/upload?{urlencode(asked)}")


def begun(visit: Visit, given: SourceForm) -> Flow:
    """Returns a flow with a source and a step that infers its types. Raises ValidationException."""
    source = source_node(visit, given)
    types = Node(new_id(), NodeType.TRANSFORM, TYPES, {}, (FlowEdge("default", source.node_id),))
    return Flow((source, types) if given.format in ("csv", "json", "jsonl") else (source,))


def _copied(visit: Visit, uri: str) -> Flow:
    """Raises AwsError."""
    matched = re.fullmatch(r"s3://([^/]+)/(.+)", uri)
    if matched is None:
        raise ValidationException(f"{uri!r} is not the URI of an object: it is s3://BUCKET/KEY.")
    return saved.parsed(visit.client.call("s3", "GetObject", Bucket=matched[1], Key=matched[2])["Body"])
