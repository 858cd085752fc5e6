"""Objects put, read, deleted; what is said of those that aren't there."""

from __future__ import annotations

import hashlib
import io

from s3.check import check
from s3.target import Target, put, refusal


@check
def an_object_comes_back_byte_by_byte(target: Target) -> None:
    """API PutObject, GetObject"""
    bucket, data = target.bucket(), bytes(range(256)) * 4096
    target.s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@check
def an_empty_object_is_one(target: Target) -> None:
    """API PutObject"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    got = target.s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentLength"], got["Body"].read()) == (0, b"")


@check
def the_etag_of_a_put_is_its_md5(target: Target) -> None:
    """API Object: ETag"""
    answer = target.s3.put_object(Bucket=target.bucket(), Key="k", Body=b"hello")
    assert answer["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'


@check
def a_second_put_replaces_the_first(target: Target) -> None:
    """API PutObject"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"a longer first", Metadata={"old": "1"})
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"two")
    got = target.s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (b"two", {})


@check
def head_tells_what_get_tells(target: Target) -> None:
    """API HeadObject"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/csv")
    head, got = target.s3.head_object(Bucket=bucket, Key="k"), target.s3.get_object(Bucket=bucket, Key="k")
    for member in ("ContentLength", "ETag", "LastModified", "ContentType", "AcceptRanges"):
        assert head[member] == got[member], member


@check
def last_modified_is_the_same_in_lists_and_heads(target: Target) -> None:
    """API ListObjectsV2, HeadObject"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    listed = target.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"]
    assert listed == target.s3.head_object(Bucket=bucket, Key="k")["LastModified"]


@check
def a_missing_object_is_no_such_key(target: Target) -> None:
    """API GetObject: NoSuchKey"""
    assert refusal(target.s3.get_object, Bucket=target.bucket(), Key="none") == ("NoSuchKey", 404)


@check
def the_head_of_a_missing_object_is_404_without_a_body(target: Target) -> None:
    """API HeadObject: a generic 404"""
    bucket = target.bucket()
    assert refusal(target.s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert target.ask_signed("HEAD", f"/{bucket}/none").body == b""


@check
def a_missing_bucket_is_no_such_bucket(target: Target) -> None:
    """Guide: Error responses, NoSuchBucket"""
    where = {"Bucket": "no-such-bucket-here", "Key": "k"}
    assert refusal(target.s3.get_object, **where) == ("NoSuchBucket", 404)
    assert refusal(target.s3.put_object, **where, Body=b"x") == ("NoSuchBucket", 404)
    assert refusal(target.s3.list_objects_v2, Bucket=where["Bucket"]) == ("NoSuchBucket", 404)


@check
def an_error_names_its_resource(target: Target) -> None:
    """Guide: REST error responses: Code, Message, RequestId"""
    answer = target.ask_signed("GET", f"/{target.bucket()}/none")
    for element in (b"<Code>NoSuchKey</Code>", b"<Key>none</Key>", b"<RequestId>", b"<Message>"):
        assert element in answer.body, element
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-amz-request-id"]


@check
def a_deleted_object_is_gone(target: Target) -> None:
    """API DeleteObject"""
    bucket = target.bucket()
    put(target, bucket, "k")
    assert target.s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


@check
def deleting_what_is_not_there_is_204(target: Target) -> None:
    """API DeleteObject"""
    answer = target.s3.delete_object(Bucket=target.bucket(), Key="none")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


@check
def delete_objects_tells_each_key(target: Target) -> None:
    """API DeleteObjects"""
    bucket = target.bucket()
    put(target, bucket, "a", "b")
    answer = target.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in ("a", "b", "none")]})
    assert {d["Key"] for d in answer["Deleted"]} == {"a", "b", "none"}
    assert target.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@check
def delete_objects_can_be_quiet(target: Target) -> None:
    """API DeleteObjects: Quiet"""
    bucket = target.bucket()
    put(target, bucket, "a")
    answer = target.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in answer
    assert "Errors" not in answer


@check
def delete_objects_takes_1000_keys_and_no_more(target: Target) -> None:
    """API DeleteObjects: up to 1,000 keys"""
    bucket = target.bucket()
    some = [{"Key": f"k{n}"} for n in range(1001)]
    assert len(target.s3.delete_objects(Bucket=bucket, Delete={"Objects": some[:1000]})["Deleted"]) == 1000
    assert refusal(target.s3.delete_objects, Bucket=bucket, Delete={"Objects": some}) == ("MalformedXML", 400)


@check
def a_stream_of_unknown_kind_is_taken(target: Target) -> None:
    """API PutObject; Guide: Uploading objects"""
    bucket, data = target.bucket(), b"\0\r\n" * 700_000
    target.s3.upload_fileobj(io.BytesIO(data), bucket, "k")
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data


@check
def the_resource_interface_works(target: Target) -> None:
    """API ListObjects, DeleteObjects, as boto3's resources ask"""
    bucket = target.resource().Bucket(target.bucket())
    assert bucket.creation_date is not None
    for n in range(3):
        bucket.put_object(Key=f"x/{n}", Body=b"x")
    assert [o.key for o in bucket.objects.filter(Prefix="x/").page_size(2)] == ["x/0", "x/1", "x/2"]
    bucket.objects.all().delete()
    bucket.delete()
    assert bucket.creation_date is None


@check
def an_object_larger_than_5_gib_is_refused_before_it_is_sent(target: Target) -> None:
    """API PutObject: EntityTooLarge; Guide: Uploading objects, 5 GB"""
    headers = {"Content-Length": str(5 * 1024**3 + 1), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    answer = target.ask_announced(f"/{target.bucket()}/k", headers)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")


@check
def a_client_that_expects_100_continue_gets_it(target: Target) -> None:
    """API PutObject: 100-continue"""
    assert target.continues(f"/{target.bucket()}/k", b"hello")


@check
def a_refused_put_answers_instead_of_continuing(target: Target) -> None:
    """API PutObject: 100-continue sends the body only after the headers were accepted"""
    assert not target.continues("/no-such-bucket-here/k", b"hello")


@check
def a_put_of_nothing_that_waits_is_told_to_go_on(target: Target) -> None:
    """RFC 9110, 10.1.1; older versions of botocore miss the next answer otherwise"""
    assert target.continues(f"/{target.bucket()}/k", b"")


@check
def what_is_no_xml_is_malformed(target: Target) -> None:
    """Guide: Error responses, MalformedXML"""
    bucket = target.bucket()
    for document in (b"<Delete>", b"nonsense", b"\xff\xfe", b"<Delete></Delete>", b"", b"<a>" * 1000 + b"</a>" * 1000):
        answer = target.ask_signed("POST", f"/{bucket}?delete=", document, target.md5(document))
        assert (answer.status, answer.code) == (400, "MalformedXML"), document


@check
def a_document_type_is_not_expanded(target: Target) -> None:
    """Guide: Error responses, MalformedXML"""
    bucket = target.bucket()
    put(target, bucket, "aaaa")
    document = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    answer = target.ask_signed("POST", f"/{bucket}?delete=", document, target.md5(document))
    assert (answer.status, answer.code) == (400, "MalformedXML")


@check
def a_method_that_is_none_is_405(target: Target) -> None:
    """Guide: Error responses, MethodNotAllowed"""
    answer = target.ask_signed("POST", f"/{target.bucket()}/key")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")
