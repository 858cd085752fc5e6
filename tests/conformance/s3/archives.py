"""Objects in archives."""

from __future__ import annotations

from s3.check import check
from s3.target import Target, refusal


def archived(target: Target, kind: str = "GLACIER") -> dict[str, str]:
    where = {"Bucket": target.bucket(), "Key": "k"}
    target.s3.put_object(**where, Body=b"cold", StorageClass=kind)
    return where


@check
def an_archived_object_cannot_be_read(target: Target) -> None:
    """API GetObject: InvalidObjectState; API CopyObject: the source must be restored first"""
    where = archived(target)
    assert refusal(target.s3.get_object, **where) == ("InvalidObjectState", 403)
    assert target.s3.head_object(**where)["StorageClass"] == "GLACIER"
    copy = {"Bucket": where["Bucket"], "Key": "c", "CopySource": where}
    assert refusal(target.s3.copy_object, **copy)[1] == 403


@check
def a_restored_object_can_be_read(target: Target) -> None:
    """API RestoreObject: 202, and 200 for a copy that is there already; API HeadObject: x-amz-restore"""
    where, wanted = archived(target), {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}}
    first = target.s3.restore_object(**where, RestoreRequest=wanted)
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 202
    described = target.s3.head_object(**where)["Restore"]
    assert described.startswith('ongoing-request="false", expiry-date="')
    assert target.s3.get_object(**where)["Body"].read() == b"cold"
    again = target.s3.restore_object(**where, RestoreRequest={"Days": 5})
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert target.s3.head_object(**where)["Restore"] != described


@check
def what_is_in_no_archive_is_not_restored(target: Target) -> None:
    """API RestoreObject: InvalidObjectState"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    target.s3.put_object(**where, Body=b"warm")
    assert refusal(target.s3.restore_object, **where, RestoreRequest={"Days": 1}) == ("InvalidObjectState", 403)


@check
def expedited_is_no_way_out_of_a_deep_archive(target: Target) -> None:
    """API RestoreObject: the tiers of DEEP_ARCHIVE are Standard and Bulk"""
    where, wanted = archived(target, "DEEP_ARCHIVE"), {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    assert refusal(target.s3.restore_object, **where, RestoreRequest=wanted) == ("InvalidArgument", 400)
