"""Parts of an upload stand at their place in one file: a server that dies between them, and a disk that refuses one."""

from __future__ import annotations

import os
import resource
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

MIB = 1024 * 1024
SIZE = 5 * MIB


class Upload:
    """An upload through boto3 of parts that the test names."""

    def __init__(self, server: RunningServer) -> None:
        s3 = server.boto("s3")
        s3.create_bucket(Bucket="parts")
        self.address = {"Bucket": "parts", "Key": "k"}
        self.id = s3.create_multipart_upload(**self.address)["UploadId"]
        self.etags: dict[int, str] = {}

    def put(self, s3: Any, number: int, data: bytes) -> None:
        answer = s3.upload_part(**self.address, UploadId=self.id, PartNumber=number, Body=data)
        self.etags[number] = answer["ETag"]

    def complete(self, s3: Any) -> bytes:
        chosen = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self.etags.items())]
        s3.complete_multipart_upload(**self.address, UploadId=self.id, MultipartUpload={"Parts": chosen})
        body: bytes = s3.get_object(**self.address)["Body"].read()
        return body


def files(server: RunningServer) -> list[Path]:
    return [path for path in (server.data / "objects").rglob("*") if path.is_file() and len(path.name) == 32]


def test_a_server_killed_between_parts(own_server: RunningServer) -> None:
    own_server.start()
    upload, data = Upload(own_server), [os.urandom(SIZE) for _ in range(4)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: upload.put(own_server.boto("s3"), n, data[n - 1]), (2, 3)))
    own_server.end(signal.SIGKILL)
    own_server.start()
    s3 = own_server.boto("s3")
    assert [part["PartNumber"] for part in s3.list_parts(**upload.address, UploadId=upload.id)["Parts"]] == [2, 3]
    upload.put(s3, 1, data[0])
    upload.put(s3, 4, data[3][:100])
    assert upload.complete(s3) == data[0] + data[1] + data[2] + data[3][:100]


def test_a_server_killed_while_it_takes_parts(own_server: RunningServer) -> None:
    """Acknowledged parts exist, others can be sent again, and the whole is complete."""
    own_server.start()
    upload, data = Upload(own_server), [os.urandom(SIZE) for _ in range(12)]
    begun = threading.Semaphore(0)

    def put(number: int) -> None:
        begun.release()
        try:
            upload.put(own_server.boto("s3"), number, data[number - 1])
        except (ClientError, BotoCoreError):
            return

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(put, number) for number in range(1, 13)]
        for _ in range(7):
            begun.acquire()
        own_server.end(signal.SIGKILL)
        for future in done:
            future.result()
    own_server.start()
    s3 = own_server.boto("s3")
    there = {part["PartNumber"] for part in s3.list_parts(**upload.address, UploadId=upload.id)["Parts"]}
    assert set(upload.etags) <= there
    assert len(upload.etags) < 12
    for number in range(1, 13):
        if number not in upload.etags:
            upload.put(s3, number, data[number - 1])
    assert upload.complete(s3) == b"".join(data)


def test_a_part_that_finds_no_room_harms_no_other(own_server: RunningServer) -> None:
    own_server.start()
    upload, s3, data = Upload(own_server), own_server.boto("s3"), os.urandom(SIZE)
    upload.put(s3, 1, data)
    assert own_server.process
    resource.prlimit(own_server.process.pid, resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
    with pytest.raises(ClientError) as caught:
        upload.put(s3, 2, data)
    assert caught.value.response["Error"]["Code"] == "InsufficientStorage"
    upload.put(s3, 2, b"the last")
    assert upload.complete(s3) == data + b"the last"
    (one,) = files(own_server)
    assert one.stat().st_size == SIZE + len(b"the last"), "what the refused part left is truncated"
