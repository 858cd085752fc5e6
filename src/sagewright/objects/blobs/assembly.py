"""Assemblies: files in which the parts of an upload are written at their final position, so that its completion copies nothing.

The first part sets the stride: part N begins at (N - 1) times its size. A position is written once; a part that is longer, or sent
again, becomes a separate blob, and then the completion copies. Only the process that created an assembly writes to it; after a
restart only the rows of its parts refer to it, and the completion copies.
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
"""Maximum number of open assemblies; the least recently used one accepts no more parts."""

MOST_BYTES = 5 * 1024**4
"""Maximum end position of a part: S3's largest object. File systems' limits are not much higher."""


Fill = Callable[[int], Blob]
"""Writes to a descriptor from its current position."""


@dataclass
class Assembly:
    """`taken`: numbers of the parts whose position has a part or is being filled."""

    blob: str
    stride: int
    taken: set[int] = field(default_factory=set)
    writing: int = 0
    sealed: bool = False
    forgotten: bool = False


class Assemblies:
    """The assemblies of unfinished uploads, by upload id. Thread-safe."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._of: dict[str, Assembly] = {}
        self._turn = threading.Condition()

    def claim(self, upload: str, number: int, length: int, *, begin: bool) -> Assembly | None:
        """Reserves the position of this part of `length` bytes for the caller; returns None if it has none.

        `begin`: True if this part can be the first, whose length becomes the stride.
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
        """Like BlobStore.receive, into the reserved position. Once the blob is kept, the position is never written again."""
        blob = None
        kept = False
        try:
            blob = self._write(assembly, number, fill)
            yield blob
            kept = blob.kept
        except BaseException as error:
            # As with a Receipt: the row can exist although its writer failed.
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
        """Frees the position of a part that was not kept."""
        with suppress(OSError), self._blobs.opened(assembly.blob) as file:
            writeback.punch(file, (number - 1) * assembly.stride, assembly.stride)

    @contextmanager
    def whole(self, upload: str, parts: Sequence[UploadPart]) -> Iterator[Blob | None]:
        """Yields the assembly as the blob of an object, if `parts` are all of it and have no gaps; else None.

        Nothing is written to it meanwhile, nor after the blob was kept. For one caller at a time.
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
        """Truncates the bytes of discarded parts after the last one."""
        with self._blobs.opened(blob.id) as file:
            if os.fstat(file).st_size > blob.size:
                os.ftruncate(file, blob.size)
                self._blobs.sync(file)

    def holds(self, upload: str, blob: str) -> bool:
        """Returns True if `blob` is the upload's assembly, which parts without a row may be using."""
        with self._turn:
            assembly = self._of.get(upload)
            return assembly is not None and assembly.blob == blob

    def forget(self, upload: str) -> None:
        """Removes the assembly of an upload that has ended, after a delay for readers."""
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
