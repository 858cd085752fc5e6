"""Pairs of sequences of tokens, read from recordIO-protobuf: records with int32 features `source` and `target`."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms import sequences
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Record
from sagewright.algorithms.job import Job
from sagewright.algorithms.seq2seq.vocabulary import BEGIN, END, PAD
from sagewright.algorithms.sequences import Texts

PAIR_BYTES = 64


@dataclass(frozen=True)
class Limits:
    """Limits of the network: sizes of the vocabularies, and lengths of sequences, of source and target."""

    words: tuple[int, int]
    longest: tuple[int, int]


@dataclass(frozen=True)
class Sentences:
    """`source` and `target` have equal numbers of sequences, without marks of begin or end."""

    source: Texts
    target: Texts

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, size: int, width: int, random: np.random.Generator) -> list[np.ndarray]:
        """Returns the numbers of an epoch's pairs, `size` at a time."""
        return sequences.batches([self.source.lengths, self.target.lengths], size, width, random)


class Growing:
    """Collects sequences one by one."""

    def __init__(self) -> None:
        self.tokens, self.ends = array("i"), array("q", [0])

    def add(self, tokens: np.ndarray) -> None:
        self.tokens.frombytes(np.ascontiguousarray(tokens, np.int32).tobytes())
        self.ends.append(len(self.tokens))

    @property
    def nbytes(self) -> int:
        return 4 * len(self.tokens) + PAIR_BYTES * len(self.ends)

    def texts(self) -> Texts:
        return Texts(np.array(self.tokens, np.int32), np.array(self.ends, np.int64))


def read(job: Job, channel: str, limits: Limits) -> Sentences:
    """Reads all pairs of a channel that are not too long. Raises UserError that names file, record and fault, or when there are
    none.
    """
    sides, room, left_out = (Growing(), Growing()), memory.for_rows(), 0
    for where, found in _records(job, channel):
        pair = [
            bare(tokens_of(found, name, words, where))
            for name, words in zip(("source", "target"), limits.words, strict=True)
        ]
        if any(not 0 < len(tokens) <= longest for tokens, longest in zip(pair, limits.longest, strict=True)):
            left_out += 1
            continue
        for side, tokens in zip(sides, pair, strict=True):
            side.add(tokens)
        if sum(side.nbytes for side in sides) > room:
            raise UserError(f"{where}: no more pairs fit in the job's memory")
    if left_out:
        logging.info(
            "Channel %s: %d pairs are left out: empty, or longer than max_seq_len_source %d or max_seq_len_target %d.",
            channel, left_out, *limits.longest,
        )  # fmt: skip
    if not sides[0].tokens:
        raise UserError(f"No data in channel {channel}: it needs at least one pair that is neither empty nor too long.")
    return Sentences(sides[0].texts(), sides[1].texts())


def _records(job: Job, channel: str) -> Iterator[tuple[str, Record]]:
    """Yields each record and its location."""
    for path in job.channel_files(channel):
        number = 0
        for block in recordio.frame_blocks(path):
            for payload in recordio.read_frames(block, f"Channel {channel}, file {path.name}"):
                where = f"Channel {channel}, file {path.name}, record {number}"
                try:
                    yield where, record.decode(payload)
                except UserError as error:
                    raise UserError(f"{where}: {error}") from error
                number += 1


def tokens_of(found: Record, name: str, words: int, where: str) -> np.ndarray:
    """Returns (n,) int32. Raises UserError if the record has no tokens, or one outside the vocabulary."""
    tensor = found.features.get(name)
    if tensor is None:
        raise UserError(f"{where}: it has no feature {name}, only {', '.join(found.features) or 'none'}")
    tokens = tensor.values
    if tokens.dtype != np.int32:
        if len(tokens):
            raise UserError(f"{where}: {name} must be of int32, not {tokens.dtype}")
        return np.zeros(0, np.int32)
    if len(tokens) and (tokens.min() < 0 or tokens.max() >= words):
        wrong = tokens.min() if tokens.min() < 0 else tokens.max()
        raise UserError(f"{where}: {name} has token {wrong}; the vocabulary's are from 0 to {words - 1}")
    return tokens


def bare(tokens: np.ndarray) -> np.ndarray:
    """Removes marks of begin and end, and padding."""
    first, last = 0, len(tokens)
    while last and tokens[last - 1] in (PAD, END):
        last -= 1
    if last and tokens[0] == BEGIN:
        first = 1
    return tokens[first:last]
