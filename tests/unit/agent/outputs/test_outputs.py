"""Uploads of the directories that a job has left, and messages about the rest."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.double import Double, host_document
from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError, TooLate
from sagewright.agent.hostfile import HostFile, read_host_file
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.outputs import upload_outputs
from sagewright.agent.outputs.parts import Parts
from sagewright.agent.process.volume import Volume
from sagewright.agent.s3 import JobS3

SECRET = b"the admin's secret"


def never() -> None: ...


class Left:
    """/opt/ml of a host whose process has ended, and what happens when it is brought away."""

    def __init__(self, double: Double, base: Path, **request: Any) -> None:
        self.double, self.base = double, base
        (base / "host.json").write_text(json.dumps(host_document(double, request=request)))
        self.host: HostFile = read_host_file(base)
        self.ml = OptMl(base / "ml")
        self.ml.make(self.host.brief.directories)
        self.model, self.output = self.ml.root / "model", self.ml.root / "output"
        self.log: list[str] = []
        self.allowed = 0

    def delivery(self, check: Callable[[], None] = never) -> DeliveryContext:
        most = Volume(self.host, lambda _error: None).most_to_bring()
        return DeliveryContext(Disk(self.base), check, self._allow, most, self.log.append)

    def _allow(self, size: int) -> None:
        self.allowed += size

    def upload(self, check: Callable[[], None] = never) -> None:
        upload_outputs(self.host.brief.outputs, self.ml, JobS3(self.host, check), self.delivery(check), self.base)

    @property
    def keys(self) -> set[str]:
        return {key for _bucket, key in self.double.objects}

    def nowhere(self, secret: bytes) -> bool:
        contents = [*self.double.objects.values(), *self.double.parts.values(), "\n".join(self.log).encode()]
        archives = [key for key in self.keys if key.endswith(".tar.gz")]
        unpacked = [b"".join(self.double.archive(f"s3://out/{key}").values()) for key in archives]
        return not any(secret in content for content in [*contents, *unpacked])


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "secret").write_bytes(SECRET)
    return tmp_path / "secret"


@pytest.fixture(params=["GZIP", "NONE"])
def left(request: pytest.FixtureRequest, double: Double, tmp_path: Path, secret: Path) -> Left:
    (tmp_path / "h").mkdir()
    output = {"S3OutputPath": "s3://out/base", "CompressionType": request.param}
    return Left(double, tmp_path / "h", OutputDataConfig=output)


@pytest.fixture
def plain(double: Double, tmp_path: Path) -> Left:
    (tmp_path / "h").mkdir()
    output = {"S3OutputPath": "s3://out/base", "CompressionType": "NONE"}
    return Left(double, tmp_path / "h", OutputDataConfig=output)


def test_links_lead_to_nothing(left: Left, secret: Path) -> None:
    (left.model / "file").write_bytes(b"mine")
    (left.model / "absolute").symlink_to(secret)
    (left.model / "relative").symlink_to("../../../secret")
    (left.model / "folder").symlink_to(secret.parent / "others")
    (left.model / "magic").symlink_to(f"/proc/{os.getpid()}/root")
    (left.output / "data" / "absolute").symlink_to(secret)
    left.upload()
    assert left.nowhere(SECRET)
    if not left.host.brief.outputs[0].archive:
        assert left.keys == {"base/job/output/model/file"}
        assert left.log == [
            "/opt/ml/model: 4 entries left out of the upload, only files are uploaded; the first: 'absolute'.",
            "/opt/ml/output/data: 1 entry left out of the upload, only files are uploaded; the first: 'absolute'.",
        ]


def _link(place: Path, secret: Path) -> None:
    place.symlink_to(secret.parent / "others")


def _fifo(place: Path, secret: Path) -> None:
    os.mkfifo(place)


def _file(place: Path, secret: Path) -> None:
    place.write_bytes(b"x")


@pytest.mark.parametrize("make", [_link, _fifo, _file])
@pytest.mark.parametrize("path", ["model", "output/data", "output"])
def test_a_directory_that_the_job_has_replaced(
    left: Left, secret: Path, path: str, make: Callable[[Path, Path], None]
) -> None:
    place = left.ml.root / path
    place.rename(left.base / "away")
    make(place, secret)
    with pytest.raises(ClientError, match=r"^Artifact upload failed:/opt/ml/\S+ is no longer a directory$"):
        left.upload()
    assert left.nowhere(SECRET)


def test_directories_that_are_gone_are_empty(left: Left) -> None:
    left.model.rmdir()
    (left.output / "data").rmdir()
    left.upload()
    assert left.keys in ({"base/job/output/model.tar.gz"}, set())


@pytest.mark.parametrize("path", ["model/weights", "output/data/plot"])
def test_a_sparse_file_larger_than_the_volume_is_refused_before_it_is_read(left: Left, path: str) -> None:
    with (left.ml.root / path).open("wb") as file:
        file.truncate(3 << 40)
    began = time.monotonic()
    with pytest.raises(ClientError) as caught:
        left.upload()
    place = path.rpartition("/")[0]
    assert str(caught.value) == (
        f"Artifact upload failed:Insufficient disk space: /opt/ml/{place} has 3072.0 GiB, and VolumeSizeInGB is 1."
    )
    assert time.monotonic() - began < 30


def test_without_a_volume_the_disk_is_the_limit(double: Double, tmp_path: Path) -> None:
    left = Left(double, tmp_path, ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1})
    with (left.model / "weights").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(ClientError, match=r"has 8192\.0 GiB, and the disk of the machine has .* GiB in all"):
        left.upload()


def test_keys_that_cannot_be_are_told(plain: Left) -> None:
    Path(os.fsdecode(os.fsencode(plain.model) + b"/caf\xe9")).write_bytes(b"x")
    (plain.model / "fine").write_bytes(b"fine")
    deep = plain.model.joinpath(*["n" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x")
    plain.upload()
    assert plain.keys == {"base/job/output/model/fine"}
    assert plain.log[0].startswith(
        r"/opt/ml/model: 1 entry left out of the upload, their names are not UTF-8, as keys of S3 are; the first: 'caf\udce9'"
    )
    assert "their keys would be longer than 1024 bytes" in plain.log[1]


def test_a_file_of_the_failure_is_read_only_if_it_is_one(left: Left, secret: Path) -> None:
    failure = left.output / "failure"
    failure.symlink_to(secret)
    assert left.ml.failure() is None
    failure.unlink()
    os.mkfifo(failure)
    assert left.ml.failure() is None
    failure.unlink()
    failure.mkdir()
    assert left.ml.failure() is None
    failure.rmdir()
    with failure.open("wb") as file:
        file.write(b"it broke: \xff\0!")
        file.truncate(3 << 40)
    assert (left.ml.failure() or "").startswith("it broke: \ufffd!")
    failure.unlink()
    (left.output / "data").rmdir()
    left.output.rmdir()
    left.output.symlink_to(secret.parent)
    (secret.parent / "failure").write_bytes(SECRET)
    assert left.ml.failure() is None


def test_large_files_go_up_in_parts(plain: Left) -> None:
    content = os.urandom(20 << 20)
    (plain.model / "large").write_bytes(content)
    plain.upload()
    assert plain.double.objects["out", "base/job/output/model/large"] == content


def test_parts_are_refused_as_artefacts_are(plain: Left) -> None:
    with (plain.output / "data" / "sparse").open("wb") as file:
        file.truncate(3 << 40)
    with pytest.raises(ClientError, match="Insufficient disk space: /opt/ml/output/data has 3072"):
        Parts(plain.host, plain.ml, plain.delivery()).hand_over()
    assert sorted(entry.name for entry in plain.base.iterdir()) == ["host.json", "ml"]


@pytest.fixture
def stalled() -> Iterator[int]:
    """The port of an S3 that takes connections, and never reads nor answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.mark.parametrize("size", [10, 30 << 20])
def test_an_s3_that_stands_still_keeps_nobody(left: Left, stalled: int, size: int) -> None:
    (left.model / "file").write_bytes(os.urandom(size))
    endpoint = f"http://127.0.0.1:{stalled}"
    document = json.loads((left.base / "host.json").read_text())
    document["objects"]["endpoint"] = endpoint
    (left.base / "host.json").write_text(json.dumps(document))
    left.host = read_host_file(left.base)
    until = time.monotonic() + 1.5

    def check() -> None:
        if time.monotonic() > until:
            raise TooLate

    with pytest.raises(TooLate):
        left.upload(check)
    assert time.monotonic() < until + 20
