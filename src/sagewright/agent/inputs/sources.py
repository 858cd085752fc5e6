"""Sources of a job's input objects: local files of the embedded object store, or S3 over the network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sagewright.agent.hostfile import HostFile
from sagewright.agent.reports.server import ServerAway, ServerConnection
from sagewright.agent.s3 import JobS3, S3Failed

_LONGEST_WAIT_S = 2.0
_NOT_BESIDE = 409


@dataclass(frozen=True)
class Stored:
    """An object; `size` in bytes, None if it was not requested. `file` contains exactly its bytes and never changes, but its name
    disappears some seconds after the object was deleted or overwritten; None: the bytes must be read from S3."""

    bucket: str
    key: str
    size: int | None = None
    file: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class ObjectSource(Protocol):
    """Finds objects. Safe to use from many threads. Raises S3Failed if S3 refuses, and the exceptions that abandon the job."""

    beside: bool
    """True if objects have local files."""

    def under(self, bucket: str, prefix: str) -> Iterator[Stored]:
        """Yields all objects whose key starts with `prefix`, in key order."""
        ...

    def find(self, names: Sequence[tuple[str, str]]) -> list[Stored]:
        """Returns the objects with these buckets and keys, in order. A missing one may be detected only when it is read."""
        ...


@dataclass(frozen=True)
class S3Source:
    """Any S3."""

    s3: JobS3
    beside = False

    def under(self, bucket: str, prefix: str) -> Iterator[Stored]:
        return (Stored(bucket, found.key, found.size) for found in self.s3.list(bucket, prefix))

    def find(self, names: Sequence[tuple[str, str]]) -> list[Stored]:
        return [Stored(bucket, key) for bucket, key in names]


class BesideSource:
    """The embedded object store of this machine: one request to the server finds thousands of objects."""

    beside = True

    def __init__(self, host: HostFile, proof: str, check: Callable[[], None]) -> None:
        self._host, self._proof, self._check = host, proof, check

    def usable(self) -> bool:
        """True if the server accepts the proof."""
        return self._ask({"names": []}) is not None

    def under(self, bucket: str, prefix: str) -> Iterator[Stored]:
        after: str | None = ""
        while after is not None:
            page = self._answer({"bucket": bucket, "prefix": prefix, "after": after})
            yield from (Stored(bucket, key, size, file) for key, size, file in page["found"])
            after = page["next"]

    def find(self, names: Sequence[tuple[str, str]]) -> list[Stored]:
        return _stored(names, self._answer({"names": list(names)}))

    def find_if_usable(self, names: Sequence[tuple[str, str]]) -> list[Stored] | None:
        """Works as `find`; returns None if the server does not accept the proof."""
        answer = self._ask({"names": list(names)})
        return None if answer is None else _stored(names, answer)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask(question)
        if answer is None:
            raise S3Failed("NotBeside", "the object store is no longer on this host's machine")
        return answer

    def _ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        connection = ServerConnection(self._host.endpoint, self._host.host_id, self._host.token)
        self._check()
        body = json.dumps({"proof": self._proof, **question}).encode()
        wait = 0.1
        try:
            while True:
                try:
                    status, answer = connection.request("POST", "objects", body)
                except ServerAway:
                    status, answer = 503, b""
                if status < 500:
                    return _understood(status, answer)
                self._check()
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)
        finally:
            connection.close()


def _stored(names: Sequence[tuple[str, str]], answer: dict[str, Any]) -> list[Stored]:
    return [Stored(*name, size, file) for name, (size, file) in zip(names, answer["found"], strict=True)]


def _understood(status: int, answer: bytes) -> dict[str, Any] | None:
    if status == _NOT_BESIDE:
        return None
    try:
        content: dict[str, Any] = json.loads(answer)
    except ValueError:
        content = {}
    if status != 200:
        code = str(content.get("code", status))
        raise S3Failed(code, f"cannot find objects: {code}: {content.get('message', '')}")
    return content


def choose_source(host: HostFile, s3: JobS3, check: Callable[[], None]) -> ObjectSource:
    """Returns the embedded store if this process can prove that it is on the store's machine, otherwise S3."""
    beside = _beside(host, check)
    return beside if beside is not None and beside.usable() else S3Source(s3)


def find_objects(
    host: HostFile, s3: JobS3, check: Callable[[], None], names: Sequence[tuple[str, str]]
) -> list[Stored]:
    """Works as `find` of the source that `choose_source` would choose, with one request. Raises as a source does."""
    beside = _beside(host, check)
    found = beside.find_if_usable(names) if beside is not None else None
    return S3Source(s3).find(names) if found is None else found


def _beside(host: HostFile, check: Callable[[], None]) -> BesideSource | None:
    """Returns the embedded store, if there is one whose proof this process can read."""
    if host.object_proof is None:
        return None
    try:
        return BesideSource(host, Path(host.object_proof).read_text(), check)
    except OSError:
        return None
