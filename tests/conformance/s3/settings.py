"""Configurations of a bucket: stored, returned, deleted."""

from __future__ import annotations

import uuid
from typing import Any

from s3.check import check
from s3.target import Target, put, refusal

ALL_BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def rule(algorithm: str, **more: Any) -> dict[str, Any]:
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm, **more}, "BucketKeyEnabled": False}
        ]
    }


@check
def encryption_is_kept(target: Target) -> None:
    """API PutBucketEncryption, GetBucketEncryption"""
    bucket, wanted = target.bucket(), rule("aws:kms", KMSMasterKeyID="arn:aws:kms:us-east-1:000000000000:key/k")
    target.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wanted)
    described = target.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert (
        described["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        == wanted["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    )


@check
def encryption_is_on_from_the_start_and_again_when_deleted(target: Target) -> None:
    """Guide: Default encryption: SSE-S3 is the base level; API DeleteBucketEncryption resets to it"""
    bucket = target.bucket()
    read = lambda: target.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]  # noqa: E731
    assert read()["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    target.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule("aws:kms"))
    target.s3.delete_bucket_encryption(Bucket=bucket)
    assert read()["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


@check
def ownership_is_enforced_from_the_start(target: Target) -> None:
    """Guide: Controlling ownership: BucketOwnerEnforced is the default"""
    described = target.s3.get_bucket_ownership_controls(Bucket=target.bucket())["OwnershipControls"]["Rules"]
    assert described == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@check
def ownership_is_kept_and_deleted(target: Target) -> None:
    """API PutBucketOwnershipControls, DeleteBucketOwnershipControls"""
    bucket, rules = target.bucket(), [{"ObjectOwnership": "BucketOwnerPreferred"}]
    target.s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})
    assert target.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == rules
    target.s3.delete_bucket_ownership_controls(Bucket=bucket)
    wanted = ("OwnershipControlsNotFoundError", 404)
    assert refusal(target.s3.get_bucket_ownership_controls, Bucket=bucket) == wanted


@check
def public_access_is_blocked_from_the_start(target: Target) -> None:
    """Guide: Blocking public access: on for new buckets"""
    described = target.s3.get_public_access_block(Bucket=target.bucket())["PublicAccessBlockConfiguration"]
    assert described == ALL_BLOCKED


@check
def the_public_access_block_is_kept_and_deleted(target: Target) -> None:
    """API PutPublicAccessBlock, DeletePublicAccessBlock"""
    bucket, wanted = target.bucket(), {**ALL_BLOCKED, "BlockPublicPolicy": False}
    target.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
    assert target.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == wanted
    target.s3.delete_public_access_block(Bucket=bucket)
    assert refusal(target.s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)


@check
def acls_are_those_of_the_owner(target: Target) -> None:
    """API GetBucketAcl, GetObjectAcl; Guide: ACLs are disabled by default"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for described in (target.s3.get_bucket_acl(Bucket=bucket), target.s3.get_object_acl(Bucket=bucket, Key="k")):
        grants = [(g["Grantee"]["Type"], g["Grantee"]["ID"], g["Permission"]) for g in described["Grants"]]
        assert grants == [("CanonicalUser", described["Owner"]["ID"], "FULL_CONTROL")]


@check
def a_public_acl_is_refused(target: Target) -> None:
    """Guide: Controlling ownership: AccessControlListNotSupported"""
    bucket = target.bucket()
    put(target, bucket, "k")
    refused = ("AccessControlListNotSupported", 400)
    assert refusal(target.s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == refused
    assert refusal(target.s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == refused
    assert refusal(target.s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read") == refused


@check
def a_new_bucket_with_a_public_acl_is_refused(target: Target) -> None:
    """Guide: Controlling ownership: InvalidBucketAclWithObjectOwnership"""
    name = f"b-{uuid.uuid4().hex}"
    refused = ("InvalidBucketAclWithObjectOwnership", 400)
    assert refusal(target.s3.create_bucket, Bucket=name, ACL="public-read") == refused


@check
def an_acl_that_changes_nothing_is_taken(target: Target) -> None:
    """Guide: Controlling ownership: bucket-owner-full-control is accepted"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    target.s3.head_object(Bucket=bucket, Key="k")


@check
def what_was_never_configured_says_so(target: Target) -> None:
    """Guide: Error responses; API GetBucketCors, GetBucketLifecycleConfiguration, GetBucketPolicy, ..."""
    bucket = target.bucket()
    for operation, code in {
        "get_bucket_cors": "NoSuchCORSConfiguration",
        "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
        "get_bucket_policy": "NoSuchBucketPolicy",
        "get_bucket_replication": "ReplicationConfigurationNotFoundError",
        "get_bucket_website": "NoSuchWebsiteConfiguration",
        "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    }.items():
        assert refusal(getattr(target.s3, operation), Bucket=bucket) == (code, 404), operation


@check
def logging_notification_and_payment_answer(target: Target) -> None:
    """API GetBucketLogging, GetBucketNotificationConfiguration, GetBucketRequestPayment, GetBucketAccelerateConfiguration"""
    bucket = target.bucket()
    assert "LoggingEnabled" not in target.s3.get_bucket_logging(Bucket=bucket)
    assert "TopicConfigurations" not in target.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert target.s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in target.s3.get_bucket_accelerate_configuration(Bucket=bucket)


@check
def every_object_says_how_it_is_encrypted(target: Target) -> None:
    """Guide: Setting default server-side encryption behavior: SSE-S3 for every new object; API PutObject, GetObject"""
    bucket = target.bucket()
    assert target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    assert target.s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    assert target.s3.get_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    copied = target.s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"})
    assert copied["ServerSideEncryption"] == "AES256"
    upload = target.s3.create_multipart_upload(Bucket=bucket, Key="m")
    assert upload["ServerSideEncryption"] == "AES256"


@check
def a_buckets_encryption_is_that_of_its_new_objects(target: Target) -> None:
    """Guide: Setting default server-side encryption behavior; API PutBucketEncryption"""
    bucket, key = target.bucket(), "arn:aws:kms:us-east-1:000000000000:key/0d1c9aa5-6a26-4c5b-9d20-8a3bd2f1b7a1"
    wanted = rule("aws:kms", KMSMasterKeyID=key)
    target.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wanted)
    put(target, bucket, "k")
    described = target.s3.head_object(Bucket=bucket, Key="k")
    assert (described["ServerSideEncryption"], described["SSEKMSKeyId"]) == ("aws:kms", key)
    target.s3.put_object(Bucket=bucket, Key="own", Body=b"", ServerSideEncryption="AES256")
    assert target.s3.head_object(Bucket=bucket, Key="own")["ServerSideEncryption"] == "AES256"


@check
def a_kms_key_needs_its_algorithm(target: Target) -> None:
    """API PutObject: x-amz-server-side-encryption-aws-kms-key-id goes with aws:kms"""
    wanted = {"Bucket": target.bucket(), "Key": "k", "Body": b"", "SSEKMSKeyId": "any"}
    assert refusal(target.s3.put_object, **wanted) == ("InvalidArgument", 400)


@check
def encryption_that_is_none_is_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketEncryption::test_s3_default_bucket_encryption_exc"""
    bucket = target.bucket()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "k"}}
    for rules, code in (([], "MalformedXML"), ([rule, rule], "MalformedXML"), ([rule], "InvalidArgument")):
        asked = {"Bucket": bucket, "ServerSideEncryptionConfiguration": {"Rules": rules}}
        assert refusal(target.s3.put_bucket_encryption, **asked) == (code, 400)


@check
def objects_tell_the_arn_of_their_key(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketEncryption::test_s3_bucket_encryption_sse_kms_aws_managed_key"""
    described = target.s3.put_object(Bucket=target.bucket(), Key="k", Body=b"", ServerSideEncryption="aws:kms")
    assert ":key/" in described["SSEKMSKeyId"]


@check
def one_ownership_of_three(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketOwnershipControls::test_bucket_ownership_controls_exc"""
    bucket = target.bucket()
    for rules in ([], [{"ObjectOwnership": "Any"}], [{"ObjectOwnership": "ObjectWriter"}] * 2):
        asked = {"Bucket": bucket, "OwnershipControls": {"Rules": rules}}
        assert refusal(target.s3.put_bucket_ownership_controls, **asked) == ("MalformedXML", 400)


@check
def an_access_list_has_to_be_said(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_s3_bucket_acl_exceptions"""
    assert refusal(target.s3.put_bucket_acl, Bucket=target.bucket()) == ("MissingSecurityHeader", 400)


GONE = "arn:aws:sqs:us-east-1:000000000000:nobody-made-this"
QUEUE = {"QueueArn": GONE, "Events": ["s3:ObjectCreated:*"]}


def notify(target: Target, bucket: str, queue: dict[str, Any], **more: Any) -> Any:
    document = {"QueueConfigurations": [queue]}
    return target.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=document, **more)


@check
def a_notification_s_filter_is_kept_in_capitals(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_notifications_sqs::test_filter_rules_case_insensitive"""
    bucket = target.bucket()
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "SuFfIx", "Value": ".csv"}]
    wanted = QUEUE | {"Filter": {"Key": {"FilterRules": rules}}}
    notify(target, bucket, wanted, SkipDestinationValidation=True)
    described = target.s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]
    assert [rule["Name"] for rule in described["Filter"]["Key"]["FilterRules"]] == ["Prefix", "Suffix"]
    assert described["Id"]


@check
def a_notification_needs_a_destination_that_is_there(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_notifications_sqs::test_invalid_sqs_arn"""
    bucket = target.bucket()
    assert refusal(lambda: notify(target, bucket, QUEUE)) == ("InvalidArgument", 400)
    wrong = QUEUE | {"QueueArn": "invalid-queue"}
    assert refusal(lambda: notify(target, bucket, wrong, SkipDestinationValidation=True)) == ("InvalidArgument", 400)


@check
def a_notification_s_filter_is_prefix_or_suffix(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_notifications_sqs::test_bucket_notification_with_invalid_filter_rules"""
    wrong = QUEUE | {"Filter": {"Key": {"FilterRules": [{"Name": "INVALID", "Value": "x"}]}}}
    found = refusal(lambda: notify(target, target.bucket(), wrong, SkipDestinationValidation=True))
    assert found == ("InvalidArgument", 400)


@check
def metrics_are_kept_by_their_id(target: Target) -> None:
    """API PutBucketMetricsConfiguration, GetBucketMetricsConfiguration, ListBucketMetricsConfigurations"""
    bucket, wanted = target.bucket(), {"Id": "all", "Filter": {"Prefix": "in/"}}
    asked = {"Bucket": bucket, "Id": "all"}
    assert refusal(target.s3.get_bucket_metrics_configuration, **asked) == ("NoSuchConfiguration", 404)
    target.s3.put_bucket_metrics_configuration(**asked, MetricsConfiguration=wanted)
    assert target.s3.get_bucket_metrics_configuration(**asked)["MetricsConfiguration"] == wanted
    assert target.s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"] == [wanted]


@check
def configurations_by_id_are_checked(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_s3_put_inventory_report_exceptions, test_s3_intelligent_tier_config"""
    bucket = target.bucket()
    tiers = {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    put_tiers = target.s3.put_bucket_intelligent_tiering_configuration
    put = put_tiers(Bucket=bucket, Id="t", IntelligentTieringConfiguration=tiers)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 204
    found = refusal(put_tiers, Bucket=bucket, Id="other", IntelligentTieringConfiguration=tiers)
    assert found == ("MalformedXML", 400)
    inventory: dict[str, Any] = {
        "Id": "i",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV"}},
    }

    def put_inventory(**changes: Any) -> Any:
        document = inventory | changes
        return target.s3.put_bucket_inventory_configuration(Bucket=bucket, Id="i", InventoryConfiguration=document)

    put_inventory()
    bare = {"S3BucketDestination": {"Bucket": bucket, "Format": "CSV"}}
    assert refusal(put_inventory, Id="other") == ("IdMismatch", 400)
    assert refusal(put_inventory, Destination=bare) == ("InvalidS3DestinationBucket", 400)
    assert refusal(put_inventory, Schedule={"Frequency": "Hourly"}) == ("MalformedXML", 400)
    assert refusal(put_inventory, OptionalFields=["TestField"]) == ("MalformedXML", 400)


@check
def no_bucket_with_dots_is_accelerated(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketAccelerateConfiguration"""
    bucket = f"{target.bucket()}.dots"
    target.s3.create_bucket(Bucket=bucket)
    put = target.s3.put_bucket_accelerate_configuration
    found = refusal(put, Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    target.s3.delete_bucket(Bucket=bucket)
    assert found == ("InvalidRequest", 400)


@check
def acceleration_is_kept(target: Target) -> None:
    """API PutBucketAccelerateConfiguration, GetBucketAccelerateConfiguration"""
    bucket = target.bucket()
    target.s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
    assert target.s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"
