"""A large object passes through the server in constant memory, both ways."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from conftest import RunningServer

MIB = 1024 * 1024
SIZE = 1024 * MIB
MOST_MIB = 200


def peak_mib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) // 1024


def pieces() -> Iterator[bytes]:
    for number in range(SIZE // MIB):
        yield bytes([number % 256]) * MIB


def test_a_gigabyte_in_and_out(own_server: RunningServer) -> None:
    own_server.start()
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket="large")
    address = {"Bucket": "large", "Key": "a"}
    url = urlsplit(s3.generate_presigned_url("put_object", address))
    connection = http.client.HTTPConnection(url.netloc, timeout=120)
    connection.request("PUT", f"{url.path}?{url.query}", body=pieces(), headers={"Content-Length": str(SIZE)})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    body = s3.get_object(**address)["Body"]
    for piece in pieces():
        assert body.read(MIB) == piece
    assert body.read(1) == b""
    assert own_server.process
    assert peak_mib(own_server.process.pid) < MOST_MIB
    connection.close()
    s3.delete_object(**address)
