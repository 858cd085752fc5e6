"""Labelled texts as counts of the rows of a model."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sagewright.algorithms.blazingtext import hashing, vocabulary
from sagewright.algorithms.blazingtext.reading import Text
from sagewright.algorithms.blazingtext.vocabulary import LABEL, Grams, Vocabulary
from sagewright.algorithms.errors import UserError


@dataclass(frozen=True)
class Language:
    """The vocabulary of a classifier: words, labels, and rows of n-grams."""

    words: Vocabulary
    labels: Vocabulary
    grams: Grams

    @property
    def rows(self) -> int:
        return len(self.words) + self.grams.buckets


@dataclass(frozen=True)
class Examples:
    """`counts` (n, rows) csr_array float32; `belongs` (n, labels) bool."""

    counts: sparse.csr_array
    belongs: np.ndarray

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def take(self, rows: np.ndarray) -> Examples:
        return Examples(self.counts[rows], self.belongs[rows])

    def accuracy(self, scores: np.ndarray) -> float:
        """The share of texts whose most likely label is one of theirs; `scores` (n, labels)."""
        return float(self.belongs[np.arange(len(self)), scores.argmax(axis=1)].mean())


class Labelled:
    """A text with words and labels separated: for each word its number, hash and line, for each label its line."""

    def __init__(self, text: Text) -> None:
        ends = text.ids == 0
        line = np.cumsum(ends) - ends
        is_label = np.fromiter((word.startswith(LABEL) for word in text.words), bool, len(text.words))
        labels = is_label[text.ids]
        self.names, self.is_label = text.words, is_label
        self.words, self.word_lines = text.ids[~labels], line[~labels]
        self.labels, self.label_lines = text.ids[labels], line[labels]
        self.lines = int(line[-1]) + 1
        self.counts = np.bincount(text.ids, minlength=len(text.words))

    def hashed(self, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The lines and hashes of bigrams, trigrams and so on up to `most` words."""
        wide = hashing.widened(hashing.hashes(self.names))[self.words]
        return list(hashing.ngrams(wide, self.word_lines, most))


def language(text: Labelled, least: int, most: int, buckets: int | None, *, singles: bool = False) -> Language:
    """The language of a training text; `buckets` None: as many as it needs, with `singles` for n-grams that occur only once, too.
    Raises UserError if it has no label or no word.
    """
    words = vocabulary.chosen(np.where(text.is_label, 0, text.counts), least)
    labels = vocabulary.chosen(np.where(text.is_label, text.counts, 0), 1)
    if not len(labels):
        raise UserError("channel train has no label: each line must begin with at least one __label__NAME")
    if not len(words):
        raise UserError(f"no word of channel train occurs {least} times: a smaller min_count keeps more of them")
    if most == 1:
        buckets = 0
    elif buckets is None:
        buckets = vocabulary.buckets_for(_distinct(text.hashed(most), singles=singles))
    return Language(
        Vocabulary([text.names[number] for number in words], text.counts[words]),
        Vocabulary([text.names[number] for number in labels], text.counts[labels]),
        Grams(buckets, most),
    )


def _distinct(hashed: list[tuple[np.ndarray, np.ndarray]], *, singles: bool) -> int:
    """The number of n-grams: of those that occur at least twice, or of all with `singles`."""
    if not hashed:
        return 0
    everything = np.sort(np.concatenate([each for _, each in hashed]))
    same = everything[1:] == everything[:-1]
    repeated = int((same & ~np.concatenate([[False], same[:-1]])).sum())
    return len(everything) - int(same.sum()) if singles else repeated


def examples(text: Labelled, known: Language, channel: str) -> Examples:
    """Lines with a known label and a known word. Raises UserError if there are none."""
    place = np.array([known.words.places.get(word, -1) for word in text.names], np.int64)
    name = np.array([known.labels.places.get(word, -1) for word in text.names], np.int64)
    at = place[text.words]
    lines, rows = [text.word_lines[at >= 0]], [at[at >= 0]]
    for where, hashed in text.hashed(known.grams.words):
        lines.append(where)
        rows.append(len(known.words) + known.grams.rows(hashed))
    line, row = np.concatenate(lines), np.concatenate(rows)
    ones = np.ones(len(row), np.float32)
    counts = sparse.coo_array((ones, (line, row)), (text.lines, known.rows)).tocsr()
    counts.sum_duplicates()
    belongs = np.zeros((text.lines, len(known.labels)), bool)
    known_label = name[text.labels] >= 0
    belongs[text.label_lines[known_label], name[text.labels][known_label]] = True
    good = np.flatnonzero(belongs.any(axis=1) & (np.diff(counts.indptr) > 0))
    if not len(good):
        raise UserError(f"channel {channel} has no line with a label of channel train and a word")
    if len(good) < text.lines:
        logging.info(
            "Channel %s: %d of %d lines have no label of channel train, or no known word. They are not used.",
            channel, text.lines - len(good), text.lines,
        )  # fmt: skip
    return Examples(counts[good], belongs[good]) if len(good) < text.lines else Examples(counts, belongs)
