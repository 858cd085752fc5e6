"""A run of the fuzzer against a server, and what came of it."""

from __future__ import annotations

import random
import re
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.security.port.fuzzing import requests, values
from tests.security.port.fuzzing.client import Answer, Client, NoAnswer

PROMPT_S = 5.0
"""Longer than any answer takes on a machine that has other things to do."""

RAW = 0.03
"""The share of requests whose end is unknown: their bytes are spoiled once they are signed."""

ENDS_S = 10.0
NOT_IMPLEMENTED = b"<Message>A header you provided implies functionality that is not implemented</Message>"
"""S3's 501, as AWS's: it is about the request."""
SETTINGS = {"SAGEWRIGHT_CAPACITY_CPUS": "1", "SAGEWRIGHT_HEADER_TIMEOUT_S": "2", "SAGEWRIGHT_BODY_IDLE_S": "2"}


def furnish(server: Any) -> None:
    """Make what the requests name."""
    s3, logs = server.boto("s3"), server.boto("logs")
    for bucket in values.BUCKETS[:2]:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a", Body=b"abc")
    logs.create_log_group(logGroupName="fuzz-group")
    logs.create_log_stream(logGroupName="fuzz-group", logStreamName="fuzz-stream")
    server.boto("ecr").create_repository(repositoryName="fuzz/repository")
    server.boto("iam").create_role(RoleName="fuzz-role", AssumeRolePolicyDocument='{"Statement":[]}')


@dataclass
class Run:
    """`seed` says which requests; the same seed, the same requests."""

    server: Any
    seed: int
    faults: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    sent: int = 0

    def __post_init__(self) -> None:
        place = urlsplit(self.server.endpoint)
        self._place = (place.hostname or "", place.port or 0)
        self._client, self._key = Client(*self._place), self.server.key()
        self._rng = random.Random(self.seed)

    def step(self) -> None:
        """One more request."""
        target, request = requests.request(self._rng, self._key)
        data, begin = request.wire(), time.monotonic()
        self.sent += 1
        try:
            if self._rng.random() < RAW:
                data = spoiled(self._rng, data)
                what = self._raw(data)
            else:
                what = self._fault(self._client.ask(data, head=request.method == b"HEAD"))
        except NoAnswer as error:
            what = f"no answer: {error}"
        took_s = time.monotonic() - begin
        self.slowest_s = max(self.slowest_s, took_s)
        if what or took_s > ENDS_S:
            self.faults.append(f"#{self.sent} {target}: {what or f'{took_s:.1f} s'}\n    {data[:600]!r}")

    def close(self) -> None:
        self._client.close()

    def _fault(self, answer: Answer) -> str | None:
        """The fault of an answer, if there is one."""
        self.statuses[answer.status] += 1
        busy = answer.status == 503 and "retry-after" in answer.headers
        if answer.status >= 500 and not busy and not (answer.status == 501 and NOT_IMPLEMENTED in answer.body):
            return f"{answer.status} {answer.body[:300]!r}"
        return None

    def _raw(self, data: bytes) -> str | None:
        """Nobody can tell whether there is an answer to it; but the connection ends, and no answer is a fault."""
        with socket.create_connection(self._place, timeout=ENDS_S) as made:
            read = b""
            try:
                made.sendall(data)
                made.shutdown(socket.SHUT_WR)
                while piece := made.recv(65536):
                    read += piece
            except TimeoutError:
                return "the connection did not end"
            except OSError:
                pass
        found = [int(status) for status in re.findall(rb"^HTTP/1.1 (\d+) ", read, re.MULTILINE)]
        self.statuses.update(found)
        faulty = found and max(found) >= 500 and not (max(found) == 501 and NOT_IMPLEMENTED in read)
        return f"{max(found)} {read[:300]!r}" if faulty else None


def spoiled(rng: random.Random, data: bytes) -> bytes:
    """Bytes of a request, most of them of its head, replaced, put in or taken out."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        end = found.find(b"\r\n\r\n") if rng.random() < 0.9 else len(found)
        place = rng.randrange(max(1, end))
        pick = rng.random()
        if pick < 0.4:
            found[place : place + 1] = bytes([rng.randrange(256)])
        elif pick < 0.8:
            found[place:place] = rng.choice(SPOILS)
        else:
            del found[place : place + rng.choice((1, 2, 30))]
    return bytes(found)


SPOILS = (
    b"\r\n", b"\r", b"\n", b"\x00", b" ", b"\t", b":", b"\r\n\r\n", b"\r\n ", b"\xff", b"transfer-encoding: chunked\r\n",
    b"\r\ntransfer-encoding: chunked\r\n", b"\r\ncontent-length: 1\r\n", b"\r\ncontent-length: 99999999999999999999\r\n",
    b"\r\nexpect: 100-continue\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n", b"\r\nconnection: close\r\n",
    b"\r\nhost: x\r\n", b"GET / HTTP/1.1\r\n\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"?", b"#", b"%", b"\r\n0\r\n\r\n",
)  # fmt: skip
