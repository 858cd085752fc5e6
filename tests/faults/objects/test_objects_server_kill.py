"""kill -9 of a server that clients put to, overwrite, copy and delete at: what it acknowledged is there, whole."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "3"))
WRITERS = 4
KEYS = 5
PART = 5 * 1024 * 1024


class Writer(threading.Thread):
    """Works on keys of its own. `may_hold`: the MD5s a key may have now, None for no object."""

    def __init__(self, s3: Any, name: str) -> None:
        super().__init__()
        self.s3, self.name_ = s3, name
        self.may_hold: dict[str, set[str | None]] = {}
        self.contents: dict[str, bytes | None] = {}
        self.ended = threading.Event()
        self.acknowledged = 0
        self.unexpected: list[Exception] = []

    def run(self) -> None:
        acts = [*[self.put] * 4, *[self.copy] * 2, *[self.delete] * 2, self.put_in_parts]
        while not self.ended.is_set():
            key = f"{self.name_}-{random.randrange(KEYS)}"
            try:
                random.choice(acts)(key)
                self.acknowledged += 1
            except (BotoCoreError, ClientError, KeyError) as error:  # KeyError: an answer that the kill cut off
                if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.unexpected.append(error)
                self.contents.pop(key, None)  # not known now: no source for copies
                time.sleep(0.02)

    def change(self, key: str, data: bytes | None, act: Callable[[], object]) -> None:
        md5 = None if data is None else hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.may_hold.setdefault(key, {None}).add(md5)
        act()
        self.may_hold[key], self.contents[key] = {md5}, data

    def put(self, key: str) -> None:
        data = random.randbytes(random.choice([0, 100, 50_000, 1_500_000]))
        self.change(key, data, lambda: self.s3.put_object(Bucket="kills", Key=key, Body=data))

    def put_in_parts(self, key: str) -> None:
        data = random.randbytes(1000) * (PART // 1000 + 2)
        upload = self.s3.create_multipart_upload(Bucket="kills", Key=key)["UploadId"]
        address = {"Bucket": "kills", "Key": key, "UploadId": upload}
        parts = [
            {"PartNumber": n, "ETag": self.s3.upload_part(**address, PartNumber=n, Body=body)["ETag"]}
            for n, body in ((2, data[PART:]), (1, data[:PART]))
        ]
        chosen = {"Parts": parts[::-1]}
        self.change(key, data, lambda: self.s3.complete_multipart_upload(**address, MultipartUpload=chosen))

    def copy(self, key: str) -> None:
        known = [(name, data) for name, data in self.contents.items() if data is not None and name != key]
        if known:
            source, data = random.choice(known)
            copy_source = {"Bucket": "kills", "Key": source}
            self.change(key, data, lambda: self.s3.copy_object(Bucket="kills", Key=key, CopySource=copy_source))

    def delete(self, key: str) -> None:
        self.change(key, None, lambda: self.s3.delete_object(Bucket="kills", Key=key))


def test_nothing_acknowledged_is_lost_and_nothing_deleted_comes_back(own_server: RunningServer) -> None:
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="kills")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
    writers = [Writer(own_server.boto("s3", config=config), f"w{n}") for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(KILLS):
        time.sleep(random.uniform(0.1, 0.6))
        own_server.end(signal.SIGKILL)
        own_server.start()
    for writer in writers:
        writer.ended.set()
    for writer in writers:
        writer.join()
    assert [error for writer in writers for error in writer.unexpected] == []
    assert sum(writer.acknowledged for writer in writers) > KILLS
    s3 = own_server.boto("s3")
    for writer in writers:
        for key, allowed in writer.may_hold.items():
            assert found(s3, key) in allowed, key
    command = [str(Path(sys.executable).parent / "sagewright"), "objects", "scrub", "--json"]
    done = subprocess.run([*command, "--data", str(own_server.data)], capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert (done.returncode, report["missing"], report["corrupt"]) == (0, [], [])


def found(s3: Any, key: str) -> str | None:
    """The MD5 of the object's bytes; boto3 checks the checksum that was kept."""
    try:
        data = s3.get_object(Bucket="kills", Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey"
        return None
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
