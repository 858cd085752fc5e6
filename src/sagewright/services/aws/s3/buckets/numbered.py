"""Configurations of which a bucket can have several, each with an id: metrics, analytics, inventory and intelligent tiering.

They are stored and returned only; nothing is measured, written or moved. Source: the S3 API reference.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sagewright.model.aws.service_models import service_model
from sagewright.model.aws.shapes import ListShape, Shape, StructureShape
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context

MOST = 1000
PAGE = 100
KINDS = ("Metrics", "Analytics", "Inventory", "IntelligentTiering")


def _kept(context: Context, bucket: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = context.objects.buckets.get(bucket).configuration.get(_name(kind), {})
    return found


def _name(kind: str) -> str:
    return f"{kind} configurations"


def _missing() -> AwsError:
    return AwsError("NoSuchConfiguration", "The specified configuration does not exist.", 404)


def _check(kind: str, member: str, name: str, document: dict[str, Any]) -> None:
    """Source: recorded on AWS, localstack test_s3::test_s3_put_inventory_report_exceptions, test_s3_analytics_configurations.

    Raises MalformedXML, IdMismatch, InvalidS3DestinationBucket.
    """
    if document.get("Id") != name:
        if kind == "Inventory":
            raise AwsError("IdMismatch", "Document ID does not match the specified configuration ID.")
        raise errors.malformed_xml()
    if not _fits(_shape(member), document):
        raise errors.malformed_xml()
    if kind == "Inventory" and not _bucket_of(document).startswith("arn:"):
        raise AwsError("InvalidS3DestinationBucket", "Invalid bucket ARN.")


def _bucket_of(inventory: dict[str, Any]) -> str:
    bucket: str = inventory["Destination"]["S3BucketDestination"]["Bucket"]
    return bucket


@cache
def _shape(name: str) -> Shape:
    return service_model("s3").shape_for(name)


def _fits(shape: Shape, value: Any) -> bool:
    """Returns True if a document has the required members of the model, and only valid enumeration values."""
    if isinstance(shape, StructureShape):
        members = shape.members
        return all(value.get(name) is not None for name in shape.required_members) and all(
            _fits(members[name], one) for name, one in value.items() if one is not None
        )
    if isinstance(shape, ListShape):
        return all(_fits(shape.member, one) for one in value)
    return not shape.metadata.get("enum") or value in shape.metadata["enum"]


def _serve_changes(kind: str, member: str) -> None:
    @s3_operation(f"PutBucket{member}")
    def put(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        document = need(request.get(member))
        _check(kind, member, request["Id"], document)

        def change(kept: dict[str, Any] | None) -> dict[str, Any]:
            changed = {**(kept or {}), request["Id"]: document}
            if len(changed) > MOST:
                raise AwsError("TooManyConfigurations", f"A bucket has at most {MOST} configurations of a kind.")
            return changed

        context.objects.buckets.reconfigure(request["Bucket"], _name(kind), change)
        return {"__status__": 204}

    @s3_operation(f"DeleteBucket{member}")
    def delete(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        def change(kept: dict[str, Any] | None) -> dict[str, Any] | None:
            left = dict(kept or {})
            if left.pop(request["Id"], None) is None:
                raise _missing()
            return left or None

        context.objects.buckets.reconfigure(request["Bucket"], _name(kind), change)
        return {}


def _serve_reads(kind: str, member: str) -> None:
    @s3_operation(f"GetBucket{member}")
    def get(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        document = _kept(context, request["Bucket"], kind).get(request["Id"])
        if document is None:
            raise _missing()
        return {member: document}

    @s3_operation(f"ListBucket{member}s")
    def list_all(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        after = request.get("ContinuationToken") or ""
        kept = _kept(context, request["Bucket"], kind)
        ids = sorted(name for name in kept if name > after)
        answer: dict[str, Any] = {"IsTruncated": len(ids) > PAGE}
        if request.get("ContinuationToken"):
            answer["ContinuationToken"] = after
        if len(ids) > PAGE:
            answer["NextContinuationToken"] = ids[PAGE - 1]
        return answer | {f"{member}List": [kept[name] for name in ids[:PAGE]]}


for _kind in KINDS:
    _serve_changes(_kind, f"{_kind}Configuration")
    _serve_reads(_kind, f"{_kind}Configuration")
