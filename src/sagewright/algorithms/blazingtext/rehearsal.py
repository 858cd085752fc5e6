"""Runs the kernels of a mode on a text of two words, so that numba compiles them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext.classification import convex, descentkernel
from sagewright.algorithms.blazingtext.embeddings import word2vec
from sagewright.algorithms.blazingtext.vocabulary import Grams, Subwords, Vocabulary


def rehearse(values: Mapping[str, Any]) -> None:
    """Compiles for the types of both solvers of the text classifier, or of one kind of word2vec."""
    if values["mode"] == "supervised":
        _supervised()
    else:
        _vectors(values["mode"])


def _vectors(mode: str) -> None:
    known = Vocabulary([b"one", b"other"], np.array([2, 1]))
    inputs, outputs = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32)
    learner = word2vec.Word2VecLearner(inputs, outputs, Subwords(known, Grams(0)))
    text = np.array([0, 1], np.int32), np.array([0, 2])
    chance = np.ones(1, np.uint64)
    word2vec.KERNELS[mode](text, learner.arrays, word2vec.noise_of(known.counts, 1.0), (1, 1, 1), (0.1, 0.1), chance)


def _supervised() -> None:
    texts = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)
    convex.dual_descent(texts, np.ones((1, 1), np.int8), 1, [np.zeros(1, np.int64)], np.float32(1))
    vector = np.zeros((1, 1), np.float32)
    descentkernel.learn(texts, vector, vector.copy(), np.zeros(1, np.int64), np.zeros(1, np.int64), (0.1, 0.1))
