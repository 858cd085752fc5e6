"""Parts at their place in one file: never copied where they fit, never written over, never in an object's way."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects import uploads as uploads_module
from sagewright.objects.blobs import assembly as module
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.placing import Properties, PutConditions
from sagewright.objects.scrub import Scrub, ScrubReport
from sagewright.objects.uploads import Chosen, Expected
from sagewright.store.objects.uploads import Upload, UploadPart

SIZE = 8192


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "LEAST_PART", SIZE)


@pytest.fixture
def upload(objects: BucketStore) -> Upload:
    return objects.uploads.create("b", "k", Properties(), "CRC32", "FULL_OBJECT")


def data(number: int, size: int = SIZE) -> bytes:
    return bytes([number]) * size


def put(objects: BucketStore, upload: Upload, number: int, body: bytes) -> UploadPart:
    with objects.uploads.receive(upload, number, io.BytesIO(body), ["CRC32"], len(body)) as blob:
        return objects.uploads.put_part(upload, number, blob)


def complete(objects: BucketStore, upload: Upload, *parts: UploadPart) -> bytes:
    chosen = [Chosen(part.number, part.etag) for part in parts]
    version = objects.uploads.complete(upload, chosen, Expected(size=sum(part.size for part in parts)))
    objects.blobs.empty_trash(float("inf"))
    assert Scrub(objects).run(0) == ScrubReport(objects=1, bytes=version.size)
    assert files(objects) == [version.blob]
    return objects.path(version).read_bytes()


def files(objects: BucketStore) -> list[str]:
    return [path.name for path in objects.blobs.path("00").parent.parent.glob("*/*")]


class Body:
    """Comes piece by piece, whenever the test says so, and ends in an error if that is said."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = list(pieces)
        self.requested, self.go = threading.Event(), threading.Event()

    def read(self, _size: int = -1, /) -> bytes:
        self.requested.set()
        assert self.go.wait(10)
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


GONE = AwsError("IncompleteBody", "gone")


def test_parts_in_any_order_become_the_object_without_a_copy(
    objects: BucketStore, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {number: put(objects, upload, number, data(number, 5 if number == 4 else SIZE)) for number in (2, 4, 1, 3)}
    assert {part.blob for part in parts.values()} == {parts[1].blob}
    monkeypatch.setattr(objects.blobs, "join", None)
    assert complete(objects, upload, *(parts[n] for n in (1, 2, 3, 4))) == b"".join(
        [data(1), data(2), data(3), data(4, 5)]
    )
    assert files(objects) == [parts[1].blob]


def test_many_at_once(objects: BucketStore, upload: Upload) -> None:
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda n: put(objects, upload, n, data(n)), range(1, 41)))
    assert len({part.blob for part in parts}) == 1
    assert complete(objects, upload, *parts) == b"".join(data(n) for n in range(1, 41))


def misfits(objects: BucketStore, upload: Upload) -> Iterator[list[UploadPart]]:
    """Ways in which parts stand otherwise than they will in the object."""
    one, two = put(objects, upload, 1, data(1)), put(objects, upload, 2, data(2))
    yield [one, put(objects, upload, 2, data(3)), put(objects, upload, 3, data(4))]  # sent again
    yield [one, put(objects, upload, 3, data(4))]  # a gap, and one is left out
    yield [one, two]  # the last is left out
    yield [one, put(objects, upload, 2, data(5, 2 * SIZE))]  # longer than its place
    with objects.uploads.receive(upload, 4, io.BytesIO(data(6))) as blob:  # nobody said how long
        yield [one, two, objects.uploads.put_part(upload, 4, blob)]


@pytest.mark.parametrize("way", range(5))
def test_what_does_not_fit_is_copied(objects: BucketStore, upload: Upload, way: int) -> None:
    chosen: list[UploadPart] = []
    ways = misfits(objects, upload)
    for _ in range(way + 1):
        chosen = next(ways)
    there = {part.number: part for part in objects.uploads.parts(upload)}
    chosen = [there[part.number] for part in chosen]
    expected = [objects.blobs.path(part.blob).read_bytes()[part.start : part.start + part.size] for part in chosen]
    ways.close()
    assert complete(objects, upload, *chosen) == b"".join(expected)


def test_a_part_that_breaks_off_leaves_its_place_free(objects: BucketStore, upload: Upload) -> None:
    one = put(objects, upload, 1, data(1))
    body = Body(data(9, SIZE // 2), GONE)
    body.go.set()
    with pytest.raises(AwsError), objects.uploads.receive(upload, 2, body, (), SIZE):
        pass
    two = put(objects, upload, 2, data(2, 3))
    assert two.blob == one.blob
    assert complete(objects, upload, one, two) == data(1) + data(2, 3), "the file is as long as the object"


def test_the_only_part_that_breaks_off_leaves_nothing(objects: BucketStore, upload: Upload) -> None:
    body = Body(data(9), GONE)
    body.go.set()
    with pytest.raises(AwsError), objects.uploads.receive(upload, 1, body, (), SIZE):
        pass
    assert files(objects) == []
    assert complete(objects, upload, put(objects, upload, 1, data(1))) == data(1)


def test_a_body_longer_than_announced_does_not_reach_its_neighbour(objects: BucketStore, upload: Upload) -> None:
    two = put(objects, upload, 2, data(2))
    long = io.BytesIO(data(1, 3 * SIZE))
    with pytest.raises(AwsError) as caught, objects.uploads.receive(upload, 1, long, (), SIZE):
        pass
    assert caught.value.code == "IncompleteBody"
    one = put(objects, upload, 1, data(1))
    assert complete(objects, upload, one, two) == data(1) + data(2)


def test_the_old_part_stays_until_the_new_one_is_there(objects: BucketStore, upload: Upload) -> None:
    one = put(objects, upload, 1, data(1))
    body = Body(data(9, SIZE - 1), GONE)
    body.go.set()
    with pytest.raises(AwsError), objects.uploads.receive(upload, 1, body, (), SIZE):
        pass
    assert complete(objects, upload, one) == data(1)


def test_a_straggler_cannot_write_into_the_object(objects: BucketStore, upload: Upload) -> None:
    """A part is still coming in when the upload is completed without it."""
    one, body = put(objects, upload, 1, data(1)), Body(data(7))

    def straggle() -> str:
        try:
            with objects.uploads.receive(upload, 2, body, (), SIZE) as blob:
                objects.uploads.put_part(upload, 2, blob)
        except AwsError as error:
            return error.code
        return "kept"

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(straggle)
        assert body.requested.wait(10)
        version = objects.uploads.complete(upload, [Chosen(1, one.etag)], Expected())
        assert version.blob != one.blob
        body.go.set()
        assert late.result() == "NoSuchUpload"
    objects.blobs.empty_trash(float("inf"))
    assert objects.path(version).read_bytes() == data(1)
    assert files(objects) == [version.blob]


def test_an_abort_while_a_part_comes_in(objects: BucketStore, upload: Upload) -> None:
    body = Body(data(7))

    def straggle() -> None:
        with objects.uploads.receive(upload, 1, body, (), SIZE) as blob:
            objects.uploads.put_part(upload, 1, blob)

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(straggle)
        assert body.requested.wait(10)
        objects.uploads.abort("b", "k", upload.id)
        assert list(objects.orphans(0)) == [], "it is being written"
        body.go.set()
        assert isinstance(late.exception(), AwsError)
    objects.blobs.empty_trash(float("inf"))
    assert files(objects) == []


def test_a_refused_completion_can_be_tried_again(objects: BucketStore, upload: Upload) -> None:
    parts = [put(objects, upload, n, data(n)) for n in (1, 2)]
    chosen = [Chosen(part.number, part.etag) for part in parts]
    with pytest.raises(AwsError):
        objects.uploads.complete(upload, chosen, Expected(), PutConditions(if_match="other"))
    with pytest.raises(AwsError):
        objects.uploads.complete(upload, chosen, Expected(size=1))
    parts.append(put(objects, upload, 3, data(3)))
    assert complete(objects, upload, *parts) == data(1) + data(2) + data(3)


def test_another_process_goes_on(objects: BucketStore, upload: Upload, tmp_path: Path) -> None:
    one = put(objects, upload, 1, data(1))
    later = BucketStore(objects.database, tmp_path / "objects", "off", "000000000000", "us-east-1")
    assert list(later.orphans(0)) == []
    two = put(later, upload, 2, data(2))
    assert one.blob != two.blob
    assert complete(later, upload, one, two) == data(1) + data(2)


def test_the_checksum_of_the_whole_is_that_of_its_bytes(objects: BucketStore, upload: Upload) -> None:
    parts = [put(objects, upload, n, os.urandom(SIZE if n < 3 else 100)) for n in (1, 2, 3)]
    version = objects.uploads.complete(upload, [Chosen(p.number, p.etag) for p in parts], Expected())
    with objects.blobs.receive(io.BytesIO(objects.path(version).read_bytes()), ["CRC32"]) as again:
        assert version.checksums == again.checksums


def test_only_so_many_are_remembered(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    made = [objects.uploads.create("b", f"k{n}", Properties()) for n in range(3)]
    first = [put(objects, one, 1, data(n)) for n, one in enumerate(made)]
    assert list(objects.orphans(0)) == []
    for n, one in enumerate(made):
        last = put(objects, one, 2, data(n, 3))
        version = objects.uploads.complete(one, [Chosen(1, first[n].etag), Chosen(2, last.etag)], Expected())
        assert objects.path(version).read_bytes() == data(n) + data(n, 3)
    objects.blobs.empty_trash(float("inf"))
    assert Scrub(objects).run(0) == ScrubReport(objects=3, bytes=3 * (SIZE + 3))


def test_a_place_no_file_system_has(objects: BucketStore, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 2 * SIZE)
    far = put(objects, upload, 3, data(3))
    assert far.start == 0
    near = put(objects, upload, 2, data(2))
    assert (near.start, near.blob == far.blob) == (SIZE, False)
