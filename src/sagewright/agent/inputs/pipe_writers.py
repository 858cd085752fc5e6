"""Writes pieces to a pipe: spliced by the kernel from local files, otherwise as they arrive from S3."""

from __future__ import annotations

import errno
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.pipe_contents import Piece
from sagewright.agent.inputs.sources import ObjectSource, Stored
from sagewright.agent.s3 import JobS3

_CHUNK = 1 << 20
_SPLICED = 1 << 18  # of a pipe of 1 MiB: the reader works while the next ones arrive
_ATTEMPTS = 5
_MAGIC = 0xCED7230A
_LONGEST_RECORD = (1 << 29) - 1
_IN_MEMORY = 64 << 20
_GZIP = 31  # zlib's code for a gzip header


class PipeWriter:
    """Writes to pipes. `scratch`: a directory for data that must be unpacked to know its length.

    Raises BrokenPipeError when the reader has closed the pipe, ClientError for unsuitable data, S3Failed, OSError.
    """

    def __init__(self, s3: JobS3, source: ObjectSource, scratch: Path) -> None:
        self._s3, self._source, self._scratch = s3, source, scratch

    def send(self, piece: Piece, pipe: int) -> None:
        if isinstance(piece.data, bytes):
            self._framed(piece, len(piece.data), [piece.data], pipe)
        elif piece.gzip:
            self._unpack(piece, piece.data, pipe)
        elif piece.data.file is None:
            self._framed(piece, *self._s3.stream(piece.data.bucket, piece.data.key), pipe)
        else:
            with self._open(piece.data) as file:
                size = os.fstat(file.fileno()).st_size
                _write(pipe, _head(size, piece.data.uri) if piece.framed else b"")
                splice(file.fileno(), pipe, size)
                _write(pipe, _tail(size) if piece.framed else b"")

    def _framed(self, piece: Piece, size: int, chunks: Iterable[bytes], pipe: int) -> None:
        name = piece.data.uri if isinstance(piece.data, Stored) else "an attribute"
        _write(pipe, _head(size, name) if piece.framed else b"")
        for chunk in chunks:
            _write(pipe, chunk)
        _write(pipe, _tail(size) if piece.framed else b"")

    def _unpack(self, piece: Piece, stored: Stored, pipe: int) -> None:
        chunks = gunzip(self.chunks(stored), stored.uri)
        if not piece.framed:
            self._framed(piece, 0, chunks, pipe)
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._scratch)) as spool:
            for chunk in chunks:
                spool.write(chunk)
            size = spool.tell()
            spool.seek(0)
            self._framed(piece, size, iter(lambda: spool.read(_CHUNK), b""), pipe)

    def chunks(self, stored: Stored) -> Iterator[bytes]:
        """Yields the bytes of an object in pieces, unchanged."""
        if stored.file is None:
            yield from self._s3.stream(stored.bucket, stored.key)[1]
            return
        with self._open(stored) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def _open(self, stored: Stored) -> IO[bytes]:
        """Returns the file of an object, looked up again if it was replaced since. Raises S3Failed if it was deleted."""
        for _attempt in range(_ATTEMPTS):
            assert stored.file is not None
            try:
                return Path(stored.file).open("rb", buffering=0)
            except FileNotFoundError:
                (stored,) = self._source.find([(stored.bucket, stored.key)])
        raise FileNotFoundError(errno.ENOENT, "the object was replaced repeatedly", stored.uri)


def splice(file: int, pipe: int, size: int) -> None:
    """Moves `size` bytes from the beginning of a file into a pipe, without a copy where the file system supports it."""
    done = 0
    try:
        while done < size and (moved := os.splice(file, pipe, min(size - done, _SPLICED), offset_src=done)):
            done += moved
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    while done < size and (chunk := os.pread(file, _CHUNK, done)):
        _write(pipe, chunk)
        done += len(chunk)


def gunzip(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yields the content of a gzip file with one or several members. Raises ClientError if it is invalid or truncated."""
    unpacker = zlib.decompressobj(_GZIP)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if unpacker.eof:
                    rest = rest.lstrip(b"\0")  # padding after a member
                    if not rest:
                        break
                    unpacker = zlib.decompressobj(_GZIP)
                begun = True
                out = unpacker.decompress(rest, _CHUNK)
                if out:
                    yield out
                rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    except zlib.error as error:
        raise ClientError(f"Data download failed:{name} cannot be decompressed as Gzip: {error}") from error
    if begun and not unpacker.eof:
        raise ClientError(f"Data download failed:{name} cannot be decompressed as Gzip: it is truncated")


def _head(size: int, name: str) -> bytes:
    """Returns a record's header. Source: the contract of RecordIO, algorithms/formats/recordio.py."""
    if size > _LONGEST_RECORD:
        raise ClientError(f"Data download failed:{name} has {size} bytes, a RecordIO record at most {_LONGEST_RECORD}")
    return struct.pack("<II", _MAGIC, size)


def _tail(size: int) -> bytes:
    return b"\0" * (-size % 4)


def _write(pipe: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]
