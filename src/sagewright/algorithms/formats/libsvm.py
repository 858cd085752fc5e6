"""LibSVM text: `label[:weight] [qid:n] index:value …`, indices from 0.

Source: the contract's xgboost.md. XGBoost's own reader uses `qid` for ranking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.blocks import line_blocks
from sagewright.algorithms.formats.table import Layout, Sparse, Table

MOST_QUERY = 2**31 - 1


def batches(paths: Sequence[Path], layout: Layout) -> Iterator[Table]:  # noqa: ARG001 - the format says where labels are
    """The rows of the files in order. Raises UserError, with file and line, for text that is not LibSVM."""
    for path in paths:
        lines = 0
        for block in line_blocks(path):
            table = parse(block, f"file {path}", lines)
            lines += block.count(b"\n")
            if table.rows:
                yield table


def parse(block: bytes, name: str, lines_before: int = 0) -> Table:
    """The rows of whole lines; the number of columns follows from the largest index. Raises UserError."""
    if b"#" in block:
        block = re.sub(rb"#[^\n]*", b"", block)
    characters = np.frombuffer(block, np.uint8)
    blank = characters <= 32
    starts = np.flatnonzero(~blank & np.concatenate(([True], blank[:-1])))
    lines = np.searchsorted(np.flatnonzero(characters == 10), starts)
    colons = np.bincount(np.searchsorted(starts, np.flatnonzero(characters == 58), "right") - 1, minlength=len(starts))
    leads = np.concatenate(([True], lines[1:] != lines[:-1])) if len(starts) else np.empty(0, bool)
    queries = characters[starts] == ord("q")
    wrong = np.flatnonzero(np.where(leads, colons > 1, colons != 1))
    if len(wrong):
        raise _unreadable(block, name, lines_before + int(lines[wrong[0]]), starts[wrong[0]])
    numbers, position = _numbers(block, starts, colons + 1 - queries, name)
    rows = np.cumsum(leads) - 1
    entries = ~leads & ~queries
    indices = numbers[position[entries]]
    if len(indices) and (indices.min() < 0 or (indices != np.floor(indices)).any()):
        raise UserError(f"{name}: an index is not an integer of 0 or more")
    weighted = leads & (colons == 1)
    count = int(leads.sum())
    return Table(
        features=Sparse(
            indptr=np.concatenate(([0], np.cumsum(np.bincount(rows[entries], minlength=count)))),
            indices=indices.astype(np.int64),
            values=numbers[position[entries] + 1].astype(np.float32),
            columns=int(indices.max()) + 1 if len(indices) else 0,
        ),
        labels=numbers[position[leads]].astype(np.float32),
        weights=_scatter(count, rows[weighted], numbers[position[weighted] + 1]) if weighted.any() else None,
        groups=_groups(count, rows[queries], numbers[position[queries]], name) if queries.any() else None,
    )


def _numbers(block: bytes, starts: np.ndarray, counts: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of the block (float64), and the position of each token's first number."""
    text = block.replace(b"qid:", b" ").replace(b":", b" ")
    try:
        numbers = np.fromstring(text, sep=" ")  # parses text, which is not the deprecated use
    except ValueError as error:
        raise UserError(f"{name} is not LIBSVM: {error}") from error
    if len(numbers) != int(counts.sum()):
        raise UserError(f"{name} is not LIBSVM: a value is missing after a colon")
    assert len(starts) == len(counts)
    return numbers, np.cumsum(counts) - counts


def _scatter(count: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.ones(count, np.float32)
    out[rows] = values
    return out


def _groups(count: int, rows: np.ndarray, values: np.ndarray, name: str) -> np.ndarray:
    if not ((values >= 0) & (values <= MOST_QUERY) & (values == np.floor(values))).all():
        raise UserError(f"{name}: a qid is not an integer from 0 to {MOST_QUERY:,}")
    out = np.zeros(count, np.int64)
    out[rows] = values
    return out


def _unreadable(block: bytes, name: str, line: int, start: int) -> UserError:
    text = block[start : start + 50].split(b"\n", 1)[0].decode("utf-8", "replace")
    return UserError(f"{name}, line {line + 1}: '{text}' is not LIBSVM: label[:weight] index:value …")
