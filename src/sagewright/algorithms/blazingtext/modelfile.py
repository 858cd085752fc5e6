"""Reads and writes fastText's model files, `model.bin`.

Source: the contract's _deep.md, and fastText's published format of quantised models. Little-endian; matrices consist of float32
rows, or of codes of product quantisation. A file is mapped into memory, not read, because only few of its many rows are used.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from sagewright.algorithms.blazingtext.quantised import Quantised
from sagewright.algorithms.blazingtext.vocabulary import Grams, Vocabulary
from sagewright.algorithms.errors import UserError

MAGIC, VERSION, OLD = 793712314, 12, 11
HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
CBOW, SKIPGRAM, SUPERVISED = 1, 2, 3
MOST_ENTRIES, MOST_DIMENSIONS, LONGEST_WORD = 1 << 27, 1 << 16, 1 << 20
WRITTEN_ROWS = 1 << 14
_ARGUMENTS = struct.Struct("<12id")


class Matrix(Protocol):
    """Rows of float32."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def take(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float32."""
        ...


class Dense:
    """A matrix of a mapped file's bytes (m, 4 d), which are not aligned to 4 bytes; or of an array (m, d) float32."""

    def __init__(self, stored: np.ndarray) -> None:
        self._stored = stored if stored.dtype == np.uint8 else np.ascontiguousarray(stored).view(np.uint8)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._stored.shape[0]), int(self._stored.shape[1] // 4)

    def take(self, rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.ascontiguousarray(self._stored[rows]).view(np.float32)
        return found


@dataclass(frozen=True)
class Arguments:
    """The training arguments that fastText writes, under its names."""

    dim: int
    ws: int = 5
    epoch: int = 5
    minCount: int = 1  # noqa: N815
    neg: int = 5
    wordNgrams: int = 1  # noqa: N815
    loss: int = SOFTMAX
    model: int = SUPERVISED
    bucket: int = 0
    minn: int = 0
    maxn: int = 0
    lrUpdateRate: int = 100  # noqa: N815
    t: float = 1e-4

    def encode(self) -> bytes:
        return _ARGUMENTS.pack(*vars(self).values())


@dataclass(frozen=True)
class ModelFile:
    """`inputs`: a row for each word, then for each bucket; `outputs`: for each label of a classifier, else for each word."""

    arguments: Arguments
    vocabulary: Vocabulary
    labels: Vocabulary
    grams: Grams
    inputs: Matrix
    outputs: Matrix


def write(path: Path, model: ModelFile, tokens: int, used: np.ndarray | None = None) -> None:
    """`used`: the sorted numbers of the input rows that `inputs` holds; the others are zero."""
    words = [(model.vocabulary, 0), (model.labels, 1)]
    with path.open("wb") as stream:
        stream.write(struct.pack("<2i", MAGIC, VERSION) + model.arguments.encode())
        count, labels = len(model.vocabulary), len(model.labels)
        stream.write(struct.pack("<3i2q", count + labels, count, labels, tokens, -1))
        for entries, kind in words:
            for word, number in zip(entries.words, entries.counts.tolist(), strict=True):
                stream.write(word + b"\0" + struct.pack("<qb", number, kind))
        rows = model.inputs.shape[0] if used is None else count + model.grams.buckets
        stream.write(struct.pack("<b2q", 0, rows, model.inputs.shape[1]))
        _write_rows(stream, model.inputs, rows, used)
        stream.write(struct.pack("<b2q", 0, *model.outputs.shape))
        _write_rows(stream, model.outputs, model.outputs.shape[0], None)


def _write_rows(stream: BinaryIO, matrix: Matrix, rows: int, used: np.ndarray | None) -> None:
    """Writes the rows; those that are not used are a hole in the file."""
    width, begin = matrix.shape[1] * 4, stream.tell()
    stream.flush()
    for start in range(0, matrix.shape[0], WRITTEN_ROWS):
        part = np.arange(start, min(start + WRITTEN_ROWS, matrix.shape[0]))
        values = memoryview(np.ascontiguousarray(matrix.take(part), "<f4")).cast("B")
        numbers = part if used is None else used[part]
        breaks = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(part)]
        for (first, end), number in zip(pairwise(breaks), numbers[breaks[:-1]].tolist(), strict=True):
            _put(stream.fileno(), values[first * width : end * width], begin + number * width)
    stream.seek(begin + rows * width)
    stream.truncate()


def _put(file: int, content: memoryview, place: int) -> None:
    """Writes at an offset without seeking: one system call for each piece, and there are as many pieces as n-grams."""
    while content:
        done = os.pwrite(file, content, place)
        content, place = content[done:], place + done


class _Reader:
    """Reads fields from a mapped file. Raises UserError if it ends early or holds impossible values."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.place = content, 0

    def numbers(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + form)
        self._need(size)
        found = struct.unpack_from("<" + form, self.content, self.place)
        self.place += size
        return found

    def word(self) -> bytes:
        end = self.content.find(b"\0", self.place, self.place + LONGEST_WORD)
        if end < 0:
            raise UserError("the model file has a word without an end")
        found = self.content[self.place : end]
        self.place = end + 1
        return found

    def array(self, kind: str, *shape: int) -> np.ndarray:
        """An aligned copy."""
        size = int(np.dtype(kind).itemsize * np.prod(shape, dtype=object))
        self._need(size)
        found = np.frombuffer(self.content[self.place : self.place + size], kind).reshape(shape)
        self.place += size
        return found

    def mapped(self, rows: int, width: int) -> np.ndarray:
        """A view (rows, width) uint8 of the mapped file."""
        self._need(rows * width)
        found = np.frombuffer(self.content, np.uint8, rows * width, self.place).reshape(rows, width)
        self.place += rows * width
        return found

    def _need(self, size: int) -> None:
        if size < 0 or self.place + size > len(self.content):
            raise UserError("the model file is truncated, or not a fastText model")


def read(path: Path) -> ModelFile:
    """Raises UserError for a file that is broken or isn't a fastText model."""
    with path.open("rb") as stream:
        if path.stat().st_size < 8:
            raise UserError(f"{path.name} is not a fastText model: it has {path.stat().st_size} bytes")
        reader = _Reader(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    magic, version = reader.numbers("2i")
    if magic != MAGIC or version not in (OLD, VERSION):
        raise UserError(f"{path.name} is not a fastText model of version {OLD} or {VERSION}")
    arguments = Arguments(*reader.numbers("12id"))
    if not (0 < arguments.dim <= MOST_DIMENSIONS and arguments.bucket >= 0 and arguments.model in (1, 2, 3)):
        raise UserError(f"{path.name} has an impossible header: {arguments}")
    words, labels, kept = _entries(reader)
    most = 0 if version == OLD and arguments.model == SUPERVISED else arguments.maxn
    grams = Grams(arguments.bucket, arguments.wordNgrams, arguments.minn, most, kept)
    (quantised,) = reader.numbers("b")
    inputs = _quantised(reader) if quantised else _dense(reader)
    (coarse,) = reader.numbers("b")
    outputs = _quantised(reader) if quantised and coarse else _dense(reader)
    found = ModelFile(arguments, words, labels, grams, inputs, outputs)
    _check(found, path.name)
    return found


def _check(model: ModelFile, name: str) -> None:
    buckets = model.grams.buckets if model.grams.kept is None else max(model.grams.kept.values(), default=-1) + 1
    uses = model.grams.most > 0 or (model.arguments.model == SUPERVISED and model.grams.words > 1)
    least = len(model.vocabulary) + (buckets if uses else 0)
    answers = len(model.labels if model.arguments.model == SUPERVISED else model.vocabulary)
    fits = model.inputs.shape[0] >= least and model.outputs.shape[0] >= answers
    if not fits or model.inputs.shape[1] != model.arguments.dim or model.outputs.shape[1] != model.arguments.dim:
        raise UserError(f"{name}: its matrices {model.inputs.shape} and {model.outputs.shape} don't fit its words")
    if model.arguments.model == SUPERVISED and not answers:
        raise UserError(f"{name} is a classifier without labels")


def _entries(reader: _Reader) -> tuple[Vocabulary, Vocabulary, dict[int, int] | None]:
    size, words, labels, _, pruned = reader.numbers("3i2q")
    if not (words >= 0 and labels >= 0 and words + labels == size <= MOST_ENTRIES and -1 <= pruned <= MOST_ENTRIES):
        raise UserError("the model file has impossible numbers of words")
    entries = [(reader.word(), *reader.numbers("qb")) for _ in range(size)]
    if any(kind != (number >= words) for number, (_, _, kind) in enumerate(entries)):
        raise UserError("the model file has words after its labels")
    counts = np.array([count for _, count, _ in entries], np.int64)
    names = [word for word, _, _ in entries]
    kept = None if pruned < 0 else dict(reader.array("<i4", pruned, 2).tolist())
    if kept and min(kept.values()) < 0:
        raise UserError("the model file has an impossible number of rows")
    return Vocabulary(names[:words], counts[:words]), Vocabulary(names[words:], counts[words:]), kept


def _shape(reader: _Reader) -> tuple[int, int]:
    rows, width = reader.numbers("2q")
    if rows < 0 or not 0 < width <= MOST_DIMENSIONS:
        raise UserError(f"the model file has a matrix of {rows} x {width}")
    return rows, width


def _dense(reader: _Reader) -> Matrix:
    rows, width = _shape(reader)
    return Dense(reader.mapped(rows, 4 * width))


def _quantised(reader: _Reader) -> Matrix:
    (normed,) = reader.numbers("b")
    rows, width = _shape(reader)
    (size,) = reader.numbers("i")
    parts = size // rows if rows else 0
    if size != parts * rows:
        raise UserError("the model file has impossible codes")
    codes = reader.array("u1", rows, parts)
    pieces = list(_centroids(reader, width, parts))
    norms = None
    if normed:
        numbers = reader.array("u1", rows)
        (scale,) = _centroids(reader, 1, 1)
        norms = scale[numbers, 0]
    return Quantised(codes, pieces, norms)


def _centroids(reader: _Reader, width: int, parts: int) -> Iterator[np.ndarray]:
    """256 centroids for each part of a vector, (256, its width) float32."""
    dim, count, size, last = reader.numbers("4i")
    if (dim, count) != (width, parts) or size < 1 or last < 1 or size * (count - 1) + last != dim:
        raise UserError("the model file has impossible centroids")
    for part in range(count):
        yield reader.array("<f4", 256, last if part == count - 1 else size)
