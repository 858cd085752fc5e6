"""Operations as CloudTrail classes them."""

from __future__ import annotations

import pytest

from sagewright.services.audit.actions import action_of


@pytest.mark.parametrize(
    ("service", "operation", "reads"),
    [
        *(("sagemaker", name, True) for name in ("DescribeModel", "ListModels", "Search", "BatchDescribeModelPackage")),
        *(("sagemaker", name, False) for name in ("CreateModel", "AddTags", "StopTrainingJob", "UpdateEndpoint")),
        *(("sts", name, True) for name in ("GetCallerIdentity", "AssumeRole")),
        *(("kms", name, True) for name in ("Decrypt", "Encrypt", "GenerateDataKey", "Sign")),
        *(("kms", name, False) for name in ("CreateKey", "ScheduleKeyDeletion", "CreateGrant")),
        ("s3", "CreateBucket", False),
        ("s3", "PutBucketPolicy", False),
        ("s3", "GetBucketPolicy", True),
        ("cloudtrail", "LookupEvents", True),
    ],
)
def test_reads_and_writes(service: str, operation: str, reads: bool) -> None:
    assert action_of(service, operation).reads is reads
    assert not action_of(service, operation).data


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        *(
            ("s3", name)
            for name in ("GetObject", "PutObject", "DeleteObjects", "ListObjectsV2", "UploadPart", "CopyObject")
        ),
        *(("s3", name) for name in ("CreateMultipartUpload", "PutObjectTagging", "GetObjectAttributes", "ListParts")),
        *(("sqs", name) for name in ("SendMessage", "ReceiveMessage", "DeleteMessageBatch")),
        ("sns", "Publish"),
        ("lambda", "Invoke"),
        ("sagemaker-runtime", "InvokeEndpoint"),
        ("logs", "PutLogEvents"),
        ("cloudwatch", "PutMetricData"),
    ],
)
def test_operations_on_data(service: str, operation: str) -> None:
    assert action_of(service, operation).data


@pytest.mark.parametrize(
    ("service", "operation"),
    [("sqs", "DeleteQueue"), ("sqs", "SetQueueAttributes"), ("s3", "PutObjectLockConfiguration"), ("sns", "CreateTopic"),
     ("lambda", "CreateFunction"), ("logs", "DeleteLogGroup"), ("events", "PutRule"), ("s3", "DeleteBucket")],
)  # fmt: skip
def test_operations_on_resources(service: str, operation: str) -> None:
    action = action_of(service, operation)
    assert not action.data
    assert not action.reads


def test_event_sources() -> None:
    assert action_of("cloudwatch", "PutMetricAlarm").source == "monitoring.amazonaws.com"
    assert action_of("sagemaker", "CreateModel").source == "sagemaker.amazonaws.com"
