"""Assemblies: files in which the parts of an upload stand at their place from the start, so that its end copies nothing.

The first part says how far apart the places are: part N begins at (N - 1) times its size. A place is written once; a
part that is longer, or sent again, is a blob of its own, and then the completion copies. An assembly is written by the
process that made it alone; after a restart only the rows of its parts know it, and the completion copies.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sagewright.model.errors import AwsError
from sagewright.objects.blobs import writeback
from sagewright.objects.blobs.blobs import Blob, BlobStore, full_disk_told
from sagewright.store.objects.uploads import UploadPart

MOST = 1000
"""Assemblies that are remembered; of the one unused for longest no more parts are taken."""

MOST_BYTES = 5 * 1024**4
"""Where a part may end: S3's largest object. File systems end not far beyond."""


Fill = Callable[[int], Blob]
"""Writes to a descriptor from where it stands on."""


@dataclass
class Assembly:
    """`taken` are the numbers of parts whose place holds a part or is being filled."""

    blob: str
    stride: int
    taken: set[int] = field(default_factory=set)
    writing: int = 0
    sealed: bool = False
    forgotten: bool = False


class Assemblies:
    """Those of unfinished uploads, by their ids. Safe to use from many threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._of: dict[str, Assembly] = {}
        self._turn = threading.Condition()

    def claim(self, upload: str, number: int, length: int, *, begin: bool) -> Assembly | None:
        """The assembly in which the place of this part of `length` bytes is the caller's now; None: it has none.

        `begin`: whether this part may be the first, after whose length the places go.
        """
        with self._turn:
            assembly = self._of.get(upload) or (self._made(upload, length) if begin else None)
            if assembly is None or assembly.sealed or length > assembly.stride or number in assembly.taken:
                return None
            if number * assembly.stride > MOST_BYTES:
                return None
            assembly.taken.add(number)
            assembly.writing += 1
            return assembly

    def _made(self, upload: str, length: int) -> Assembly | None:
        if len(self._of) >= MOST:
            idle = next((name for name, one in self._of.items() if not one.writing and not one.sealed), None)
            if idle is None:
                return None
            self._blobs.end(self._of.pop(idle).blob, kept=True)  # its parts have rows
        made = self._of[upload] = Assembly(self._blobs.create(), length)
        return made

    @contextmanager
    def receive(self, upload: str, assembly: Assembly, number: int, fill: Fill) -> Iterator[Blob]:
        """As BlobStore.receive, into the place that was claimed. Once it is kept, the place is never written again."""
        blob = None
        kept = False
        try:
            blob = self._write(assembly, number, fill)
            yield blob
            kept = blob.kept
        except BaseException as error:
            # As with a Receipt: the row may be there although its writer failed.
            kept = blob is not None and (blob.kept or not isinstance(error, AwsError))
            raise
        finally:
            self._leave(upload, assembly, number, kept=kept)

    def _write(self, assembly: Assembly, number: int, fill: Fill) -> Blob:
        start = (number - 1) * assembly.stride
        with full_disk_told(), self._blobs.opened(assembly.blob) as file:
            os.lseek(file, start, os.SEEK_SET)
            blob = fill(file)
            self._blobs.sync(file)
        blob.id, blob.start = assembly.blob, start
        return blob

    def _leave(self, upload: str, assembly: Assembly, number: int, *, kept: bool) -> None:
        if not kept:
            self._clear(assembly, number)
        with self._turn:
            if not kept:
                assembly.taken.discard(number)
            assembly.writing -= 1
            if assembly.writing:
                return
            if assembly.forgotten:
                self._drop(assembly)
            elif not assembly.taken and self._of.pop(upload, None) is not None:
                self._blobs.end(assembly.blob, kept=False)

    def _clear(self, assembly: Assembly, number: int) -> None:
        """Give back what a part took that was not kept."""
        with suppress(OSError), self._blobs.opened(assembly.blob) as file:
            writeback.punch(file, (number - 1) * assembly.stride, assembly.stride)

    @contextmanager
    def whole(self, upload: str, parts: Sequence[UploadPart]) -> Iterator[Blob | None]:
        """The assembly as the blob of an object, if `parts` are all of it and stand without a gap; else None.

        Nothing is put into it meanwhile, nor ever after once the blob was kept. One caller at a time.
        """
        assembly = self._sealed(upload, parts)
        if assembly is None:
            yield None
            return
        blob = Blob(assembly.blob, sum(part.size for part in parts), "")
        kept = False
        try:
            with full_disk_told():
                self._cut(blob)
            yield blob
            kept = blob.kept
        except BaseException as error:
            kept = blob.kept or not isinstance(error, AwsError)
            raise
        finally:
            with self._turn:
                assembly.sealed = False
                if kept and self._of.pop(upload, None) is not None:
                    self._blobs.end(assembly.blob, kept=True)
                self._turn.notify_all()

    def _sealed(self, upload: str, parts: Sequence[UploadPart]) -> Assembly | None:
        with self._turn:
            while (assembly := self._of.get(upload)) and assembly.sealed:
                self._turn.wait()
            if assembly is None or assembly.writing or assembly.taken != {part.number for part in parts}:
                return None
            end = 0
            for part in parts:
                if part.blob != assembly.blob or part.start != end:
                    return None
                end += part.size
            assembly.sealed = True
            return assembly

    def _cut(self, blob: Blob) -> None:
        """Without what a part that was not kept left behind the last."""
        with self._blobs.opened(blob.id) as file:
            if os.fstat(file).st_size > blob.size:
                os.ftruncate(file, blob.size)
                self._blobs.sync(file)

    def holds(self, upload: str, blob: str) -> bool:
        """Whether `blob` is the upload's assembly, which parts without a row may be using."""
        with self._turn:
            assembly = self._of.get(upload)
            return assembly is not None and assembly.blob == blob

    def forget(self, upload: str) -> None:
        """The upload is no more, and its rows neither: remove its assembly, for which a reader has a while."""
        with self._turn:
            assembly = self._of.pop(upload, None)
            if assembly is None:
                return
            assembly.forgotten = True
            if not assembly.writing:
                self._drop(assembly)

    def _drop(self, assembly: Assembly) -> None:
        self._blobs.discard([assembly.blob])
        self._blobs.end(assembly.blob, kept=True)
