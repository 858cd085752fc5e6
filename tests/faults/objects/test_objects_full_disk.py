"""A disk that is full: an error in S3's form, the old object stays, and with room the store goes on.

The server may write files up to a size only (RLIMIT_FSIZE: the disk refuses a blob; anyone may do this), and, for root,
runs on a file system of a few MB.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

MIB = 1024 * 1024
OLD = b"old" * 1000


def refused(act: Any, **request: Any) -> None:
    with pytest.raises(ClientError) as caught:
        act(**request)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("InsufficientStorage", 507)
    assert "disk" in error["Error"]["Message"]


def check_that_old_stays(server: RunningServer, size: int) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="a", Body=OLD)
    refused(s3.put_object, Bucket="full", Key="a", Body=b"n" * size)
    upload = s3.create_multipart_upload(Bucket="full", Key="a")["UploadId"]
    refused(s3.upload_part, Bucket="full", Key="a", UploadId=upload, PartNumber=1, Body=b"n" * size)
    assert s3.get_object(Bucket="full", Key="a")["Body"].read() == OLD
    assert [item["Size"] for item in s3.list_objects_v2(Bucket="full")["Contents"]] == [len(OLD)]
    s3.abort_multipart_upload(Bucket="full", Key="a", UploadId=upload)
    s3.put_object(Bucket="full", Key="a", Body=b"small")
    assert s3.get_object(Bucket="full", Key="a")["Body"].read() == b"small"
    assert not list((server.data / "objects" / "incoming").iterdir())


def test_a_file_that_may_not_grow(own_server: RunningServer) -> None:
    own_server.start()
    assert own_server.process
    resource.prlimit(own_server.process.pid, resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
    check_that_old_stays(own_server, 9 * MIB)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


if os.geteuid() == 0:  # what only root can set up is no test for others, rather than a skipped one

    def test_a_file_system_without_room(small_disk: Path, own_server: RunningServer) -> None:
        own_server.data = small_disk
        own_server.start()
        check_that_old_stays(own_server, 30 * MIB)

    def test_rows_that_find_no_room(small_disk: Path, own_server: RunningServer) -> None:
        own_server.data = small_disk
        own_server.start()
        s3 = own_server.boto("s3")
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="a", Body=OLD, Metadata={"n": "old"})
        filling = small_disk / "filling"
        with filling.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while file.write(b"f" * 65536):
                pass
        for n in range(300):  # the log has room in its file for a while
            try:
                s3.put_object(Bucket="full", Key=f"b{n}", Metadata={"n": "x" * 2000})
            except ClientError as error:
                assert error.response["Error"]["Code"] == "InsufficientStorage"
                break
        else:
            pytest.fail("the disk was never full")
        refused(s3.put_object, Bucket="full", Key="a", Body=b"new", Metadata={"n": "y" * 2000})
        assert s3.get_object(Bucket="full", Key="a")["Body"].read() == OLD
        filling.unlink()
        s3.put_object(Bucket="full", Key="a", Body=b"new")
        assert s3.get_object(Bucket="full", Key="a")["Body"].read() == b"new"
