"""The pairs of a mini-batch, compiled: their scores, and the gradients of their loss with respect to their vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty import adam
from sagewright.algorithms.ipinsights import descent
from sagewright.algorithms.native.kernels import native, part

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""`entity` (n,), `place` (n, 1 + m) and `blocks` (a, lengths): for each event its entity and addresses, its own first; for each
address its blocks' vectors.
"""
Tables = tuple[np.ndarray, np.ndarray]
"""The vectors of entities (E, d) and of blocks (b + 1, d); the last row stands for no block."""
OfPairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The vectors of addresses (a, d), initially the network's output; their gradients, initially zeros; scores (n, 1 + m)."""
Sums = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Sums over a table's rows: `number` (rows,) of each touched row, -1 for all others; the touched `rows` (most,); and the sums of
their gradients (most, d).
"""


@part
def _claimed(row: int, sums: Sums, count: int) -> int:
    """The number of touched rows including this one."""
    number, rows, slopes = sums
    if number[row] >= 0:
        return count
    number[row] = count
    rows[count] = row
    for column in range(slopes.shape[1]):
        slopes[count, column] = 0
    return count + 1


@part
def _of_pairs(batch: Batch, entities: np.ndarray, of_pairs: OfPairs, sums: Sums) -> int:
    """The number of touched entities."""
    (entity, place, _), (addresses, slopes, scores) = batch, of_pairs
    width, count = addresses.shape[1], 0
    for event in range(len(entity)):
        own = np.uintp(entity[event])
        count = _claimed(own, sums, count)
        row = np.uintp(sums[0][own])
        for pair in range(place.shape[1]):
            address = np.uintp(place[event, pair])
            score = np.float32(0)
            for column in range(width):
                score += entities[own, column] * addresses[address, column]
            scores[event, pair] = score
            error = 1 / (1 + np.exp(-score)) - np.float32(pair == 0)
            for column in range(width):
                sums[2][row, column] += error * addresses[address, column]
                slopes[address, column] += error * entities[own, column]
    return count


@part
def _of_blocks(blocks: np.ndarray, slopes: np.ndarray, none: int, sums: Sums) -> int:
    """The number of touched blocks; `none` stands for no block."""
    count = 0
    for address in range(len(blocks)):
        for length in range(blocks.shape[1]):
            block = np.uintp(blocks[address, length])
            if block != none:
                count = _claimed(block, sums, count)
                row = np.uintp(sums[0][block])
                for column in range(slopes.shape[1]):
                    sums[2][row, column] += slopes[address, column]
    return count


@part
def _forget(sums: Sums, count: int) -> None:
    for row in range(count):
        sums[0][sums[1][row]] = -1


@native(
    "Tuple((int32[::1], int64[:, ::1], int32[:, ::1])), Tuple((float32[:, ::1], float32[:, ::1])), "
    "Tuple((float32[:, ::1], float32[:, ::1], float32[:, ::1])), Tuple((int32[::1], int64[::1], float32[:, ::1])), "
    "Tuple((int32[::1], int64[::1], float32[:, ::1])), int64[::1]",
    fastmath=True,
)
def _slopes(
    batch: Batch, tables: Tables, of_pairs: OfPairs, of_entities: Sums, of_blocks: Sums, touched: np.ndarray
) -> None:
    blocks, vectors, addresses = batch[2], tables[1], of_pairs[0]
    for address in range(len(blocks)):
        for length in range(blocks.shape[1]):
            block = np.uintp(blocks[address, length])
            if block != len(vectors) - 1:
                for column in range(addresses.shape[1]):
                    addresses[address, column] += vectors[block, column]
    touched[0] = _of_pairs(batch, tables[0], of_pairs, of_entities)
    touched[1] = _of_blocks(blocks, of_pairs[1], len(vectors) - 1, of_blocks)
    _forget(of_entities, touched[0])
    _forget(of_blocks, touched[1])


@dataclass(frozen=True)
class Slopes:
    """`scores` (n, 1 + m) of the pairs, and the gradients of the sum of their logistic losses: `addresses` (a, d) with respect to
    the network's output, `entities` and `blocks` each as rows of a table (r,) and their gradients (r, d).
    """

    scores: np.ndarray
    addresses: np.ndarray
    entities: tuple[np.ndarray, np.ndarray]
    blocks: tuple[np.ndarray, np.ndarray]


class Room:
    """The kernel's buffers, reused by all mini-batches: results are valid until the next mini-batch."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._numbers = [np.full(len(table), -1, np.int32) for table in tables]
        self._sums = [self._of(numbers, 0) for numbers in self._numbers]

    def slopes(self, batch: Batch, inside: np.ndarray) -> Slopes:
        """Gradients for pairs whose addresses have the network's vectors `inside` (a, d) float32, which are overwritten."""
        entity, place, blocks = batch
        for number, most in enumerate((len(entity), blocks.size)):
            if len(self._sums[number][1]) < most:
                self._sums[number] = self._of(self._numbers[number], most)
        scores, of_addresses, touched = np.empty(place.shape, np.float32), np.zeros_like(inside), np.zeros(2, np.int64)
        _slopes(batch, self.tables, (inside, of_addresses, scores), *self._sums, touched)
        rows = [(sums[1][:count], sums[2][:count]) for sums, count in zip(self._sums, touched, strict=True)]
        return Slopes(scores, of_addresses, rows[0], rows[1])

    def _of(self, numbers: np.ndarray, most: int) -> Sums:
        return numbers, np.empty(most, np.int64), np.empty((most, self.tables[0].shape[1]), np.float32)


def rehearse(_values: Mapping[str, Any]) -> None:
    """Runs the kernel on one pair."""
    table = np.ones((2, 1), np.float32)
    batch = np.zeros(1, np.int32), np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int32)
    Room((table, table.copy())).slopes(batch, np.ones((1, 1), np.float32))
    adam.rehearse()
    descent.rehearse()
