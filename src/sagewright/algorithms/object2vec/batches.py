"""Mini-batches of pairs: their order, grouping by length, negative samples."""

from __future__ import annotations

import logging

import numpy as np
import torch

from sagewright.algorithms import sequences
from sagewright.algorithms.deep.training.device import Device
from sagewright.algorithms.object2vec.encoders import Side
from sagewright.algorithms.object2vec.network import Batch
from sagewright.algorithms.object2vec.pairs import Pairs
from sagewright.algorithms.sequences import Texts

TRIES = 16


def order(pairs: Pairs, size: int, width: int, random: np.random.Generator) -> list[np.ndarray]:
    """Returns the batches of an epoch; with a `width` over 0, pairs of similar lengths on both sides come together."""
    lengths = [texts.lengths[pairs.members[:, number]] for number, texts in enumerate(pairs.texts)]
    return sequences.batches(lengths, size, width, random)


class MadeUp:
    """Negative samples: a sequence of side 0 with one of side 1 that occurs in other pairs. They have label 0."""

    def __init__(self, pairs: Pairs, rate: int, known: Pairs | None = None) -> None:
        """`known`: pairs that are not made up either, beside `pairs`."""
        self._pairs, self._rate = pairs, rate
        self._true = np.flatnonzero(pairs.labels == 1)
        given = pairs if known is None else known
        self._known = np.unique(self._keys(given.members[:, 0], given.members[:, 1]))
        if not len(self._true) and known is None:
            logging.warning(
                "negative_sampling_rate is %d, and no pair has label 1: no negative pairs are generated.", rate
            )

    def added(self, random: np.random.Generator) -> Pairs:
        """Returns the pairs, with negative samples for each one of label 1, none of which is a given pair."""
        pairs = self._pairs
        firsts = np.repeat(pairs.members[self._true, 0], self._rate)
        seconds = np.full(len(firsts), -1)
        open_ = np.arange(len(firsts))
        for _ in range(TRIES if len(firsts) else 0):
            drawn = pairs.members[random.integers(0, len(pairs), len(open_)), 1]
            new = ~np.isin(self._keys(firsts[open_], drawn), self._known)
            seconds[open_[new]] = drawn[new]
            open_ = open_[~new]
            if not len(open_):
                break
        found = seconds >= 0
        made = np.column_stack([firsts[found], seconds[found]])
        return Pairs(
            pairs.texts,
            np.concatenate([pairs.members, made]),
            np.concatenate([pairs.labels, np.zeros(len(made), np.float32)]),
        )

    def _keys(self, firsts: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        keys: np.ndarray = firsts * len(self._pairs.texts[1]) + seconds
        return keys


def batch(pairs: Pairs, numbers: np.ndarray, device: Device) -> Batch:
    """Returns some pairs on the device. Each distinct sequence is there once, except those of one token, which cost nothing."""
    sides, places = [], []
    for number, texts in enumerate(pairs.texts):
        own, place = pairs.members[numbers, number], None
        if not texts.are_single:
            own, place = np.unique(own, return_inverse=True)
        sides.append(side(texts, own, device))
        places.append(None if place is None else device.put(torch.from_numpy(place)))
    labels = device.put(torch.from_numpy(pairs.labels[numbers]))
    return Batch((sides[0], sides[1]), (places[0], places[1]), labels)


def side(texts: Texts, numbers: np.ndarray, device: Device) -> Side:
    """Returns some sequences on the device."""
    tokens, lengths = texts.take(numbers)
    return Side(device.put(torch.from_numpy(tokens)), torch.from_numpy(lengths))
