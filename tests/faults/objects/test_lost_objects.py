"""Bytes of objects that vanished from the data directory: S3 says so at once, and a job says which key it could not have."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

SIZE = 100_000
KEY = "data/deep/lost one.bin"


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.start()
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket="outputs")
    s3.put_object(Bucket="outputs", Key="data/kept", Body=b"kept")
    before = {*own_server.data.glob("objects/blobs/*/*")}
    s3.put_object(Bucket="outputs", Key=KEY, Body=b"x" * SIZE)
    (lost,) = {*own_server.data.glob("objects/blobs/*/*")} - before
    lost.unlink()
    return own_server


def test_a_client_is_told_at_once(running: RunningServer) -> None:
    s3 = running.boto("s3", config=Config(retries={"max_attempts": 5, "mode": "standard"}))
    place = {"Bucket": "outputs", "Key": KEY}
    began = time.monotonic()
    for ask in (
        lambda: s3.get_object(**place),
        lambda: s3.get_object(**place, Range="bytes=10-20"),
        lambda: s3.copy_object(Bucket="outputs", Key="copy", CopySource=place),
    ):
        with pytest.raises(s3.exceptions.ClientError, match=r"InvalidObjectState.*lost one\.bin"):
            ask()
    assert time.monotonic() - began < 4, "tried again and again"
    assert s3.head_object(**place)["ContentLength"] == SIZE
    upload = s3.create_multipart_upload(Bucket="outputs", Key="copy")["UploadId"]
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.upload_part_copy(Bucket="outputs", Key="copy", UploadId=upload, PartNumber=1, CopySource=place)
    assert s3.get_object(Bucket="outputs", Key="data/kept")["Body"].read() == b"kept"
    s3.put_object(**place, Body=b"again")
    assert s3.get_object(**place)["Body"].read() == b"again"
    assert "Traceback" not in running.log()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("beside", ["true", "false"])
@pytest.mark.parametrize("mode", ["File", "FastFile", "Pipe"])
def test_a_jobs_channel_names_the_key(own_server: RunningServer, mode: str, beside: str, request: Any) -> None:
    own_server.environ["SAGEWRIGHT_LINK_CHANNELS"] = beside
    running = request.getfixturevalue("running")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://outputs/data/"}
    channel = {"ChannelName": "train", "InputMode": mode, "DataSource": {"S3DataSource": source}}
    files = "train_0" if mode == "Pipe" else "train/kept train/deep/*"
    shell = f"cd /opt/ml/input/data; cat {files} > /tmp/all"
    running.run_shell("job", shell, image="python:3.11", InputDataConfig=[channel])
    job = running.wait("job")
    assert job["TrainingJobStatus"] == "Failed"
    if (mode, beside) != ("FastFile", "false"):  # there the script reads through FUSE, and gets EIO
        assert job["FailureReason"].startswith("ClientError: Data download failed"), job["FailureReason"]
        assert "lost one.bin" in job["FailureReason"]
