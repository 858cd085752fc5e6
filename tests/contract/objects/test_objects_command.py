"""`sagewright objects` beside a running server and without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import RunningServer


def objects(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "sagewright"), "objects", *words, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def blobs(server: RunningServer) -> list[Path]:
    return list((server.data / "objects" / "blobs").glob("*/*"))


def test_scrub_and_gc(own_server: RunningServer) -> None:
    own_server.start()
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket="scrubbed")
    s3.put_object(Bucket="scrubbed", Key="a", Body=b"one" * 10_000)
    s3.put_object(Bucket="scrubbed", Key="small", Body=b"in the store")
    (blob,) = blobs(own_server)
    orphan = blob.with_name("0" * 32)
    orphan.write_bytes(b"left behind")
    sound = objects(own_server, "scrub")
    assert sound.returncode == 0, sound.stderr
    assert sound.stdout == "2 objects and 0 parts, 30012 bytes: 0 missing, 0 corrupt, 0 files orphaned\n"
    blob.write_bytes(b"two" * 10_000)
    damaged = objects(own_server, "scrub", "--json")
    assert damaged.returncode == 1
    (fault,) = json.loads(damaged.stdout)["corrupt"]
    assert (fault["bucket"], fault["key"]) == ("scrubbed", "a")
    assert objects(own_server, "gc").stdout == "0 files removed\n", "beside a server the young ones stay"
    assert own_server.end() == 0
    alone = objects(own_server, "scrub")
    assert alone.returncode == 1
    assert "corrupt: s3://scrubbed/a: " in alone.stdout
    assert f"orphaned: {orphan.name}\n" in alone.stdout
    assert objects(own_server, "gc").stdout == "1 files removed\n"
    assert blobs(own_server) == [blob]


def test_a_directory_without_a_store_is_told(own_server: RunningServer) -> None:
    done = objects(own_server, "scrub")
    assert done.returncode == 2
    assert done.stderr == f"sagewright: no object store in {own_server.data}\n"
