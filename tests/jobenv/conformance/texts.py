"""Texts whose topic is known, pairs of them, and sentences with what answers them, as numbers, lines and records."""

from __future__ import annotations

import json
import math

import numpy as np

from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor


def topics() -> np.ndarray:
    """Texts of 14 words, most of them of one of two topics: the topic's number, then the words'."""
    random = np.random.default_rng(0)
    topic = random.integers(0, 2, 150)
    words = np.where(random.random((150, 14)) < 0.7, 20 * topic[:, None], 40) + random.integers(0, 20, (150, 14))
    return np.column_stack([topic, words]).astype(np.float64)


def sentence(row: np.ndarray) -> str:
    return " ".join([f"__label__{row[0]:g}", *(f"w{number:g}" for number in row[1:])])


def alike() -> np.ndarray:
    """Pairs of sequences of 4 tokens each, of which 0 stands for none: whether both have one topic, then the tokens."""
    random = np.random.default_rng(0)
    topic = random.integers(0, 2, (60, 2))
    tokens = 1 + 20 * topic.repeat(4, axis=1) + random.integers(0, 20, (60, 8))
    tokens[:, [2, 3, 6, 7]] *= random.integers(0, 2, (60, 4))
    return np.column_stack([topic[:, 0] == topic[:, 1], tokens]).astype(np.float64)


def pair(row: np.ndarray) -> str:
    """A line of Object2Vec's; numbers that are no token stay what they are."""
    numbers = [int(each) if math.isfinite(each) and each == int(each) else each for each in row.tolist()]
    label, tokens = numbers[0], numbers[1:]
    half = (len(tokens) + 1) // 2
    in0, in1 = ([each for each in part if each != 0] for part in (tokens[:half], tokens[half:]))
    return json.dumps({"label": label, "in0": in0, "in1": in1})


VOCABULARY = json.dumps(
    {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, **{f"w{number}": number for number in range(4, 30)}}
).encode()


def echoes() -> np.ndarray:
    """Sentences of up to 4 words, and the same ones backwards; 0 stands for none."""
    random = np.random.default_rng(0)
    words = random.integers(4, 30, (60, 4))
    words[:, 1:] *= np.arange(1, 4) < random.integers(1, 5, (60, 1))
    return np.column_stack([words, words[:, ::-1]]).astype(np.float64)


def sentence_records(rows: np.ndarray) -> bytes:
    """Records of Seq2Seq's, half of each row the source; numbers that are no token are floats."""

    def tensor(part: np.ndarray) -> Tensor:
        words = part[part != 0]
        whole = np.isfinite(words).all() and np.abs(words).max(initial=0) < 2**31
        return Tensor(words.astype("<i4" if whole else "<f4"))

    half = (rows.shape[1] + 1) // 2
    return recordio.write_frames(
        record.encode({"source": tensor(row[:half]), "target": tensor(row[half:])}, {}) for row in rows
    )
