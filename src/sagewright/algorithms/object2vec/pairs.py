"""Pairs of sequences of tokens, read from JSON Lines: `{"label": 1, "in0": [6, 17], "in1": [16, 21, 13]}`.

Each sequence is kept once, however many pairs it is in.
"""

from __future__ import annotations

import json
import logging
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.job import Job
from sagewright.algorithms.sequences import Texts

MOST_LINE_BYTES = 16 << 20
TEXT_BYTES = 200
"""Memory of a sequence besides its tokens."""
PAIR_BYTES = 96
NAMES = ("in0", "in1")


@dataclass(frozen=True)
class Pairs:
    """`texts`: the sequences of each side; `members` (n, 2) int64: the two sequences of each pair; `labels` (n,) float32."""

    texts: tuple[Texts, Texts]
    members: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Limits:
    """Limits of the network's input: for each side the vocabulary's size and how many tokens of a sequence are read. Labels are
    classes from 0 to `classes` - 1, or any number where it is None.
    """

    vocabularies: tuple[int, int]
    longest: tuple[int, int]
    classes: int | None = None


class Collection:
    """Distinct sequences of one side, in the order of arrival."""

    def __init__(self, name: str, vocabulary: int, longest: int) -> None:
        self._name, self._vocabulary, self._longest = name, vocabulary, longest
        self._numbers: dict[bytes, int] = {}
        self._ends = array("q", [0])
        self._tokens = array("i")
        self.cut = 0

    def add(self, tokens: Any) -> int:
        """Returns the number of a sequence. Raises ValueError if it is invalid."""
        self._check(tokens)
        if len(tokens) > self._longest:
            self.cut += 1
            tokens = tokens[: self._longest]
        packed = array("i", tokens)
        key = packed.tobytes()
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self._ends) - 1:
            self._tokens.extend(packed)
            self._ends.append(len(self._tokens))
        return number

    def _check(self, tokens: Any) -> None:
        if not isinstance(tokens, list):
            raise ValueError(f"{self._name} must be a list of tokens, not {_shown(tokens)}")
        if not tokens:
            raise ValueError(f"{self._name} is empty: a sequence has at least one token")
        if set(map(type, tokens)) != {int}:
            wrong = next(each for each in tokens if type(each) is not int)
            raise ValueError(f"{self._name} has {_shown(wrong)}: tokens are whole numbers")
        least, most = min(tokens), max(tokens)
        if least < 0 or most >= self._vocabulary:
            wrong = least if least < 0 else most
            raise ValueError(f"{self._name} has token {_shown(wrong)}: tokens are from 0 to {self._vocabulary - 1}")

    @property
    def nbytes(self) -> int:
        return 8 * len(self._tokens) + TEXT_BYTES * len(self._ends)

    def texts(self) -> Texts:
        return Texts(np.array(self._tokens, np.int32), np.array(self._ends, np.int64))


def collections(limits: Limits) -> tuple[Collection, Collection]:
    """Returns empty collections of both sides."""
    first, second = (
        Collection(*each) for each in zip(NAMES, limits.vocabularies, limits.longest, strict=True)
    )  # fmt: skip
    return first, second


def read(job: Job, channel: str, limits: Limits) -> Pairs:
    """Reads all pairs of a channel. Raises UserError that names file, line and fault, or when there are none."""
    sides, labels = collections(limits), array("f")
    members, room = array("q"), memory.for_rows()
    for path in job.channel_files(channel):
        where = f"Channel {channel}, file {path.name}"
        for number, line in _lines(path, where):
            try:
                found = _object(line)
                labels.append(_label(found, limits.classes))
                members.extend(side.add(_member(found, name)) for side, name in zip(sides, NAMES, strict=True))
            except ValueError as error:
                raise UserError(f"{where}, line {number}: {error}") from error
            if sum(side.nbytes for side in sides) + PAIR_BYTES * len(labels) > room:
                raise UserError(f"{where}, line {number}: no more pairs fit in the job's memory.")
    if not labels:
        raise UserError(f"No data in channel {channel}: it needs at least one pair.")
    for side, name, longest in zip(sides, NAMES, limits.longest, strict=True):
        if side.cut:
            logging.info("Channel %s: %d %s longer than %d tokens are cut.", channel, side.cut, name, longest)
    pairs = np.array(members, np.int64).reshape(-1, 2)
    return Pairs((sides[0].texts(), sides[1].texts()), pairs, np.array(labels, np.float32))


def _lines(path: Path, where: str) -> Iterator[tuple[int, bytes]]:
    """Yields lines that are not blank, with their numbers from 1 on."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                raise UserError(f"{where}, line {number}: it is longer than {MOST_LINE_BYTES} bytes")
            if line.strip():
                yield number, line


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError('it is not an object with "label", "in0" and "in1"')
    return found


def _member(found: Mapping[str, Any], name: str) -> Any:
    if name not in found:
        raise ValueError(f"it has no {name}")
    return found[name]


def _label(found: Mapping[str, Any], classes: int | None) -> float:
    label = _member(found, "label")
    if isinstance(label, bool) or not isinstance(label, (int, float)) or not _is_single(label):
        raise ValueError(f"label must be a number, not {_shown(label)}")
    if classes is not None and not (0 <= label < classes and label == int(label)):
        raise ValueError(
            f"label {_shown(label)} must be a whole number from 0 to {classes - 1} (num_classes {classes})"
        )
    return float(label)


def _is_single(number: float) -> bool:
    """True if the number is within single precision's range."""
    return abs(number) < 3e38 if isinstance(number, int) else math.isfinite(number) and abs(number) < 3e38


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."
