"""Flows in S3, each with the versions that undo goes back to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.studio.visit import Visit
from sagewright.wrangler import flows
from sagewright.wrangler.errors import FlowError
from sagewright.wrangler.flows import Flow

PREFIX = "data_wrangler_flows/"
"""AWS's exported notebooks put their flows here too."""
UNDO = "data_wrangler_flows/.undo/"
MOST_UNDO = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class SavedFlow:
    """`tag`: the object's ETag, by which a form checks that the flow hasn't changed meanwhile."""

    name: str
    flow: Flow
    tag: str
    changed: datetime
    uri: str


def bucket_of(visit: Visit) -> str:
    return f"sagemaker-{visit.place.region}-{visit.place.account}"


def key_of(name: str) -> str:
    return f"{PREFIX}{name}.flow"


def uri_of(visit: Visit, name: str) -> str:
    return f"s3://{bucket_of(visit)}/{key_of(name)}"


def flow_name(uri: str) -> str:
    """Returns the name of the flow at an S3 URI, "" for any other object."""
    found = re.fullmatch(rf"s3://[^/]+/{PREFIX}([^/]+)\.flow", uri)
    return found[1] if found else ""


def listed(visit: Visit) -> list[tuple[str, datetime, int]]:
    """Returns name, time of the last change and size of each flow, newest first."""
    try:
        found = visit.client.call("s3", "ListObjectsV2", Bucket=bucket_of(visit), Prefix=PREFIX)
    except AwsError as error:
        if error.code == "NoSuchBucket":
            return []
        raise
    keys = [
        (one["Key"][len(PREFIX) : -len(".flow")], one["LastModified"], one["Size"])
        for one in found.get("Contents", [])
        if one["Key"].endswith(".flow") and "/" not in one["Key"][len(PREFIX) :]
    ]
    return sorted(keys, key=lambda one: one[1], reverse=True)


def load(visit: Visit, name: str) -> SavedFlow:
    """Raises ResourceNotFound, ValidationException."""
    try:
        found = visit.client.call("s3", "GetObject", Bucket=bucket_of(visit), Key=key_of(name))
    except AwsError as error:
        if error.code in ("NoSuchKey", "NoSuchBucket", "404"):
            raise ResourceNotFound(f"The flow {name} does not exist: there is no {uri_of(visit, name)}.") from None
        raise
    return SavedFlow(name, parsed(found["Body"]), found["ETag"], found["LastModified"], uri_of(visit, name))


def parsed(text: bytes) -> Flow:
    """Raises ValidationException."""
    try:
        return flows.read(text)
    except FlowError as error:
        raise ValidationException(f"This is not a flow of Data Wrangler: {error}") from None


def create(visit: Visit, name: str, flow: Flow) -> None:
    """Raises ValidationException for a bad name, or one that is taken."""
    if not _NAME.fullmatch(name):
        raise ValidationException(
            f"The name {name!r} of a flow needs 1 to 63 letters, digits, dots, hyphens or underscores, a letter or digit first."
        )
    make_bucket(visit)
    try:
        _put(visit, key_of(name), flow, IfNoneMatch="*")
    except AwsError as error:
        if error.status == 412:
            raise ValidationException(f"There is already a flow {name}.") from None
        raise


def change(visit: Visit, name: str, tag: str, how: Callable[[Flow], Flow]) -> Flow:
    """Saves a changed flow; the one before it can be taken back. Raises ValidationException if its tag is another than `tag`."""
    current = load(visit, name)
    if tag and tag != current.tag:
        raise ValidationException(f"The flow {name} was changed elsewhere since this page was loaded. Load it again.")
    try:
        changed = how(current.flow)
        flows.read(changed.text())  # a flow that can't be read again could not be mended by its page
    except FlowError as error:
        raise ValidationException(str(error)) from None
    if changed == current.flow:
        return changed
    versions = _versions(visit, name)
    number = int(versions[-1].rpartition("/")[2]) + 1 if versions else 1
    _put(visit, f"{UNDO}{name}/{number:010d}", current.flow)
    _put(visit, key_of(name), changed, IfMatch=current.tag)
    for old in versions[: max(0, len(versions) + 1 - MOST_UNDO)]:
        visit.client.call("s3", "DeleteObject", Bucket=bucket_of(visit), Key=old)
    return changed


def undo(visit: Visit, name: str) -> bool:
    """Puts the version before the last change back. Returns False if there is none."""
    versions = _versions(visit, name)
    if not versions:
        return False
    found = visit.client.call("s3", "GetObject", Bucket=bucket_of(visit), Key=versions[-1])
    _put(visit, key_of(name), parsed(found["Body"]))
    visit.client.call("s3", "DeleteObject", Bucket=bucket_of(visit), Key=versions[-1])
    return True


def can_undo(visit: Visit, name: str) -> bool:
    return bool(_versions(visit, name))


def delete(visit: Visit, name: str) -> None:
    for key in (*_versions(visit, name), key_of(name)):
        visit.client.call("s3", "DeleteObject", Bucket=bucket_of(visit), Key=key)


def _versions(visit: Visit, name: str) -> list[str]:
    found = visit.client.aside("s3", "ListObjectsV2", Bucket=bucket_of(visit), Prefix=f"{UNDO}{name}/")
    return sorted(one["Key"] for one in found.get("Contents", []))


def _put(visit: Visit, key: str, flow: Flow, **condition: str) -> None:
    body = flow.text().encode()
    if len(body) > flows.MOST_BYTES:
        raise ValidationException(f"A flow has at most {flows.MOST_BYTES} bytes, and this one {len(body)}.")
    visit.client.aside("s3", "PutObject", Bucket=bucket_of(visit), Key=key, Body=body, **condition)


def make_bucket(visit: Visit) -> None:
    try:
        visit.client.aside("s3", "HeadBucket", Bucket=bucket_of(visit))
    except AwsError:
        visit.client.aside("s3", "CreateBucket", Bucket=bucket_of(visit))
