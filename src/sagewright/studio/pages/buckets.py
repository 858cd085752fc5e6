"""Buckets: the list, the objects below a prefix, and a preview of one by its first bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any
from urllib.parse import quote, urlencode

from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.objects import footers, previews
from sagewright.studio.objects.facets import ColumnValues, chosen_values, facets, matching
from sagewright.studio.objects.previews import Preview
from sagewright.studio.operations import OperationCall
from sagewright.studio.runs.usedby import ObjectUser, used_by
from sagewright.studio.tables import Chip, EmptyState, Listing, Row, TableCell, TableColumn
from sagewright.studio.visit import Done, Visit, form, page

START = EmptyState(
    "No bucket yet", 'import sagemaker\n\nsagemaker.Session().upload_data("data/", key_prefix="churn/train")'
)
ORDERS = {"name": "Name", "made": "CreationDate"}
OBJECTS = (TableColumn("Name", "name"), TableColumn("Size", "size"), TableColumn("Changed", "time"))
EACH = 200
HEAD = 256 * 1024
"""Bytes of an object that its preview reads."""
SHOWN = 50
"""Rows of a preview that are shown, of those that it has read."""
IS = "is"
"""The parameter of a value that a facet has chosen."""


@page("/buckets", "list.html", "buckets")
def buckets(visit: Visit) -> Listing:
    query = visit.query.get("q", "")
    found = [one for one in visit.client.call("s3", "ListBuckets").get("Buckets", []) if query in one["Name"]]
    sort, descending = tables.order(visit, "name", tuple(ORDERS))
    found.sort(key=itemgetter(ORDERS[sort]), reverse=descending)
    columns = (TableColumn("Bucket", "name", "name"), TableColumn("Created", "time", "made"))
    shown, position = tables.sliced(visit, found)
    rows = tuple(
        Row(one["Name"], (tables.name(one["Name"], f"/studio/buckets/{one['Name']}"), tables.time(one["CreationDate"])))
        for one in shown
    )
    return Listing(
        "Buckets", columns, rows, START, crumb="Data and tools", q=query, sorted_by=(sort, descending),
        chips=(Chip("Name contains", query, visit.link(q=None)),) if query else (), **position,
        new=("New bucket", "/studio/new-bucket"),
    )  # fmt: skip


@dataclass(frozen=True)
class NewBucketView:
    name: str = ""
    fault: str = ""


@page("/new-bucket", "newbucket.html", "buckets")
def new_bucket(_visit: Visit) -> NewBucketView:
    return NewBucketView()


@form("/new-bucket", "newbucket.html", "buckets")
def create_bucket(visit: Visit, fields: dict[str, str]) -> Done | NewBucketView:
    """Creates a bucket in the server's region."""
    name, region = fields.get("name", "").strip(), visit.place.region
    placed = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        visit.client.call("s3", "CreateBucket", Bucket=name, **placed)
    except AwsError as error:
        return NewBucketView(name, error.message)
    return Done(f"Created {name}", f"/studio/buckets/{name}")


@dataclass(frozen=True)
class Entry:
    """A folder (`key` ends with /) or an object."""

    key: str
    name: str
    link: str
    size: int | None
    changed: datetime | None


@dataclass(frozen=True)
class UploadView:
    """A form that S3 itself accepts: its URL and its fields."""

    bucket: str
    prefix: str
    crumbs: tuple[tuple[str, str], ...]
    url: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FolderView:
    bucket: str
    prefix: str
    crumbs: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    more: str
    q: str
    flat: bool
    table: Listing = field(repr=False)
    users: tuple[ObjectUser, ...] = ()

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        return ["Key", "Size", "LastModified"], [[one.key, one.size, one.changed] for one in self.entries]


@dataclass(frozen=True)
class FacetView:
    """A facet, and the URL that chooses each of its values, or chooses it no longer."""

    facet: ColumnValues
    links: tuple[str, ...]


@dataclass(frozen=True)
class ObjectView:
    bucket: str
    key: str
    crumbs: tuple[tuple[str, str], ...]
    size: int
    changed: datetime
    facts: tuple[tuple[str, str], ...]
    preview: Preview
    acts: tuple[Button, ...]
    users: tuple[ObjectUser, ...] = ()
    facets: tuple[FacetView, ...] = ()
    chips: tuple[Chip, ...] = ()
    read: int = 0
    matches: int = 0
    """Rows that the preview has read, and those of them that have the chosen values."""


@page("/buckets/{bucket}", "folder.html", "buckets")
def bucket(visit: Visit) -> FolderView:
    return _folder(visit, visit.path["bucket"], "")


@page("/buckets/{bucket}/{key:path}", "folder.html", "buckets")
def place(visit: Visit) -> FolderView | ObjectView:
    """A folder where the key ends with / or names no object; otherwise the object. Outputs of jobs name folders without the /."""
    name, key = visit.path["bucket"], visit.path["key"]
    if not key or key.endswith("/"):
        return _folder(visit, name, key)
    try:
        head = visit.client.call("s3", "HeadObject", Bucket=name, Key=key)
    except AwsError as error:
        if error.status != 404:
            raise
        inside = visit.client.call("s3", "ListObjectsV2", Bucket=name, Prefix=f"{key}/", MaxKeys=1)
        return _folder(visit, name, f"{key}/" if inside.get("Contents") else key)
    return _object(visit, name, key, head)


def _folder(visit: Visit, name: str, prefix: str) -> FolderView:
    flat, q = visit.query.get("flat") == "1", visit.query.get("q", "")
    found = visit.client.call(
        "s3",
        "ListObjectsV2",
        Bucket=name,
        Prefix=prefix + q,
        Delimiter=None if flat else "/",
        MaxKeys=EACH,
        ContinuationToken=visit.query.get("after"),
    )
    folder = prefix[: prefix.rfind("/") + 1]
    folders = [one["Prefix"] for one in found.get("CommonPrefixes", [])]
    entries = [Entry(key, key.removeprefix(folder), _link(name, key), None, None) for key in folders]
    entries += [
        Entry(one["Key"], one["Key"].removeprefix(folder), _link(name, one["Key"]), one["Size"], one["LastModified"])
        for one in found.get("Contents", [])
        if one["Key"] != prefix
    ]
    token = found.get("NextContinuationToken")
    back = _link(name, prefix)
    delete = Button(
        "Delete…", OperationCall("s3", "DeleteObject", {"Bucket": name}), "Deleted {n}", "harm", each="Key",
        confirm="The chosen objects are deleted. In a bucket with versions, older versions stay.", back=back,
    )  # fmt: skip
    more = visit.link(after=token) if token else ""
    rows = tuple(_entry(one) for one in entries)
    table = Listing(f"Objects in s3://{name}/{prefix}", OBJECTS, rows, START, more=more, acts=(delete,))
    return FolderView(
        name, prefix, crumbs(name, prefix), tuple(entries), more, q, flat, table,
        used_by(visit, name, prefix) if prefix else (),
    )  # fmt: skip


def _entry(one: Entry) -> Row:
    """The row of a folder has no name: it can't be chosen."""
    size = TableCell(one.size, "size", look="f-num")
    return Row("" if one.size is None else one.key, (tables.name(one.name, one.link), size, tables.time(one.changed)))


def _link(name: str, key: str) -> str:
    return f"/studio/buckets/{name}/{quote(key, safe='/')}" if key else f"/studio/buckets/{name}"


def crumbs(name: str, key: str) -> tuple[tuple[str, str], ...]:
    parts = [part for part in key.split("/") if part]
    found = [("Buckets", "/studio/buckets"), (name, f"/studio/buckets/{name}")]
    for at, part in enumerate(parts[:-1]):
        found.append((part, _link(name, "/".join(parts[: at + 1]) + "/")))
    return tuple(found)


def _object(visit: Visit, name: str, key: str, head: dict[str, Any]) -> ObjectView:
    size = int(head["ContentLength"])
    begun = b""
    if size:
        begun = visit.client.call("s3", "GetObject", Bucket=name, Key=key, Range=f"bytes=0-{min(size, HEAD) - 1}")[
            "Body"
        ]
    preview = previews.preview(key, begun, size)
    if preview.kind == "parquet":
        tail = visit.client.call(
            "s3", "GetObject", Bucket=name, Key=key, Range=f"bytes={max(size - previews.FOOT, 0)}-{size - 1}"
        )["Body"]
        preview = footers.parquet(tail, size)
    chosen = chosen_values(visit.values(IS))
    shown = matching(preview, chosen) if chosen else preview
    facts = {
        "ETag": head.get("ETag", "").strip('"'), "Content type": head.get("ContentType", ""), "Version": head.get("VersionId", ""),
        "Encryption": head.get("ServerSideEncryption", ""), **{f"meta {k}": v for k, v in head.get("Metadata", {}).items()},
    }  # fmt: skip
    folder = key.rpartition("/")[0]
    delete = OperationCall("s3", "DeleteObject", {"Bucket": name, "Key": key})
    gone = f"s3://{name}/{key} is deleted."
    return ObjectView(
        name, key, crumbs(name, key), size, head["LastModified"], tuple((k, v) for k, v in facts.items() if v),
        replace(shown, rows=shown.rows[:SHOWN]),
        (Button("Delete…", delete, f"Deleted {key}", "harm", confirm=gone, back=_link(name, f"{folder}/" if folder else "")),),
        used_by(visit, name, key), _facets(visit, preview, chosen), _chips(visit, preview, chosen), len(preview.rows),
        len(shown.rows),
    )  # fmt: skip


def _facets(visit: Visit, preview: Preview, chosen: dict[int, str]) -> tuple[FacetView, ...]:
    found = []
    for facet in facets(preview, chosen):
        others = [(IS, f"{column}~{value}") for column, value in chosen.items() if column != facet.column]
        links = ([*others, *([] if one.chosen else [(IS, f"{facet.column}~{one.value}")])] for one in facet.values)
        found.append(FacetView(facet, tuple(f"{visit.address}?{urlencode(link)}" for link in links)))
    return tuple(found)


def _chips(visit: Visit, preview: Preview, chosen: dict[int, str]) -> tuple[Chip, ...]:
    names = dict(enumerate(column.name for column in preview.columns))
    return tuple(
        Chip(names.get(column, f"column {column}"), value or "(empty)", visit.without(IS, f"{column}~{value}"))
        for column, value in chosen.items()
    )


@form("/buckets/{bucket}/folders")
def make_folder(visit: Visit, fields: dict[str, str]) -> Done:
    """Makes an empty object whose key ends with /, as consoles do."""
    name, prefix, folder = visit.path["bucket"], fields.get("prefix", ""), fields.get("folder", "").strip("/")
    if not folder:
        raise ValidationException("A folder needs a name.")
    visit.client.call("s3", "PutObject", Bucket=name, Key=f"{prefix}{folder}/", Body=b"")
    return Done(f"Made {folder}/", _link(name, f"{prefix}{folder}/"))


@page("/upload", "upload.html", "buckets")
def upload(visit: Visit) -> UploadView:
    """A form whose file goes from the browser to S3, signed for this prefix. S3 opens the folder then, or with `then=flow` the form
    of a new flow."""
    name, prefix = visit.query.get("bucket", ""), visit.query.get("prefix", "")
    visit.client.aside("s3", "ListObjectsV2", Bucket=name, MaxKeys=1)
    back = f"{visit.place.url}{'/studio/wrangler/new' if visit.query.get('then') == 'flow' else _link(name, prefix)}"
    url, fields = visit.client.operations.upload_form(visit.client.principal, visit.place.url, name, prefix, back)
    return UploadView(name, prefix, crumbs(name, f"{prefix}x"), url, tuple(fields.items()))


@page("/download", "later.html", "buckets")
def download(visit: Visit) -> Done:
    """Downloads an object by a presigned URL."""
    return _presigned(visit, shown=False)


@page("/open", "later.html", "buckets")
def open_(visit: Visit) -> Done:
    """Opens an object in the browser; S3 answers with a policy under which a page is shown, and runs no script."""
    return _presigned(visit, shown=True)


def _presigned(visit: Visit, shown: bool) -> Done:
    name, key = visit.query.get("bucket", ""), visit.query.get("key", "")
    visit.client.aside("s3", "HeadObject", Bucket=name, Key=key)
    return Done("", visit.client.operations.object_url(visit.client.principal, visit.place.url, name, key, shown))
