"""Documents as counts of words, and the words' names."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.job import Job

CHANNEL, FILE, VECTORS = "auxiliary", "vocab.txt", "vectors.txt"


def counts(features: Features, where: str) -> Any:
    """Returns a csr_matrix (n, V) float32 without stored zeros, each word once per row. Raises UserError, with `where`, for a
    negative count.
    """
    if isinstance(features, Sparse):
        found = csr_matrix((features.values, features.indices, features.indptr), shape=features.shape, copy=True)
    else:
        found = csr_matrix(features)
    found = found.astype(np.float32)
    if found.nnz and found.data.min() < 0:
        raise UserError(f"{where} has a negative number of words.")
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def entry_rows(x: Any) -> np.ndarray:
    """Returns the row of each stored number of a csr_matrix."""
    return np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))


def vocabulary(job: Job, columns: int) -> list[str] | None:
    """Returns the words by column; None when the job has no auxiliary channel. Raises UserError for a list that doesn't fit."""
    if CHANNEL not in job.channels:
        return None
    piped = job.channels[CHANNEL].mode == "Pipe"
    paths = [path for path in job.channel_files(CHANNEL) if piped or path.name == FILE]
    if not paths:
        raise UserError(f"Channel {CHANNEL} has no file {FILE}.")
    try:
        words = paths[0].read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{FILE} of channel {CHANNEL} is not UTF-8: {error}") from error
    words = [word.strip() for word in words]
    while words and not words[-1]:
        words.pop()
    if len(words) != columns:
        raise UserError(f"{FILE} of channel {CHANNEL} has {len(words)} words, and feature_dim is {columns}.")
    if "" in words:
        raise UserError(f"{FILE} of channel {CHANNEL}, line {words.index('') + 1} has no word.")
    return words


def vectors(job: Job, words: list[str]) -> np.ndarray | None:
    """Returns (V, d) float32, zeros for a word that has none; None when the auxiliary channel has no file of vectors.

    A line is a word and its numbers, as GloVe and word2vec write them; a first line of two numbers, the count and the width, is
    skipped. Raises UserError for other lines, and when no word has a vector.
    """
    piped = job.channels[CHANNEL].mode == "Pipe"
    paths = [] if piped else [path for path in job.channel_files(CHANNEL) if path.name == VECTORS]
    if not paths:
        return None
    place = {word: number for number, word in enumerate(words)}
    found: np.ndarray | None = None
    with paths[0].open("rb") as stream:
        for number, line in enumerate(stream, 1):
            parts = line.rstrip().split(b" ")
            row = place.get(parts[0].decode("utf-8", "replace"))
            if row is None or (number == 1 and len(parts) == 2):
                continue
            try:
                vector = np.array(parts[1:], np.float32)
            except ValueError as error:
                raise UserError(f"{VECTORS} of channel {CHANNEL}, line {number}: {error}") from error
            found = np.zeros((len(words), len(vector)), np.float32) if found is None else found
            if not len(vector) or len(vector) != found.shape[1] or not np.isfinite(vector).all():
                raise UserError(
                    f"{VECTORS} of channel {CHANNEL}, line {number}: {found.shape[1]} finite numbers are expected after the word."
                )
            found[row] = vector
    if found is None:
        raise UserError(f"{VECTORS} of channel {CHANNEL} has no word of {FILE}.")
    return found
