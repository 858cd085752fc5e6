"""A server whose objects are in SeaweedFS: clients and jobs see no difference."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from external.seaweedfs import KEY, SECRET, SeaweedFS

if TYPE_CHECKING:
    from conftest import RunningServer

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
BUCKET = "external"


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    started = SeaweedFS(tmp_path_factory.mktemp("weed"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def external(
    weed: SeaweedFS, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("external")
    keys = data / "external-keys"
    keys.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    running = server_class(
        data, {"SAGEWRIGHT_OBJECTS": f"s3://{weed.address}", "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(keys)}
    )
    running.start()
    running.boto("s3").create_bucket(Bucket=BUCKET)
    yield running
    running.kill_everything()


@pytest.fixture(scope="module")
def s3(external: RunningServer) -> Any:
    return external.boto("s3")


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_objects_go_there_and_come_back(s3: Any, weed: SeaweedFS) -> None:
    key = "a b/ü+=~%2F&?"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"hello", Metadata={"x": "y z"}, ContentType="text/plain")
    for client in (s3, weed.client()):
        found = client.get_object(Bucket=BUCKET, Key=key)
        assert found["Body"].read() == b"hello"
        assert (found["Metadata"], found["ContentType"]) == ({"x": "y z"}, "text/plain")
    assert s3.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-3")["Body"].read() == b"ell"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="a b/ü")["Contents"]] == [key]
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": key})
    assert s3.head_object(Bucket=BUCKET, Key="copy")["ContentLength"] == 5
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": key}]})
    assert "Contents" not in weed.client().list_objects_v2(Bucket=BUCKET, Prefix="a b")


def test_a_transfer_in_parts(s3: Any, weed: SeaweedFS) -> None:
    data = os.urandom(18_000_000)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "large")
    assert weed.client().head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(data)
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, "large", back)
    assert back.getvalue() == data


def test_its_errors_are_passed_on(s3: Any) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=BUCKET, Key="none")
    assert code_of(caught) == "NoSuchKey"
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=BUCKET, Key="none")
    assert code_of(caught) == "404"
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket="no-such-bucket-at-all")
    assert code_of(caught) == "NoSuchBucket"


def test_only_our_keys_open_our_door(external: RunningServer, s3: Any) -> None:
    theirs = external.boto("s3", aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    with pytest.raises(ClientError) as caught:
        theirs.list_buckets()
    assert code_of(caught) == "InvalidAccessKeyId"
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket=BUCKET, ExpectedBucketOwner="111111111111")
    assert code_of(caught) == "AccessDenied"
    assert s3.list_objects_v2(Bucket=BUCKET, ExpectedBucketOwner="000000000000")["Name"] == BUCKET


def test_presigned_urls(s3: Any) -> None:
    address = {"Bucket": BUCKET, "Key": "presigned"}
    put = urllib.request.Request(s3.generate_presigned_url("put_object", address), data=b"by url", method="PUT")
    assert urllib.request.urlopen(put).status == 200
    assert urllib.request.urlopen(s3.generate_presigned_url("get_object", address)).read() == b"by url"


def send_signed(server: RunningServer, key: str, body: bytes, headers: dict[str, str]) -> int:
    """PUT `body` with `headers`, whose payload hash is signed whatever the body is."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    class AsSaid(S3SigV4Auth):  # type: ignore[misc]
        def payload(self, _request: AWSRequest) -> str:
            return headers["x-amz-content-sha256"]

    request = AWSRequest("PUT", f"{server.endpoint}/{BUCKET}/{key}", headers=headers)
    AsSaid(Credentials(*server.key()), "s3", "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, data=body, headers=dict(request.headers.items()), method="PUT")
    try:
        return int(urllib.request.urlopen(sent).status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_a_body_that_is_not_what_was_signed_never_arrives(external: RunningServer, s3: Any) -> None:
    for size in (10, 3_000_000):
        assert send_signed(external, "forged", b"x" * size, {"x-amz-content-sha256": "0" * 64}) == 400
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="forged")


@pytest.mark.parametrize("size", [5, 3_000_000])
def test_a_trailing_checksum_is_passed_on(external: RunningServer, weed: SeaweedFS, size: int) -> None:
    data = os.urandom(size)
    checksum = b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(size),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
    }

    def framed(described: str) -> bytes:
        return f"{size:x}\r\n".encode() + data + f"\r\n0\r\nx-amz-checksum-crc32:{described}\r\n\r\n".encode()

    assert send_signed(external, f"trailer-{size}", framed(checksum), headers) == 200
    assert weed.client().get_object(Bucket=BUCKET, Key=f"trailer-{size}")["Body"].read() == data
    assert send_signed(external, f"wrong-{size}", framed("AAAAAA=="), headers) == 400


def create(server: RunningServer, name: str, **changes: Any) -> None:
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash", "-c"],
            "ContainerArguments": [
                "cat /opt/ml/input/data/train/* > /opt/ml/model/copy; echo done > /opt/ml/checkpoints/c;"
                "echo out > /opt/ml/output/data/o"
            ],
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}},
            }
        ],
        "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
        "RoleArn": "arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
    }
    given = {name: value for name, value in (request | changes).items() if value is not None}
    server.boto("sagemaker").create_training_job(**given)


def test_a_job_reads_and_writes_there(external: RunningServer, s3: Any, weed: SeaweedFS, job_name: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="in/one", Body=b"one")
    s3.put_object(Bucket=BUCKET, Key="in/two", Body=b"two")
    create(external, job_name)
    job = external.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    output = {f"out/{job_name}/output/{name}.tar.gz" for name in ("model", "output")}
    assert output | {f"checkpoints/{job_name}/c"} <= keys
    packed = weed.client().get_object(Bucket=BUCKET, Key=f"out/{job_name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile("copy")
        assert member
        assert member.read() == b"onetwo"
    with pytest.raises(ClientError) as caught:
        nowhere = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing/"}
        create(external, "none", InputDataConfig=[{"ChannelName": "t", "DataSource": {"S3DataSource": nowhere}}])
    assert "No S3 objects found" in caught.value.response["Error"]["Message"]
    assert not (external.data / "objects").exists()


def test_the_keys_are_told_nowhere(external: RunningServer) -> None:
    assert SECRET not in external.log()


def test_a_store_that_is_away_is_told_at_once(own_server: RunningServer, job_name: str) -> None:
    own_server.environ |= {
        "SAGEWRIGHT_OBJECTS": f"s3://{KEY}:secret@127.0.0.1:9",
        "SAGEWRIGHT_OBJECTS_PATIENCE_S": "2",
    }
    own_server.start()
    began = time.monotonic()
    with pytest.raises(ClientError) as caught:
        own_server.boto("s3").list_buckets()
    assert code_of(caught) == "ServiceUnavailable"
    assert "The object store at http://127.0.0.1:9 does not answer" in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as caught:
        create(own_server, job_name)
    assert code_of(caught) == "ServiceUnavailable"
    script = {"sagemaker_submit_directory": f'"s3://{BUCKET}/code.tar.gz"', "sagemaker_program": '"train.py"'}
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    changes = {"InputDataConfig": None, "HyperParameters": script, "AlgorithmSpecification": specification}
    create(own_server, job_name, **changes)  # its code is looked for by the host
    job = own_server.wait(job_name, timeout_s=60)
    assert job["TrainingJobStatus"] == "Failed"
    assert "did not answer for 2 s" in job["FailureReason"]
    assert time.monotonic() - began < 60


@pytest.mark.soak  # `test_a_job_reads_and_writes_there` does so by boto3, test_clients.py runs the programs on the server's own S3
@pytest.mark.parametrize("example", ["xgboost_builtin.py", "pytorch_script_mode.py"])
def test_sdk_jobs_with_their_data_there(external: RunningServer, s3: Any, weed: SeaweedFS, example: str) -> None:
    root = Path(__file__).parents[3]
    python = root / ".cache" / "clients" / "sdk-v2" / "bin" / "python"
    done = external.door(str(python), "-W", "ignore", example, cwd=root / "examples")
    assert done.returncode == 0, done.stdout + done.stderr + external.log()
    client = external.boto("sagemaker")
    found = client.list_training_jobs(SortBy="CreationTime", SortOrder="Descending", MaxResults=1)
    job = client.describe_training_job(TrainingJobName=found["TrainingJobSummaries"][0]["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed"
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    for one in (s3, weed.client()):
        assert key in {item["Key"] for item in one.list_objects_v2(Bucket=bucket)["Contents"]}


def test_the_catalogue_of_models_is_written_there(external: RunningServer, weed: SeaweedFS) -> None:
    bucket, digest = "jumpstart-cache-prod-us-east-1", "sagewright-catalogue.sha256"
    deadline = time.monotonic() + 120
    while True:
        with suppress(ClientError):
            weed.client().head_object(Bucket=bucket, Key=digest)
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert external.boto("s3").get_object(Bucket=bucket, Key="models_manifest.json")["Body"].read().startswith(b"[{")


def test_policies_decide_about_its_objects(
    weed: SeaweedFS, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also those that ask for tags, which AWS's policy of an execution role does; parts of an upload have no tags to ask for."""
    data = tmp_path_factory.mktemp("enforced")
    keys = data / "external-keys"
    keys.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    environ = {
        "SAGEWRIGHT_OBJECTS": f"s3://{weed.address}",
        "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(keys),
        "SAGEWRIGHT_ACCESS": "enforced",
    }
    running = server_class(data, environ)
    running.start()
    try:
        admin, iam = running.boto("s3"), running.boto("iam")
        admin.create_bucket(Bucket="decided")
        for key, tag in (("open", "team=red"), ("closed", "team=blue")):
            admin.put_object(Bucket="decided", Key=key, Body=b"x", Tagging=tag)
        iam.create_user(UserName="reader")
        tagged = {"StringEquals": {"s3:ExistingObjectTag/team": "red"}}
        encrypted = {"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
        statements = [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": tagged},
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Condition": encrypted},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=policy)
        made = iam.create_access_key(UserName="reader")["AccessKey"]
        keypair = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
        reader = running.boto("s3", **keypair)
        assert reader.get_object(Bucket="decided", Key="open")["Body"].read() == b"x"
        for key in ("closed", "missing"):
            with pytest.raises(ClientError) as caught:
                reader.get_object(Bucket="decided", Key=key)
            assert code_of(caught) == "AccessDenied"
        upload = reader.create_multipart_upload(Bucket="decided", Key="parts")["UploadId"]
        named = {"Bucket": "decided", "Key": "parts", "UploadId": upload}
        tag = reader.upload_part(**named, PartNumber=1, Body=b"part")["ETag"]
        reader.complete_multipart_upload(**named, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
        assert admin.get_object(Bucket="decided", Key="parts")["Body"].read() == b"part"
        assert "Traceback" not in running.log()
    finally:
        running.kill_everything()
